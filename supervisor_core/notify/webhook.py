"""A message to a webhook: one POST of JSON, to an address that was checked, followed nowhere.

It runs in a child process that is ended at its limit: a name that does not resolve can't be waited
for with a limit of one's own.
"""

from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from socket import socket
from typing import cast
from urllib.parse import SplitResult, urlsplit

from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.fetch_order import Limits
from supervisor_core.remote.pace import Pace
from supervisor_core.remote.web import connect, own_headers, target

_PASSING = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Waits:
    """How long a connection, one silence and all together may take, in seconds."""

    connect_s: float
    silence_s: float
    total_s: float

    def pace(self) -> Pace:
        """The same as the limits of a transfer that begins now."""
        limits = Limits(
            connect_s=self.connect_s,
            silence_s=self.silence_s,
            base_s=self.total_s,
            s_per_gb=0.0,
            tries=1,
            lanes=1,
            max_bytes=0,
            reserve_bytes=0,
        )
        return Pace(limits)


@dataclass(frozen=True)
class Post:
    """One message for one address; `hosts` may be private, and be spoken to without TLS."""

    url: str = field(repr=False)
    message: str
    body: str = field(repr=False)
    hosts: frozenset[str] = field(repr=False)
    waits: Waits


def check_address(url: str, hosts: frozenset[str]) -> SplitResult:
    """The address taken apart; raises `Failed`: BAD_CONFIGURATION, ADDRESS_FORBIDDEN."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise Failed(Reason.BAD_CONFIGURATION, setting="alert_webhook_url") from None
    if parts.scheme not in ("http", "https") or not host:
        raise Failed(Reason.BAD_CONFIGURATION, setting="alert_webhook_url")
    if parts.scheme == "http" and host not in hosts:
        raise Failed(Reason.ADDRESS_FORBIDDEN, setting="alert_hosts")
    return parts


def post(order: Post) -> int:
    """Sends a message and returns the status, which is 2xx.

    Raises `Failed`: TIMEOUT, TRANSPORT_ERROR (also 408, 425, 429 and 5xx), HTTP_ERROR (any other
    status, redirects too), ADDRESS_FORBIDDEN, BAD_CONFIGURATION.
    """
    parts = check_address(order.url, order.hosts)
    paced = connect(parts, order.hosts, order.waits.pace())
    connection = HTTPConnection("-")
    connection.auto_open = 0  # it would connect by itself, to whatever address
    connection.sock = cast(socket, paced)
    try:
        status = _exchange(connection, parts, order)
    except TimeoutError:
        raise Failed(Reason.TIMEOUT, limit_s=order.waits.silence_s) from None
    except (OSError, HTTPException, ValueError):
        raise Failed(Reason.TRANSPORT_ERROR, step="answer") from None
    finally:
        paced.end()
    if 200 <= status < 300:
        return status
    passing = status in _PASSING or status >= 500
    raise Failed(Reason.TRANSPORT_ERROR if passing else Reason.HTTP_ERROR, status=status)


def _exchange(connection: HTTPConnection, parts: SplitResult, order: Post) -> int:
    body = order.body.encode("ascii")
    headers = own_headers(parts) | {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Idempotency-Key": order.message,
        "Connection": "close",
    }
    connection.putrequest("POST", target(parts), skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    return connection.getresponse().status
