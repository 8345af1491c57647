"""What goes wrong, told once: as a page to people, as JSON to machines, in one shape."""

import logging
from dataclasses import dataclass, field
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gallery.pages.after import shows_now
from gallery.templating import render
from supervisor_core.pipeline.places import failed_from
from supervisor_core.reasons import Class, Fact, Failed, Reason

_log = logging.getLogger("gallery")
_STATUS = {
    Reason.UNKNOWN_INTAKE: 404,
    Reason.FILE_NOT_FOUND: 404,
    Reason.NOT_VERIFIED: 409,
    Reason.NOT_SEEN: 409,
    Reason.FILE_CHANGED: 409,
    Reason.OUTPUT_CHANGED: 409,
    Reason.ITEM_REJECTED: 409,
    Reason.ITEM_BUSY: 409,
    Reason.STORE_BUSY: 503,
    Reason.NOT_PUBLISHED: 503,
    Reason.NO_STORE: 503,
    Reason.STORE_DAMAGED: 503,
    Reason.DISK_FULL: 507,
}
_BY_CLASS = {Class.TRANSIENT: 503, Class.PERMANENT: 422, Class.CONFIG: 503, Class.BUG: 500}
_WORDS = {
    400: ("This can't be understood.", "Go back and try again."),
    401: ("Nobody is signed in.", "Sign in with your key."),
    403: ("Your role does not allow this.", "Ask somebody with the role that is named."),
    404: ("There is no such page or item.", "Go back to the list."),
    405: ("This page does not take that.", "Use the buttons of the pages."),
    413: ("That is too much at once.", "Send less."),
    429: ("Too many tries.", "Wait a minute."),
}


@dataclass
class Refusal(Exception):
    """A request that is refused with a status, in words of ours; `reason` where one fits."""

    status: int
    reason: Reason | None = None
    facts: dict[str, Fact] = field(default_factory=dict)


def told(status: int, reason: Reason | None, facts: dict[str, Any]) -> dict[str, Any]:
    """The one shape of an error: status, code, what happened, what to do next, figures."""
    sentence, step = _WORDS.get(status, ("This did not work.", "Try again."))
    return {
        "status": status,
        "reason": reason.value if reason else f"HTTP_{status}",
        "sentence": reason.sentence if reason else sentence,
        "next_step": reason.next_step if reason else step,
        "facts": facts,
    }


def wants_json(request: Request) -> bool:
    """True for the API and for whoever asks for JSON."""
    accept = request.headers.get("accept", "")
    return request.url.path.startswith("/api/") or "application/json" in accept


def answer(request: Request, error: dict[str, Any]) -> Response:
    """An error as its reader wants it."""
    status = int(error["status"])
    headers = {"Retry-After": "2"} if status == 503 else {}
    if wants_json(request):
        return JSONResponse({"error": error}, status, headers)
    item = _item_of(request.url.path)
    values = {"error": error, "back": f"/items/{item}" if item else ""}
    page = render(request, "error.html", values, status=status, headers=headers)
    # What is refused may rest on what has changed since: who goes back sees how it is now.
    return shows_now(page, item) if item else page


def _item_of(path: str) -> str:
    """The item that something was to be done to, if it was one."""
    parts = path.split("/")
    return parts[2] if len(parts) == 4 and parts[1] == "items" else ""


def on_failed(request: Request, failed: Exception) -> Response:
    """A reason, with the status that fits it."""
    assert isinstance(failed, Failed)  # noqa: S101 - how it is registered
    status = _STATUS.get(failed.reason, _BY_CLASS[failed.reason.class_])
    return answer(request, told(status, failed.reason, dict(failed.facts)))


def on_refusal(request: Request, refusal: Exception) -> Response:
    """A request that is refused."""
    assert isinstance(refusal, Refusal)  # noqa: S101
    return answer(request, told(refusal.status, refusal.reason, dict(refusal.facts)))


def on_http(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: unknown paths, wrong methods."""
    assert isinstance(error, HTTPException)  # noqa: S101
    return answer(request, told(error.status_code, None, {}))


def on_disk(request: Request, error: Exception) -> Response:
    """What the disk refuses; its own words hold paths."""
    assert isinstance(error, OSError)  # noqa: S101
    failed = failed_from(error)
    _log.error("%s errno=%s", failed.reason, error.errno)
    return on_failed(request, failed)


def on_bug(request: Request, _: Exception) -> Response:
    """Anything else; its text stays in the log."""
    return answer(request, told(500, Reason.INTERNAL_ERROR, {}))
