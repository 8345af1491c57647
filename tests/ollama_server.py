"""A model server that speaks Ollama's wire on loopback, and misbehaves when it is told to.

    with OllamaServer() as server:            in a test; server.mode = Mode.HTML at any moment
    python -m tests.ollama_server --port 11434 --mode ok --control 11435

Beside a daemon the second form is switched over its control port: `PUT /` with {"mode": "html",
"everywhere": true, "answer": {...}} changes it, `GET /` returns what has arrived so far.
"""

import argparse
import contextlib
import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

sys.path.insert(0, str(Path(__file__).parent))  # as a test finds its neighbours

import ollama_shapes as shapes
from ollama_modes import BEHAVIOURS, Mode
from ollama_shapes import Received, Refused

__all__ = ["MODEL", "Mode", "OllamaServer"]

MODEL = "qwen2.5vl:7b"
ASKING = ("/api/chat", "/api/generate", "/api/embed")

Answering = Callable[[Received], object]


class OllamaServer:
    """The server on one port, which stays the same while it is down and up again."""

    def __init__(self, *models: str, port: int = 0, mode: Mode = Mode.OK) -> None:
        self.models = dict.fromkeys(models or (MODEL,), "")  # name -> remote host
        self.answer: Answering | object | None = None
        self.vectors: Callable[[list[str]], Any] | None = None  # of texts, other than usual
        self.everywhere = False  # False: only what asks a model misbehaves
        self.slow_s, self.down_s, self.busy_times = 0.5, 0.3, 2
        self.elsewhere = "http://127.0.0.1:9/"
        self.requests: list[Received] = []
        self.busy_s = 0.0  # spent on questions, from the first of their bytes to the last answered
        self.count: Counter[str] = Counter()
        self.stopping = threading.Event()
        self._http: _Http | None = None
        self._plugs: list[socket.socket] = []
        self._switch = threading.Lock()
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", port))
            self.port = free.getsockname()[1]
        self._mode, self.turns = mode, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        with self._switch:
            self._mode, self.turns = Mode(mode), 0
            self.stopping.set()  # whoever hangs in the old mode comes back
            self._go_down()
            self.stopping = threading.Event()
            self._come_up()

    @property
    def asked(self) -> list[Received]:
        """The requests that were for a model."""
        return [request for request in self.requests if request.path in ASKING]

    def __enter__(self) -> Self:
        self._come_up()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        with self._switch:
            self._go_down()

    def restart(self) -> None:
        """Goes away with everything it was doing and is back `down_s` seconds later."""
        threading.Thread(target=self._restart).start()

    def _restart(self) -> None:
        with self._switch:
            self._go_down()
            if not self.stopping.wait(self.down_s):
                self._come_up()

    def _come_up(self) -> None:
        if self._mode is Mode.REFUSED:
            return
        if self._mode is Mode.BLACKHOLED:
            self._plug()
            return
        self._http = _Http(self)
        threading.Thread(target=self._http.serve_forever, args=(0.02,)).start()

    def _go_down(self) -> None:
        for plug in self._plugs:
            plug.close()
        self._plugs.clear()
        if self._http is not None:
            self._http.end()
            self._http = None

    def _plug(self) -> None:
        """Fills the queue of a socket that nobody accepts from: the kernel drops what follows."""
        plug = socket.socket()
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        plug.bind(("127.0.0.1", self.port))
        plug.listen(0)
        self._plugs = [plug]
        for _ in range(3):
            caller = socket.socket()
            self._plugs.append(caller)
            caller.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                caller.connect(("127.0.0.1", self.port))

    def said(self, request: Received) -> str:
        """The answer this server was given, or one made from the request."""
        answer = self.answer(request) if callable(self.answer) else self.answer
        if answer is None:
            return shapes.said(request)
        return answer if isinstance(answer, str) else json.dumps(answer)

    def change(self, wanted: dict[str, Any]) -> None:
        """What the control port is told."""
        for name in wanted.keys() & {"answer", "everywhere", "slow_s", "down_s", "busy_times"}:
            setattr(self, name, wanted[name])
        if "models" in wanted:
            self.models = dict.fromkeys(wanted["models"], "")
        self.mode = wanted.get("mode", self.mode)

    def told(self) -> dict[str, Any]:
        """What the control port says."""
        requests = [request.plain() for request in list(self.requests)]
        counts = {"count": dict(self.count), "busy_s": self.busy_s}
        return {"mode": self.mode, **counts, "requests": requests}


