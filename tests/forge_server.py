"""A server that speaks Forge's wire for `extra-single-image`, and misbehaves when it is told to.

The shapes are those of Forge's own modules: FastAPI's errors, `html_info` and `image` in the
answer, a PNG with text in it, both sides cut down to multiples of 8.
"""

import base64
import binascii
import io
import json
import threading
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from PIL import Image, PngImagePlugin

PATH = "/sdapi/v1/extra-single-image"
UPSCALERS = ("None", "Lanczos", "Nearest", "R-ESRGAN 4x+")


class Mode(StrEnum):
    OK = "ok"
    NO_API = "no_api"
    PASSWORD = "password"
    REFUSING = "refusing"
    FAILING = "failing"
    HANGING = "hanging"
    DRIPPING = "dripping"
    CUT = "cut"
    SMALLER = "smaller"
    HUGE = "huge"
    NOT_BASE64 = "not_base64"
    NOT_A_PICTURE = "not_a_picture"
    NO_IMAGE = "no_image"
    HTML = "html"
    ELSEWHERE = "elsewhere"
    ENDLESS = "endless"


class ForgeServer:
    """The server on one port; `asked` are the requests that came."""

    def __init__(self, mode: Mode = Mode.OK) -> None:
        self.mode = mode
        self.asked: list[dict[str, Any]] = []
        self.stopping = threading.Event()
        self._http = _Http(self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,)).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 16

    def __init__(self, forge: ForgeServer) -> None:
        self.forge = forge
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: object) -> None:
        """Callers that hang up are part of the test."""


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        forge = self.server.forge
        if self.path != PATH or forge.mode is Mode.NO_API:
            return self._json(404, {"detail": "Not Found"})
        asked = json.loads(body)
        forge.asked.append(asked)
        match forge.mode:
            case Mode.PASSWORD:
                self._json(401, {"detail": "Not authenticated"})
            case Mode.REFUSING:
                where = {"type": "greater_than", "loc": ["body", "upscaling_resize"], "msg": "x"}
                self._json(422, {"detail": [where]})
            case Mode.FAILING:
                self._send(500, b"Internal Server Error", "text/plain; charset=utf-8")
            case Mode.HANGING:
                forge.stopping.wait()
            case Mode.DRIPPING:
                self._drip()
            case Mode.ELSEWHERE:
                self._send(302, b"", "text/plain", Location="http://127.0.0.1:9/")
            case Mode.HTML:
                self._send(200, b"<html><body>proxy</body></html>", "text/html")
            case Mode.ENDLESS:
                self._endless()
            case mode:
                self._answer(asked, mode)
        return None

    def _answer(self, asked: dict[str, Any], mode: Mode) -> None:
        try:
            picture = Image.open(io.BytesIO(base64.b64decode(asked["image"])))
        except (binascii.Error, OSError):
            return self._json(500, {"detail": "Invalid encoded image"})
        if asked["upscaler_1"] not in UPSCALERS:
            return self._send(500, b"Internal Server Error", "text/plain; charset=utf-8")
        scale = {Mode.SMALLER: 0.5, Mode.HUGE: asked["upscaling_resize"] * 2}.get(
            mode, asked["upscaling_resize"]
        )
        sides = (picture.width * scale, picture.height * scale)
        width, height = (max(8, int(side // 8 * 8)) for side in sides)
        made = _packed(picture.resize((width, height), Image.Resampling.NEAREST))
        image: object = base64.b64encode(made).decode("ascii")
        if mode is Mode.NOT_BASE64:
            image = "this is no base64!"
        elif mode is Mode.NOT_A_PICTURE:
            image = base64.b64encode(b"MZ no picture" * 9).decode("ascii")
        elif mode is Mode.NO_IMAGE:
            image = None
        said = json.dumps({"html_info": "<div><p>postprocessing</p></div>", "image": image})
        if mode is Mode.CUT:
            return self._cut(said.encode())
        return self._send(200, said.encode(), "application/json")

    def _cut(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.close_connection = True

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while not self.server.forge.stopping.wait(0.05):
            self.wfile.write(b" ")

    def _endless(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        while not self.server.forge.stopping.is_set():
            self.wfile.write(b" " * 65536)

    def _json(self, status: int, content: object) -> None:
        self._send(status, json.dumps(content).encode(), "application/json")

    def _send(self, status: int, content: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def _packed(picture: Image.Image) -> bytes:
    """A PNG as Forge stores it: what it did stands in it as text."""
    info = PngImagePlugin.PngInfo()
    info.add_text("postprocessing", "Postprocess upscale by: 2, Postprocess upscaler: Lanczos")
    file = io.BytesIO()
    picture.save(file, format="PNG", pnginfo=info)
    return file.getvalue()
