"""A request that goes no further, and how that is said."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from gallery import errors
from supervisor_core.reasons import Fact, Reason


class Barred(Exception):
    """A request that is refused before any page has seen it.

    With `close` the connection ends: what was not read must not be taken for the next request.
    """

    def __init__(
        self,
        status: int,
        reason: Reason | None,
        *,
        headers: Mapping[str, str] | None = None,
        facts: Mapping[str, Fact] | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(status, reason)
        self.status, self.reason, self.facts = status, reason, dict(facts or {})
        self.headers = dict(headers or {}) | ({"Connection": "close"} if close else {})


def answer(request: Request, barred: Barred) -> Response:
    """The answer as a page, or in the one shape of errors for programs."""
    return _with(barred, errors.answer(request, _told(barred)))


def plain(request: Request, barred: Barred) -> Response:
    """The answer in two sentences: for files, for strangers, and where no page can be drawn."""
    told = _told(barred)
    if errors.wants_json(request):
        return _with(barred, JSONResponse({"error": told}, barred.status))
    text = f"{told['sentence']} {told['next_step']}\n"
    return _with(barred, PlainTextResponse(text, barred.status))


def _told(barred: Barred) -> dict[str, Any]:
    return errors.told(barred.status, barred.reason, barred.facts)


def _with(barred: Barred, response: Response) -> Response:
    response.headers.update(barred.headers)
    return response
