"""Those who are told: a webhook and a mail server on loopback, with bad manners on demand."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from storage_parts import free_port


@dataclass
class Webhook:
    """What has arrived, and how the next request is answered: see `_Handler`."""

    manner: str = "ok"
    elsewhere: str = ""
    received: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    asked: int = 0
    url: str = ""
    leave: threading.Event = field(default_factory=threading.Event)

    @property
    def texts(self) -> list[str]:
        return [one["text"] for one in self.received]


class _Handler(BaseHTTPRequestHandler):
    hook: Webhook

    def do_POST(self) -> None:
        hook = self.hook
        hook.asked += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if hook.manner == "ok":
            hook.received.append(json.loads(body))
            hook.ids.append(self.headers["Idempotency-Key"])
            self._answer(204)
        elif hook.manner == "hang":
            hook.leave.wait(60)
        elif hook.manner == "drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            while not hook.leave.wait(0.05):
                self.wfile.write(b"x")
        elif hook.manner == "close":
            self.close_connection = True
        elif hook.manner == "garbage":
            self.wfile.write(b"220 mail.example ESMTP\r\n")
        elif hook.manner == "redirect":
            self._answer(302, hook.elsewhere)
        else:
            self._answer(int(hook.manner))

    def do_GET(self) -> None:
        self.hook.asked += 1
        self._answer(200)

    def _answer(self, status: int, place: str = "") -> None:
        self.send_response(status)
        if place:
            self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Who was hung up on says nothing."""


@contextmanager
def webhook() -> Iterator[Webhook]:
    hook = Webhook()
    server = _Quiet(("127.0.0.1", 0), type("Handler", (_Handler,), {"hook": hook}))
    hook.url = f"http://127.0.0.1:{server.server_port}/hook/s3cret-t0ken"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hook
    finally:
        hook.leave.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Sink:
    """A mail server's manners: `refusals` answer the next recipients; an empty one takes."""

    manner: str = "ok"
    refusals: list[str] = field(default_factory=list)
    mails: list[tuple[str, bytes]] = field(default_factory=list)
    port: int = 0
    hung: list[asyncio.Event] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - named by aiosmtpd
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refusals and (refusal := self.refusals.pop(0)):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.manner == "hang":
            self.hung.append(asyncio.Event())
            await self.hung[-1].wait()
        if self.manner == "close":
            server.transport.abort()
            return "250 nobody hears this"
        self.mails += [(address, envelope.content) for address in envelope.rcpt_tos]
        return "250 taken"


@contextmanager
def mail_server(**options: Any) -> Iterator[Sink]:
    sink = Sink()
    sink.port = free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port, **options)
    controller.start()
    try:
        yield sink
    finally:
        for event in sink.hung:
            controller.loop.call_soon_threadsafe(event.set)
        controller.stop()
