"""What the process that opens a stream may reach: the operator's own host, and the open net.

A playlist is written by a stranger. It may name a file of this machine, a service on loopback or a
neighbour. Here every connection is looked at as it is made, by the address in numbers, so that
redirects, keys, names that change their address and mistakes of a library are all covered. Whoever
tries something else ends the whole process at once. Source: Python's audit events (PEP 578).
"""

import os
import sys
from collections.abc import Iterable
from enum import IntEnum
from typing import Any, NoReturn
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from supervisor_core.reasons import Failed
from supervisor_core.remote.addresses import is_public, resolve

_PORTS = {"http": 80, "https": 443}
_NEVER = frozenset(
    {"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}
    | {"socket.bind", "socket.sendto", "socket.sendmsg"}
)


class Outcome(IntEnum):
    """How a source ended, or what a look at it showed, as exit code; any other: it died."""

    ENDED = 0
    CLOSED = 10
    NOT_FOUND = 11
    FORBIDDEN = 12
    BROKEN = 13
    LIVE = 14


def stand_guard(url: str, hosts: Iterable[str] = ()) -> None:
    """Ends this process when it connects to a private address that neither URL nor `hosts` mean.

    On the URL's own host only its own port may be private, on the listed hosts any. Can't be undone
    in this process. Raises `Failed(TRANSPORT_ERROR)` when the URL's host is not known.
    """
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    own = resolve(parts.hostname or "", port, may_be_private=True)
    places = {(address, port) for _, address, _ in own}
    listed = {address for host in hosts for _, address, _ in _known(host)}
    _grant(places, listed)


def _known(host: str) -> list[tuple[Any, str, int]]:
    try:
        return list(resolve(host, 0, may_be_private=True))
    except Failed:
        return []


def _grant(places: set[tuple[str, int]], listed: set[str]) -> None:
    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _NEVER:
            refuse()
        if event == "socket.connect" and not _may_connect(arguments[1]):
            refuse()

    def _may_connect(place: Any) -> bool:
        if not isinstance(place, tuple):  # a socket in the file system
            return False
        address = str(place[0])
        return is_public(address) or address in listed or (address, place[1]) in places

    sys.addaudithook(look)


def refuse() -> NoReturn:
    """Ends this process; nothing that was asked for is answered."""
    os._exit(Outcome.FORBIDDEN)


class NoSuchScheme(BaseAdapter):
    """Stands where requests would open anything but http, such as `file:`."""

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:  # noqa: ARG002
        """Ends this process."""
        refuse()

    def close(self) -> None:
        """Has nothing to close."""
