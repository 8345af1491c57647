"""What keeps a page of another site from sending forms with our cookie.

A browser can be made to send a request, but not to lie about `Origin` and `Sec-Fetch-Site`, and a
page of another site can't read the token that our own pages carry. Sources: RFC 6454 (Origin), the
Fetch standard (Sec-Fetch-Site). `Referrer-Policy: no-referrer` would make every `Origin` "null",
so ours is `same-origin`.
"""

from collections.abc import Sequence
from hmac import compare_digest
from hmac import digest as keyed_digest

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
FIELD = "csrf_token"
HEADER = "x-csrf-token"
_PURPOSE = b"supervisor gallery csrf "


def token(secret: bytes, session_id: str) -> str:
    """What the forms of a session carry; nobody can make it from the cookie."""
    return keyed_digest(secret, _PURPOSE + session_id.encode(), "sha256").hex()


def fits(secret: bytes, session_id: str, given: Sequence[str]) -> bool:
    """True when a token came, in a field or a header, and each that came is this session's."""
    expected = token(secret, session_id).encode()
    right = [compare_digest(one.encode("utf-8", "replace"), expected) for one in given]
    return bool(right) and all(right)


def is_from_here(
    origins: Sequence[str], sites: Sequence[str], ours: Sequence[str], *, must_say: bool
) -> bool:
    """True when a page of ours sent an unsafe request, by its Origin and Sec-Fetch-Site headers.

    Both have to be right where they are there. With `must_say` one of them has to be: every browser
    sends one. A program that shows a key, which no browser adds by itself, may leave out both.
    """
    if len(origins) > 1 or len(sites) > 1:
        return False
    if origins and origins[0] not in ours:
        return False
    if sites and sites[0] != "same-origin":
        return False
    return bool(origins or sites) or not must_say
