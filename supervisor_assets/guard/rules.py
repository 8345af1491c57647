"""Which requests are let through, decided from the request's head alone.

A page of another site can make a browser send a request here, with our cookies, and after DNS
rebinding even under a name of its own. What it can't do is lie about `Host` and `Origin`, or send
`application/json` without having asked first. So these three decide. Sources: RFC 6454 (Origin),
RFC 9110 (Host, methods), the Fetch standard (Sec-Fetch-Site, requests that need no asking).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as keyed_digest
from urllib.parse import parse_qs

Scope = dict[str, object]
Pair = tuple[bytes, bytes]

LONGEST_HEAD = 32 * 1024
MOST_HEADERS = 100
GRAPHQL = "/graphql"
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_METHODS = ("GET", "HEAD", "POST")
_JSON = (b"application/json", b"application/json;charset=utf-8")
_HTTP_PORT = 80


class Refused(Enum):
    """Why a request goes no further: a status, and a sentence for whoever sent it."""

    MALFORMED = 400, "This is no request for a page of this server."
    NO_TOKEN = 401, "Open this address once with ?token= and the token."
    ORIGIN = 403, "This was asked by a page of another site."
    METHOD = 405, "Only GET, HEAD and POST are answered."
    GRAPHQL_IN_ADDRESS = 405, "A query comes as POST with application/json."
    BODY_TOO_SLOW = 408, "The request took too long to arrive."
    BODY_TOO_LARGE = 413, "The request is too large."
    NOT_JSON = 415, "What is sent has to be application/json."
    HOST = 421, "This server is not known under this name; see SUPERVISOR_UI_HOSTS."
    HEAD_TOO_LARGE = 431, "The request has too many headers."
    TOO_MANY = 503, "Too many connections are open."

    @property
    def status(self) -> int:
        """The status of the answer."""
        return int(self.value[0])

    @property
    def sentence(self) -> str:
        """The answer; nothing of the request is in it."""
        return str(self.value[1])


@dataclass(frozen=True)
class Rules:
    """Who may ask: the names of this server, and the token if there is one."""

    port: int
    hosts: frozenset[str] = frozenset()
    token: str = ""

    def refuse(self, scope: Scope) -> Refused | None:
        """Why this http or websocket request (an ASGI scope) is refused, if it is."""
        headers = Headers(scope)
        return (
            _malformed(scope, headers)
            or self._foreign(scope, headers)
            or _unsafe(scope, headers)
            or (None if self.admits(headers) else Refused.NO_TOKEN)
        )

    def admits(self, headers: "Headers") -> bool:
        """True when no token is asked for, or the cookie or a bearer token is right."""
        if not self.token:
            return True
        scheme, _, given = headers.one(b"authorization").partition(b" ")
        bearer = given.strip() if scheme.lower() == b"bearer" else b""
        right = compare_digest(bearer, self.token.encode())
        return compare_digest(headers.cookie(self.cookie_name), self.cookie.encode()) or right

    def is_ours(self, host: str) -> bool:
        """True when this is a name of this server, in lower case and as a browser writes it."""
        own = {f"{name}:{self.port}" for name in _LOOPBACK}
        if self.port == _HTTP_PORT:
            own |= set(_LOOPBACK)
        return host in own or host in self.hosts

    def is_key(self, given: str) -> bool:
        """True when this is the token."""
        return bool(self.token) and compare_digest(given.encode(), self.token.encode())

    @property
    def cookie_name(self) -> str:
        """Cookies know no ports: the name keeps two installations on a machine apart."""
        return f"supervisor_{self.port}"

    @property
    def cookie(self) -> str:
        """What the browser keeps instead of the token, which can't be had from it."""
        return keyed_digest(self.token.encode(), b"supervisor ui cookie", sha256).hex()

    def _foreign(self, scope: Scope, headers: "Headers") -> Refused | None:
        host = headers.one(b"host").decode("latin-1").lower()
        if not self.is_ours(host):
            return Refused.HOST
        origins = headers.all(b"origin")
        ours = [f"{scheme}://{host}".encode("latin-1") for scheme in ("http", "https")]
        if origins and (len(origins) > 1 or origins[0].lower() not in ours):
            return Refused.ORIGIN
        if not origins and (scope["type"] == "websocket" or scope.get("method") == "POST"):
            return Refused.ORIGIN
        return Refused.ORIGIN if _is_drawn_in(headers) else None


class Headers:
    """The headers of a request, by their names in lower case."""

    def __init__(self, scope: Scope) -> None:
        self.pairs: list[Pair] = list(scope["headers"])  # type: ignore[call-overload]

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a header."""
        return [value.strip() for key, value in self.pairs if key.lower() == name]

    def one(self, name: bytes) -> bytes:
        """The value of a header that comes once; empty otherwise."""
        values = self.all(name)
        return values[0] if len(values) == 1 else b""

    def cookie(self, name: str) -> bytes:
        """The value of a cookie, empty without it."""
        parts = b";".join(self.all(b"cookie")).split(b";")
        pairs = (part.strip().partition(b"=") for part in parts)
        return next((value for key, _, value in pairs if key == name.encode()), b"")


def key_of(scope: Scope) -> str | None:
    """The token that somebody opens a page with, if there is one in the address."""
    given = _query(scope).get("token")
    return given[0] if given and scope.get("method") == "GET" else None


def hosts_of(words: Iterable[str]) -> frozenset[str]:
    """Host names, with or without a port, as browsers write them."""
    names = (word.strip().lower() for word in words)
    return frozenset(name for name in names if name)


def _malformed(scope: Scope, headers: Headers) -> Refused | None:
    path, words = str(scope["path"]), scope.get("query_string", b"")
    size = sum(len(name) + len(value) for name, value in headers.pairs)
    size += len(path) + len(words if isinstance(words, bytes) else b"")
    if len(headers.pairs) > MOST_HEADERS or size > LONGEST_HEAD:
        return Refused.HEAD_TOO_LARGE
    if not path.startswith("/") or not path.isprintable():
        return Refused.MALFORMED  # a proxy's request, or a line break in disguise
    if headers.all(b"content-length") and headers.all(b"transfer-encoding"):
        return Refused.MALFORMED
    return None


def _unsafe(scope: Scope, headers: Headers) -> Refused | None:
    if scope["type"] == "websocket":
        return None if scope["path"] == GRAPHQL else Refused.MALFORMED
    if scope["method"] not in _METHODS:
        return Refused.METHOD
    if scope["method"] == "POST":
        kind = headers.one(b"content-type").lower().replace(b" ", b"")
        return None if kind in _JSON else Refused.NOT_JSON
    # Dagster carries out what it finds in the address, unless it is asked for a page.
    asks = GRAPHQL in str(scope["path"]).lower() and "query" in _query(scope)
    return Refused.GRAPHQL_IN_ADDRESS if asks and not _wants_page(headers) else None


def _is_drawn_in(headers: Headers) -> bool:
    """True when a page of another site asks for this as a part of itself."""
    site, mode = headers.one(b"sec-fetch-site"), headers.one(b"sec-fetch-mode")
    return site in (b"cross-site", b"same-site") and mode != b"navigate"


def _wants_page(headers: Headers) -> bool:
    return b"text/html" in headers.one(b"accept")


def _query(scope: Scope) -> dict[str, list[str]]:
    words = scope.get("query_string", b"")
    text = words.decode("latin-1") if isinstance(words, bytes) else ""
    return parse_qs(text, keep_blank_values=True)
