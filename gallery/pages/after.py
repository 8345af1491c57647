"""Whoever has just written something sees it: the next page waits for a copy that shows it.

The page of another item does not wait: what was written of the one before changes nothing there,
but says what that was, with the way back to it. What was written of many concerns all pages.
"""

import re
import time
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gallery.listing import reading
from gallery.listing.reading import Row
from supervisor_core.store.database import Connection

_COOKIE = "after"
_SHORT_S = 5
_ITEM = re.compile(r"[0-9A-Za-z_-]{0,40}")
_VALUE = re.compile(rf"([0-9]{{1,19}})\.({_ITEM.pattern})(?:\.([a-z]{{1,10}})\.([0-9]{{1,6}}))?")
_WORDS = {
    "release": "released",
    "withdraw": "release taken back",
    "hold": "held back",
    "reject": "rejected",
    "reopen": "open again",
    "tag": "tags added",
    "collect": "put into collections",
    "reclean": "to be cleaned again",
    "enrich": "enrichment asked for",
}


@dataclass(frozen=True)
class Done:
    """What somebody has just done, in words, to one item or to many."""

    words: str
    count: int
    item: Row | None


def after_ns(request: Request, item: str = "") -> int:
    """The moment that a list, or the page of this item, must show to its reader; 0: any."""
    found = _VALUE.fullmatch(request.cookies.get(_COOKIE, ""))
    if found is None or (item and found[2] not in ("", item)):
        return 0
    return min(int(found[1]), time.time_ns())


def just_done(request: Request, connection: Connection) -> Done | None:
    """What the reader of this page has done before it came, if it is worth telling."""
    found = _VALUE.fullmatch(request.cookies.get(_COOKIE, ""))
    words = _WORDS.get(found[3] or "") if found else None
    if found is None or words is None:
        return None
    item = reading.find(connection, found[2]) if found[2] else None
    return None if found[2] and item is None else Done(words, int(found[4]), item)


def then(where: str, item: str = "", deed: str = "", count: int = 1) -> Response:
    """Goes on to a page of ours, after something was written, of this item if of one.

    A deed (a decision, or what is done to many) is told there.
    """
    return shows_now(RedirectResponse(where, 303), item, f".{deed}.{count}" if deed else "")


def shows_now(response: Response, item: str = "", told: str = "") -> Response:
    """Has the next page of this reader show the store as it is now: of this item, if of one.

    What stands in an address and can't be an item has no page that could wait.
    """
    if not _ITEM.fullmatch(item):
        return response
    value = f"{time.time_ns()}.{item}{told}"
    response.set_cookie(_COOKIE, value, max_age=_SHORT_S, httponly=True, samesite="strict")
    return response