class _Http(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner: OllamaServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", owner.port), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is what half of the tests are about."""

    def end(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def log_message(self, *_: object) -> None:
        pass

    @property
    def owner(self) -> OllamaServer:
        return self.server.owner

    def do_GET(self) -> None:
        self.owner.requests.append(Received(self.path, headers=dict(self.headers)))
        self.owner.count[self.path] += 1
        if not (self.owner.everywhere and self._misbehaves(self.owner.requests[-1])):
            self._got()

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        started_s = time.perf_counter()
        try:
            self._post()
        finally:
            self.owner.busy_s += time.perf_counter() - started_s

    def _post(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.owner.count[self.path] += 1
        try:
            content = json.loads(body)
            request = shapes.received(self.path, content, dict(self.headers))
            self.owner.requests.append(request)
            if not self._misbehaves(request):
                self._posted(request, content)
        except Refused as refused:
            self.reply(refused.status, {"error": refused.text})

    def _misbehaves(self, request: Received) -> bool:
        self.owner.turns += 1
        behaviour = BEHAVIOURS.get(self.owner.mode)
        return behaviour is not None and behaviour(self, request)

    def _got(self) -> None:
        names = [] if self.owner.mode is Mode.NO_MODELS else list(self.owner.models)
        models = [shapes.listed(name, self.owner.models[name]) for name in names]
        match self.path:
            case "/":
                self.send(200, b"Ollama is running", "text/plain; charset=utf-8")
            case "/api/version":
                self.reply(200, {"version": shapes.VERSION})
            case "/api/tags":
                self.reply(200, {"models": models})
            case "/api/ps":
                self.reply(200, {"models": [shapes.running(name) for name in names]})
            case _:
                self.send(404, b"404 page not found", "text/plain")

    def _posted(self, request: Received, body: dict[str, Any]) -> None:
        if request.model not in self.owner.models or self.owner.mode is Mode.NO_MODELS:
            raise Refused(404, f"model '{request.model}' not found")
        match self.path:
            case "/api/show":
                self.reply(200, shapes.shown(request.model, self.owner.models[request.model]))
            case "/api/embed":
                self.reply(200, shapes.embedded(body, self.owner.vectors))
            case "/api/chat" | "/api/generate":
                self.tell(request, self.owner.said(request), stream=body.get("stream", True))
            case _:
                self.send(404, b"404 page not found", "text/plain")

    def tell(self, request: Received, text: str, *, stream: bool = True, **end: Any) -> None:
        """Answers with a text, in a stream as the model would bring it."""
        if not stream:
            whole = shapes.part(request, text) | {"done": True, "done_reason": "stop"}
            self.reply(200, shapes.last(request, text) | whole)
            return
        self.begin()
        for line in shapes.lines(request, text, **end):
            self.chunk(line)
        self.chunk(b"")

    def begin(self, **headers: str) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": "application/x-ndjson", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, content: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
        self.wfile.flush()

    def reply(self, status: int, content: object) -> None:
        self.send(status, json.dumps(content).encode(), "application/json; charset=utf-8")

    def send(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def hang(self) -> None:
        """Says nothing more until the server is switched or stopped."""
        self.owner.stopping.wait()
        self.close_connection = True


def serve_control(server: OllamaServer, port: int) -> None:
    """Lets other processes switch the server, until the program is ended."""

    class Control(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_PUT(self) -> None:
            server.change(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.do_GET()

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(server.told()).encode())

    with ThreadingHTTPServer(("127.0.0.1", port), Control) as control:
        print(json.dumps({"url": server.url, "control": control.server_port}), flush=True)
        control.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control", type=int, default=0)
    parser.add_argument("--mode", type=Mode, default=Mode.OK)
    parser.add_argument("--model", action="append", default=[])
    given = parser.parse_args()
    with OllamaServer(*given.model, port=given.port, mode=given.mode) as server:
        serve_control(server, given.control)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
