"""An HTTP proxy on loopback that a test may cut off, as networks are."""

import base64
import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from storage_parts import send

LIMIT_S = 60.0
_PIECE_BYTES = 1024


@dataclass
class Proxy:
    """Forwards what it is asked for while `forwards` is set; connections stay when it is not."""

    account: str = ""  # `user:password`, when it wants one
    url: str = ""
    asked: list[str] = field(default_factory=list)
    cut_at: int | None = None  # after so many bytes of media nothing is forwarded any more
    forwards: threading.Event = field(default_factory=threading.Event)
    _passed: int = 0

    @contextmanager
    def open(self) -> Iterator["Proxy"]:
        proxy = self
        proxy.forwards.set()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.close_connection = True
                proxy._answer(self)

            def do_CONNECT(self) -> None:
                self.close_connection = True
                proxy.asked.append(self.path)
                send(self, 502)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        account = f"{self.account}@" if self.account else ""
        self.url = f"http://{account}127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            self.forwards.set()
            server.shutdown()
            server.server_close()
            thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        self.forwards.wait(LIMIT_S)
        wanted = "Basic " + base64.b64encode(self.account.encode()).decode()
        if self.account and handler.headers.get("Proxy-Authorization") != wanted:
            send(handler, 407)
            return
        status, body = self._fetch(handler.path)
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        for at in range(0, len(body), _PIECE_BYTES):
            self._pass(handler, body[at : at + _PIECE_BYTES])

    def _fetch(self, url: str) -> tuple[int, bytes]:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=LIMIT_S)
        try:
            connection.request("GET", f"{parts.path}?{parts.query}")
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _pass(self, handler: BaseHTTPRequestHandler, piece: bytes) -> None:
        self._passed += len(piece)
        if self.cut_at is not None and self._passed > self.cut_at:
            self.cut_at = None
            self.forwards.clear()
        self.forwards.wait(LIMIT_S)
        with suppress(OSError):
            handler.wfile.write(piece)
