"""What the process that opens a stream may reach: the operator's own host, and the open net.

A playlist is written by a stranger. It may name a file of this machine, a service on loopback or a
neighbour. Here every connection is looked at as it is made, by the address in numbers, so that
redirects, keys, names that change their address and mistakes of a library are all covered. Whoever
tries something else ends the whole process at once. Source: Python's audit events (PEP 578).

Through a proxy every connection leads to the same place, so what counts is the host that the proxy
is asked for. The proxy resolves that name by itself: it has the last word on where it leads.
"""

import errno
import os
import sys
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any, NoReturn
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.addresses import Resolved, is_public, resolve

_PORTS = {"http": 80, "https": 443}
_LINE_BYTES = 2**16
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


def stand_guard(url: str, hosts: Iterable[str] = (), proxy: str = "") -> None:
    """Ends this process when it connects to a private address that neither URL nor `hosts` mean.

    On the URL's own host only its own port may be private, on the listed hosts any. With a proxy
    there is no other connection than to that, and the same holds for what it is asked for. Can't be
    undone in this process. Raises `Failed(TRANSPORT_ERROR)` when the host of the proxy, or without
    one that of the URL, is not known.
    """
    near, listed = _place(proxy or url), frozenset(hosts)
    own = {(address, near[1]) for _, address, _ in resolve(*near, may_be_private=True)}
    known = {address for host in listed for _, address, _ in _known(host)}
    if proxy:
        _let_through(lambda address, port: (address, port) in own)
        _watch_requests(_place(url), listed)
    else:
        _let_through(
            lambda address, port: is_public(address) or address in known or (address, port) in own
        )


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or _PORTS[parts.scheme]


def _known(host: str) -> list[Resolved]:
    try:
        return resolve(host, 0, may_be_private=True)
    except Failed:
        return []


def _let_through(allows: Callable[[str, int], bool]) -> None:
    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _NEVER:
            refuse()
        if event == "socket.connect":
            place = arguments[1]  # no tuple: a socket in the file system
            if not isinstance(place, tuple) or not allows(str(place[0]), place[1]):
                refuse()

    sys.addaudithook(look)


def _watch_requests(own: tuple[str, int], listed: frozenset[str]) -> None:
    """Looks at what a proxy is asked for: `GET http://host/a HTTP/1.1`, `CONNECT host:443 ...`."""

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "http.client.send":
            return
        words = bytes(arguments[1])[:_LINE_BYTES].split(b"\r\n")[0].decode("latin-1").split(" ")
        if len(words) != 3 or words[1].startswith("/"):  # a body, or within a tunnel
            return
        if words[0] == "CONNECT":
            words[1] = "https://" + words[1]
        host, port = _place(words[1])
        if (host, port) != own and host not in listed:
            _require_public(host, port)

    sys.addaudithook(look)


def _require_public(host: str, port: int) -> None:
    try:
        resolve(host, port, may_be_private=False)
    except Failed as failed:
        if failed.reason is Reason.ADDRESS_FORBIDDEN:
            refuse()
        raise OSError(errno.EHOSTUNREACH, "unknown host") from None  # as if it did not answer


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
