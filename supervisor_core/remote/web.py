"""One request over http: to an address that was checked, through redirects that were checked too.

Every hop is resolved, checked and connected to by itself, under its own name (Host and TLS). No
proxy is used, no cookie kept, and a password in an address is sent to its own host only. What is
raised says statuses and numbers, never an address.
"""

import base64
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from string import printable
from typing import cast
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

import certifi

from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.addresses import resolve
from supervisor_core.remote.fetch_order import NO_HEADERS, FetchOrder
from supervisor_core.remote.pace import Pace, PacedSocket

REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}
_MOVED = frozenset({301, 302, 303, 307, 308})
_DENIED = frozenset({401, 403})
_PASSING = frozenset({408, 425, 429})
_GONE = frozenset({404, 410})


@dataclass(frozen=True)
class Answer:
    """What a server answers, its body still to be read, on a connection of its own."""

    paced: PacedSocket
    response: HTTPResponse

    @property
    def status(self) -> int:
        """200 or 206."""
        return self.response.status

    @property
    def etag(self) -> str | None:
        """The name of this very content; a weak one names several and does not count."""
        found = self.response.headers.get("ETag")
        return found if found and not found.startswith("W/") else None

    @property
    def length(self) -> int | None:
        """How many bytes the body is said to have."""
        return self.response.length

    def close(self) -> None:
        """Ends the connection, whatever is left of the body."""
        self.response.close()
        self.paced.end()


def ask(order: FetchOrder, pace: Pace, headers: Mapping[str, str] = NO_HEADERS) -> Answer:
    """Gets the address of an order and returns an answer with status 200 or 206.

    Raises `Failed`: ADDRESS_FORBIDDEN, FILE_NOT_FOUND, FILE_CHANGED, HTTP_ERROR, STORAGE_DENIED,
    STORAGE_UNREACHABLE, TRANSPORT_ERROR, TIMEOUT.
    """
    url = order.url
    for _ in range(REDIRECTS + 1):
        answer = _ask_once(url, order, pace, headers)
        place = answer.response.headers.get("Location")
        if answer.status in (200, 206):
            return answer
        answer.close()
        if answer.status not in _MOVED or not place or order.is_storage:
            raise refusal(answer.status, is_storage=order.is_storage)
        url = _following(url, place)
    raise Failed(Reason.HTTP_ERROR, redirects=REDIRECTS)


def refusal(status: int, *, is_storage: bool) -> Failed:
    """What a status that brings no file means."""
    if status in _GONE:
        return Failed(Reason.FILE_NOT_FOUND, status=status)
    if status in (412, 416):
        return Failed(Reason.FILE_CHANGED, status=status)
    if status in _PASSING or status >= 500:
        passing = Reason.STORAGE_UNREACHABLE if is_storage else Reason.TRANSPORT_ERROR
        return Failed(passing, status=status)
    if is_storage and status in _DENIED:
        return Failed(Reason.STORAGE_DENIED, status=status)
    return Failed(Reason.HTTP_ERROR, status=status)


def _following(url: str, place: str) -> str:
    """The address that a redirect leads to; never from https down to http, nor to a file."""
    try:
        following = urljoin(url, place)
        scheme, host = urlsplit(following).scheme, urlsplit(following).hostname
    except ValueError:
        raise Failed(Reason.HTTP_ERROR, redirect="malformed") from None
    if scheme not in _PORTS or not host:
        raise Failed(Reason.ADDRESS_FORBIDDEN, redirect="scheme")
    if scheme == "http" and urlsplit(url).scheme == "https":
        raise Failed(Reason.ADDRESS_FORBIDDEN, redirect="downgrade")
    return following


def _ask_once(url: str, order: FetchOrder, pace: Pace, headers: Mapping[str, str]) -> Answer:
    parts = urlsplit(url)
    paced = connect(parts, order.hosts, pace)
    connection = HTTPConnection("-")
    connection.auto_open = 0  # it would connect by itself, to whatever address
    connection.sock = cast(socket.socket, paced)
    try:
        connection.putrequest("GET", target(parts), skip_host=True, skip_accept_encoding=True)
        for name, value in (own_headers(parts) | dict(headers)).items():
            connection.putheader(name, value)
        connection.endheaders()
        return Answer(paced, connection.getresponse())
    except (OSError, HTTPException, ValueError):
        paced.end()
        raise Failed(Reason.TRANSPORT_ERROR, step="answer") from None
    except BaseException:
        paced.end()
        raise


def target(parts: SplitResult) -> str:
    """The path and query as they were given: a storage signs every letter of them."""
    text = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return quote(text, safe=printable)


def own_headers(parts: SplitResult) -> dict[str, str]:
    """What is said to every server: its own name, and a password only if the address has one."""
    host = parts.netloc.rpartition("@")[2].encode("idna").decode()
    headers = {"Host": host, "Accept-Encoding": "identity", "User-Agent": "supervisor"}
    if parts.username is not None:
        words = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(words.encode()).decode()}"
    return headers


def connect(parts: SplitResult, hosts: frozenset[str] | None, pace: Pace) -> PacedSocket:
    """A connection to the host of an address, under TLS for https; `hosts` as in a `FetchOrder`.

    Raises `Failed`: ADDRESS_FORBIDDEN, HTTP_ERROR, STORAGE_UNREACHABLE, TRANSPORT_ERROR, TIMEOUT.
    """
    host, port = _place(parts)
    may_be_private = hosts is None or host in hosts
    plain: socket.socket | None = None
    for family, address, _ in resolve(host, port, may_be_private=may_be_private):
        plain = _dial(family, address, port, pace)
        if plain is not None:
            break
    if plain is None:
        reason = Reason.STORAGE_UNREACHABLE if hosts is None else Reason.TRANSPORT_ERROR
        raise Failed(reason, step="connect")
    return PacedSocket(_secured(plain, host) if parts.scheme == "https" else plain, pace)


def _place(parts: SplitResult) -> tuple[str, int]:
    try:
        return (parts.hostname or "").lower(), parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise Failed(Reason.HTTP_ERROR, redirect="malformed") from None


def _dial(
    family: socket.AddressFamily, address: str, port: int, pace: Pace
) -> socket.socket | None:
    limit_s = pace.wait_s(pace.limits.connect_s)
    plain = socket.socket(family, socket.SOCK_STREAM)
    plain.settimeout(limit_s)
    try:
        plain.connect((address, port))
    except OSError:
        plain.close()
        return None
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain


def _secured(plain: socket.socket, host: str) -> socket.socket:
    """The same under TLS, with the certificate checked against the name that was asked for."""
    try:
        return tls_context().wrap_socket(plain, server_hostname=host, suppress_ragged_eofs=False)
    except (OSError, ValueError):
        plain.close()
        raise Failed(Reason.TRANSPORT_ERROR, step="tls") from None


@cache
def tls_context() -> ssl.SSLContext:
    """Checks certificates against those of the machine's operator, else the well-known ones."""
    own = os.environ.get("SSL_CERT_FILE") or os.environ.get("AWS_CA_BUNDLE")
    return ssl.create_default_context(cafile=own or certifi.where())
