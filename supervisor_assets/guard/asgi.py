"""The guard as the outermost layer of a web server's own application.

It proxies nothing: there is one listener, the guard is asked first, and what it lets through is
called in the same process. So no second address leads round it, no request is read by two parsers
that may differ, and websockets and streamed answers pass as they are.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from supervisor_assets.guard.rules import Headers, Refused, Rules, key_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

# Nobody stands between us and the browser whose word on this would count; the rest is a secret.
_KEPT_BACK = (b"forwarded", b"x-real-ip", b"authorization", b"cookie")
_ADDED = (
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
)
_GOING_AWAY = 1001


@dataclass(frozen=True)
class Limits:
    """What one request may take; times in seconds, sizes in bytes."""

    body_bytes: int = 16 * 1024**2
    body_s: float = 30.0
    idle_s: float = 3600.0
    sockets: int = 100


class Guard:
    """An ASGI application that lets through to another one only what the rules allow."""

    def __init__(self, app: App, rules: Rules, limits: Limits | None = None) -> None:
        self._app, self._rules, self._limits = app, rules, limits or Limits()
        self._sockets = 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answers one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refused = self._rules.refuse(scope)
        if refused in (None, Refused.NO_TOKEN) and self._rules.is_key(key_of(scope) or ""):
            await self._welcome(scope, send)
        elif refused:
            await _refuse(scope, send, refused)
        elif scope["type"] == "websocket":
            await self._hold(_stripped(scope), receive, send)
        else:
            await self._answer(_stripped(scope), receive, send)

    async def _answer(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """The whole request first: who sends slowly holds up nobody but himself."""
        try:
            async with asyncio.timeout(self._limits.body_s):
                body = await _read(receive, self._limits.body_bytes)
        except TimeoutError:
            await _refuse(scope, send, Refused.BODY_TOO_SLOW)
            return
        if isinstance(body, Refused):
            await _refuse(scope, send, body)
        elif body is not None:
            await self._app(scope, _replayed(body, receive), _sealed(send))

    async def _hold(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """A websocket, until one side ends it or nothing was said for a long time."""
        if self._sockets >= self._limits.sockets:
            await _refuse(scope, send, Refused.TOO_MANY)
            return
        self._sockets += 1
        try:
            async with asyncio.timeout(self._limits.idle_s) as idle:
                await self._app(scope, self._heard(receive, idle), self._said(send, idle))
        except TimeoutError:
            with suppress(RuntimeError):  # it has just been closed
                await send({"type": "websocket.close", "code": _GOING_AWAY})
        finally:
            self._sockets -= 1

    def _heard(self, receive: Receive, idle: asyncio.Timeout) -> Receive:
        async def heard() -> Message:
            message = await receive()
            self._put_off(idle)
            return message

        return heard

    def _said(self, send: Send, idle: asyncio.Timeout) -> Send:
        async def said(message: Message) -> None:
            self._put_off(idle)
            await send(message)

        return said

    def _put_off(self, idle: asyncio.Timeout) -> None:
        if not idle.expired():
            idle.reschedule(asyncio.get_running_loop().time() + self._limits.idle_s)

    async def _welcome(self, scope: dict[str, Any], send: Send) -> None:
        """Gives the browser its cookie and takes the token out of the address it shows."""
        words = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        left = urlencode([(name, value) for name, value in words if name != "token"])
        place = "/" + quote(scope["path"].lstrip("/")) + (f"?{left}" if left else "")
        cookie = f"{self._rules.cookie_name}={self._rules.cookie}; Path=/; HttpOnly; SameSite=Lax"
        headers = [(b"location", place.encode()), (b"set-cookie", cookie.encode())]
        await _respond(send, 303, b"", headers)


async def _read(receive: Receive, most: int) -> bytes | Refused | None:
    """The body; nothing when whoever sent it has gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > most:
            return Refused.BODY_TOO_LARGE
        if not message.get("more_body", False):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting = [body]

    async def replayed() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replayed


def _sealed(send: Send) -> Send:
    async def sealed(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in _ADDED}
            kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in own]
            message = {**message, "headers": [*kept, *_ADDED]}
        await send(message)

    return sealed


def _stripped(scope: dict[str, Any]) -> dict[str, Any]:
    """The request without what only the guard may know, or what anybody may have made up."""
    kept = [
        (name, value)
        for name, value in Headers(scope).pairs
        if name.lower() not in _KEPT_BACK and not name.lower().startswith(b"x-forwarded")
    ]
    return {**scope, "headers": kept}


async def _refuse(scope: dict[str, Any], send: Send, refused: Refused) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await _respond(send, refused.status, f"{refused.sentence}\n".encode())


async def _respond(send: Send, status: int, body: bytes, more: list[Any] | None = None) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),  # what was not read must not be taken for the next request
        *_ADDED,
        *(more or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
