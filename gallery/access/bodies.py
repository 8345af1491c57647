"""What a request brings: read whole before a page is bothered with it, and only so much."""

import asyncio
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.types import Message, Receive

from gallery.access.barred import Barred
from supervisor_core.reasons import Reason

LARGEST = 256 * 1024
LIMIT_S = 15.0
MOST_FIELDS = 1000
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"

Form = dict[str, list[str]]


class Gone(Exception):
    """Whoever sent the request has hung up."""


async def read(request: Request, receive: Receive) -> bytes:
    """The body; raises `Barred` (400, 408, 413, 415) or `Gone`."""
    try:
        async with asyncio.timeout(LIMIT_S):
            body = await _whole(request, receive)
    except TimeoutError:
        raise Barred(408, Reason.REQUEST_TOO_SLOW, close=True) from None
    if body and _kind(request) not in (_FORM, _JSON):
        raise Barred(415, Reason.BAD_REQUEST)
    return body


def form(request: Request, body: bytes) -> Form:
    """The fields of a form, each with all its values; empty for JSON. Raises `Barred` (400)."""
    if _kind(request) != _FORM:
        return {}
    try:
        found = parse_qs(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise Barred(400, Reason.BAD_REQUEST) from None
    if any("\0" in text for name, values in found.items() for text in (name, *values)):
        raise Barred(400, Reason.BAD_REQUEST)
    return found


def replayed(body: bytes, receive: Receive) -> Receive:
    """The same body once more, for a handler that reads it itself."""
    waiting = [body]

    async def again() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return again


async def _whole(request: Request, receive: Receive) -> bytes:
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdecimal()):
        raise Barred(400, Reason.BAD_REQUEST, close=True)
    if len(declared) > len(str(LARGEST)) or int(declared) > LARGEST:
        raise Barred(413, Reason.REQUEST_TOO_LARGE, close=True)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body += message.get("body", b"")
        if len(body) > LARGEST:
            raise Barred(413, Reason.REQUEST_TOO_LARGE, close=True)
        if not message.get("more_body", False):
            return bytes(body)


def _kind(request: Request) -> str:
    """The body's kind; with a charset other than UTF-8 it is none."""
    kinds = request.headers.getlist("content-type")
    kind, _, rest = (
        kinds[0].lower().replace(" ", "").partition(";") if len(kinds) == 1 else ("",) * 3
    )
    return kind if rest in ("", "charset=utf-8", 'charset="utf-8"') else ""
