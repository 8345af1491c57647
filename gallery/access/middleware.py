"""The border of the gallery: which requests come in at all, and what every answer carries.

It stands before the routes and knows nothing of them. What it lets in is then stopped by the guard
of its route (`guard.py`); an answer that no guard has let through does not get out.
"""

import logging
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gallery.access import addresses, hosts
from gallery.access.addresses import Address
from gallery.access.barred import Barred, answer, plain
from gallery.access.headers import harden
from gallery.access.keys import Keys
from gallery.access.limits import WrongKeys
from gallery.access.sessions import Sessions
from supervisor_core.home import Home
from supervisor_core.reasons import Reason
from supervisor_core.serving import LONGEST_HEAD
from supervisor_core.settings import Settings

_LONGEST_ADDRESS = 8 * 1024
_MOST_HEADERS = 100
_LEAST_REFUSED = 400
_POLICY_VIOLATION = 1008
_OURS = tuple(str(Path(__file__).parents[2] / name) for name in ("gallery", "supervisor_core"))
_log = logging.getLogger("gallery")


class House(Protocol):
    """What the border needs of a house."""

    home: Home
    settings: Settings
    keys: Keys
    sessions: Sessions


@dataclass
class Entry:
    """One request that came in; `guarded` once the guard of its route has taken over."""

    house: House
    wrong_keys: WrongKeys
    address: Address | None
    guarded: bool = False

    @classmethod
    def of(cls, scope: Scope) -> "Entry":
        """The entry of a request; a route that is reached without one answers nobody."""
        entry = scope["gallery.entry"]
        assert isinstance(entry, cls)  # noqa: S101 - the border put it there
        return entry


def guards(house: House) -> list[Middleware]:
    """What stands before all routes of an application."""
    settings = house.settings
    wrong = WrongKeys(settings.gallery_failures, settings.gallery_failures_total)
    return [Middleware(Border, house=house, wrong_keys=wrong)]


class Border:
    """Lets in what comes from an allowed address under a name of ours."""

    def __init__(self, app: ASGIApp, house: House, wrong_keys: WrongKeys) -> None:
        self._app, self._house, self._wrong = app, house, wrong_keys
        self._names = house.settings.gallery_host_names
        self._networks = house.settings.gallery_networks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        way_out = _WayOut(send)
        request = Request(scope, receive)
        request.state.person = None
        try:
            self._refuse(scope, request)
            entry = Entry(self._house, self._wrong, addresses.address_of(scope.get("client")))
            scope["gallery.entry"] = way_out.entry = entry
            await self._app(scope, receive, way_out)
        except Barred as barred:
            await plain(request, barred)(scope, receive, way_out.unguarded)
        except Unguarded:
            await plain(request, Barred(404, None))(scope, receive, way_out.unguarded)
        except Exception as error:  # noqa: BLE001 - the edge of the process
            _tell(error)
            if way_out.began:
                raise BrokenOff from None
            await _broken(request)(scope, receive, way_out.unguarded)

    def _refuse(self, scope: Scope, request: Request) -> None:
        if not addresses.is_allowed(addresses.address_of(scope.get("client")), self._networks):
            raise Barred(403, Reason.ADDRESS_NOT_ALLOWED, close=True)
        if not hosts.is_trusted(request.headers.getlist("host"), self._names):
            raise Barred(421, Reason.HOST_NOT_TRUSTED, close=True)
        _refuse_malformed(scope, request)


def _refuse_malformed(scope: Scope, request: Request) -> None:
    path, words = str(scope["path"]), scope.get("query_string", b"")
    if len(path) + len(words) > _LONGEST_ADDRESS:
        raise Barred(414, Reason.BAD_REQUEST, close=True)
    pairs = request.headers.raw
    if len(pairs) > _MOST_HEADERS or sum(len(a) + len(b) for a, b in pairs) > LONGEST_HEAD:
        raise Barred(431, Reason.BAD_REQUEST, close=True)
    # A proxy's request, a line break in disguise, a slash in disguise, two lengths of one body.
    if not path.startswith("/") or not path.isprintable() or "\\" in path:
        raise Barred(400, Reason.BAD_REQUEST, close=True)
    if "content-length" in request.headers and "transfer-encoding" in request.headers:
        raise Barred(400, Reason.BAD_REQUEST, close=True)


class Unguarded(Exception):
    """A route without a guard has answered: that is nobody's."""


class BrokenOff(Exception):
    """An answer ended in the middle; what happened was told before, in words of ours."""


class _WayOut:
    """The way of an answer to the browser."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.began = False
        self.entry: Entry | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            let_through = self.entry is not None and self.entry.guarded
            if not let_through and message["status"] < _LEAST_REFUSED:
                raise Unguarded
        await self.unguarded(message)

    async def unguarded(self, message: Message) -> None:
        """Sends what is our own refusal."""
        if message["type"] == "http.response.start":
            self.began = True
            harden(message)
        await self._send(message)


def _broken(request: Request) -> Response:
    broken = Barred(500, Reason.INTERNAL_ERROR)
    try:
        return answer(request, broken)
    except Exception as error:  # noqa: BLE001 - what broke may be the page of errors itself
        _tell(error)
        return plain(request, broken)


def _tell(error: Exception) -> None:
    """Says what broke and where; its text may hold names from outside."""
    lines = traceback.extract_tb(error.__traceback__)
    ours = [line for line in lines if line.filename.startswith(_OURS)]
    last = (ours or lines)[-1]
    place = f"{last.filename.rpartition('/')[2].removesuffix('.py')}:{last.lineno}"
    _log.error("%s error=%s place=%s", Reason.INTERNAL_ERROR, type(error).__name__, place)
