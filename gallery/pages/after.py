"""Whoever has just written something sees it: the next page waits for a copy that shows it.

The page of another item does not wait: what was written of the one before changes nothing there.
What was written of many concerns all pages.
"""

import re
import time

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

_COOKIE = "after"
_SHORT_S = 5
_ITEM = re.compile(r"[0-9A-Za-z_-]{0,40}")
_VALUE = re.compile(rf"([0-9]{{1,19}})\.({_ITEM.pattern})")


def after_ns(request: Request, item: str = "") -> int:
    """The moment that a list, or the page of this item, must show to its reader; 0: any."""
    found = _VALUE.fullmatch(request.cookies.get(_COOKIE, ""))
    if found is None or (item and found[2] not in ("", item)):
        return 0
    return min(int(found[1]), time.time_ns())


def then(where: str, item: str = "") -> Response:
    """Goes on to a page of ours, after something was written, of this item if of one."""
    return shows_now(RedirectResponse(where, 303), item)


def shows_now(response: Response, item: str = "") -> Response:
    """Has the next page of this reader show the store as it is now: of this item, if of one.

    What stands in an address and can't be an item has no page that could wait.
    """
    if not _ITEM.fullmatch(item):
        return response
    response.set_cookie(
        _COOKIE, f"{time.time_ns()}.{item}", max_age=_SHORT_S, httponly=True, samesite="strict"
    )
    return response
