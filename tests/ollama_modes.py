"""The ways in which a model server goes wrong, each as something a real one or its host does."""

import gzip
import itertools
import json
import socket
from collections.abc import Callable
from enum import StrEnum, auto
from functools import cache
from typing import Any

import ollama_shapes as shapes
from ollama_shapes import Received


class Mode(StrEnum):
    """How the server behaves."""

    OK = auto()
    REFUSED = auto()  # nothing listens
    BLACKHOLED = auto()  # what is sent to the port vanishes
    SILENT = auto()  # takes the request and never answers
    DRIP = auto()  # one byte a second, from the first of the headers
    HEADERS_THEN_HANG = auto()
    CLOSED_MID_BODY = auto()
    CUT = auto()  # the stream ends in good order, but before its last line
    ERROR_500 = auto()
    BUSY = auto()
    BUSY_THEN_FREE = auto()
    MODEL_GONE = auto()  # listed, but no longer there when it is asked
    NO_MODELS = auto()
    EMPTY = auto()
    HTML = auto()
    BROKEN_LINE = auto()  # the wire itself is no JSON
    INVALID_JSON = auto()  # what the model says is no JSON
    FENCE = auto()
    WRONG_TYPES = auto()
    MISSING_KEY = auto()
    NAN = auto()
    LENGTH = auto()  # the model's own limit of tokens cut the answer
    OVERSIZED = auto()
    ENDLESS = auto()
    REDIRECT = auto()
    GZIP_BOMB = auto()
    SLOW_LOAD = auto()
    RESTART = auto()  # goes down in the middle of a request, comes back
    ERROR_LINE = auto()


def _silent(handler: Any, request: Received) -> bool:
    handler.hang()
    return True


def _drip(handler: Any, request: Received) -> bool:
    whole = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n"
    for byte in itertools.chain(whole, *shapes.lines(request, handler.owner.said(request))):
        handler.wfile.write(bytes([byte]))
        if handler.owner.stopping.wait(1):
            break
    handler.close_connection = True
    return True


def _headers_then_hang(handler: Any, request: Received) -> bool:
    handler.begin()
    handler.hang()
    return True


def _closed_mid_body(handler: Any, request: Received) -> bool:
    handler.begin()
    handler.chunk(shapes.line(shapes.part(request, "half a")))
    handler.wfile.write(b"ff\r\nnot so long")
    return _hung_up(handler)


def _hung_up(handler: Any) -> bool:
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True
    return True


def _cut(handler: Any, request: Received) -> bool:
    handler.begin()
    for line in list(shapes.lines(request, handler.owner.said(request)))[:-1]:
        handler.chunk(line)
    handler.chunk(b"")
    return True


def _refusing(status: int, text: str) -> Callable[[Any, Received], bool]:
    def refuse(handler: Any, request: Received) -> bool:
        handler.reply(status, {"error": text})
        return True

    return refuse


_FULL = "server busy, please try again.  maximum pending requests exceeded"
_DIED = "model runner has unexpectedly stopped, this may be due to resource limitations"


def _busy_then_free(handler: Any, request: Received) -> bool:
    if handler.owner.turns > handler.owner.busy_times:
        return False
    return _refusing(503, _FULL)(handler, request)


def _sending(body: bytes, kind: str, **headers: str) -> Callable[[Any, Received], bool]:
    def send(handler: Any, request: Received) -> bool:
        handler.send(200, body, kind, **headers)
        return True

    return send


def _saying(change: Callable[[str], str]) -> Callable[[Any, Received], bool]:
    def say(handler: Any, request: Received) -> bool:
        handler.tell(request, change(handler.owner.said(request)))
        return True

    return say


def _wrong_types(text: str) -> str:
    return json.dumps({name: [[]] for name in json.loads(text)})


def _without_a_key(text: str) -> str:
    content = json.loads(text)
    content.pop(min(content))
    return json.dumps(content)


def _not_a_number(text: str) -> str:
    return "{" + ", ".join(f"{json.dumps(name)}: NaN" for name in json.loads(text)) + "}"


def _length(handler: Any, request: Received) -> bool:
    handler.tell(request, handler.owner.said(request)[:-1], reason="length")
    return True


def _endless(handler: Any, request: Received) -> bool:
    handler.begin()
    while not handler.owner.stopping.wait(0.05):
        handler.chunk(shapes.line(shapes.part(request, "and so on ")))
    return True


def _redirect(handler: Any, request: Received) -> bool:
    handler.send_response(307)
    handler.send_header("Location", handler.owner.elsewhere + handler.path.lstrip("/"))
    handler.send_header("Content-Length", "0")
    handler.end_headers()
    return True


@cache
def _bomb() -> bytes:
    return gzip.compress(b'{"done": false}\n' + b" " * (64 * 1024**2), compresslevel=1)


def _gzip_bomb(handler: Any, request: Received) -> bool:
    handler.send(200, _bomb(), "application/x-ndjson", Content_Encoding="gzip")
    return True


def _slow_load(handler: Any, request: Received) -> bool:
    wait_s = handler.owner.slow_s
    handler.owner.stopping.wait(wait_s)
    handler.tell(request, handler.owner.said(request), load_s=wait_s)
    return True


def _restart(handler: Any, request: Received) -> bool:
    handler.owner._mode = Mode.OK
    handler.owner.restart()
    return _hung_up(handler)


def _error_line(handler: Any, request: Received) -> bool:
    handler.begin()
    handler.chunk(shapes.line(shapes.part(request, "half a")))
    handler.chunk(shapes.line({"error": _DIED}))
    handler.chunk(b"")
    return True


_PAGE = b"<!doctype html><title>Sign in</title><p>Welcome to the guest network."

BEHAVIOURS: dict[Mode, Callable[[Any, Received], bool]] = {
    Mode.SILENT: _silent,
    Mode.DRIP: _drip,
    Mode.HEADERS_THEN_HANG: _headers_then_hang,
    Mode.CLOSED_MID_BODY: _closed_mid_body,
    Mode.CUT: _cut,
    Mode.ERROR_500: _refusing(500, _DIED),
    Mode.BUSY: _refusing(503, _FULL),
    Mode.BUSY_THEN_FREE: _busy_then_free,
    Mode.MODEL_GONE: _refusing(404, "model 'x' not found"),
    Mode.EMPTY: _sending(b"", "application/x-ndjson"),
    Mode.HTML: _sending(_PAGE, "text/html"),
    Mode.BROKEN_LINE: _sending(b'{"model": "x", "message\n', "application/x-ndjson"),
    Mode.INVALID_JSON: _saying(lambda text: "I can see " + text[:-1]),
    Mode.FENCE: _saying(lambda text: f"Here is what I see:\n```json\n{text}\n```\nSee {{above}}."),
    Mode.WRONG_TYPES: _saying(_wrong_types),
    Mode.MISSING_KEY: _saying(_without_a_key),
    Mode.NAN: _saying(_not_a_number),
    Mode.LENGTH: _length,
    Mode.OVERSIZED: _saying(lambda text: text + " " * 2 * 1024**2),
    Mode.ENDLESS: _endless,
    Mode.REDIRECT: _redirect,
    Mode.GZIP_BOMB: _gzip_bomb,
    Mode.SLOW_LOAD: _slow_load,
    Mode.RESTART: _restart,
    Mode.ERROR_LINE: _error_line,
}
