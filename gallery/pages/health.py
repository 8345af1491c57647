"""Whether the pages answer, and whether they answer with the present: for whoever watches them.

Nobody signs in for it, so it tells words and ages and nothing else.
"""

import os
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gallery.house import House
from supervisor_core.reasons import Failed, Reason

COPY_S = 60.0
_ALONE = {"Cache-Control": "no-store"}


def alive(_: Request) -> Response:
    """This process answers."""
    return JSONResponse({"status": "alive"}, headers=_ALONE)


def ready(request: Request) -> Response:
    """503 with reasons where what the pages show would be old, or nobody could work with them."""
    checks = look(request.app.state.house)
    good = all(check["reason"] is None for check in checks)
    told = {"status": "ready" if good else "not_ready", "checks": checks}
    return JSONResponse(told, 200 if good else 503, headers=_ALONE)


def look(house: House) -> list[dict[str, Any]]:
    """Each check with its reason, if it is not well; takes no lock and never waits."""
    copy = house.snapshots.place.look()
    age_s = copy.age_s() if copy else None
    stale = age_s is None or age_s > COPY_S
    return [
        _check("copy", Reason.NOT_PUBLISHED if stale else None, age_s=age_s, limit_s=COPY_S),
        _check("disk", _disk(house)),
        _check("keys", _keys(house)),
    ]


def _check(name: str, reason: Reason | None, **figures: float | None) -> dict[str, Any]:
    rounded = {key: value and round(value, 1) for key, value in figures.items()}
    words = {
        "reason": reason.value if reason else None,
        "sentence": reason.sentence if reason else None,
        "next_step": reason.next_step if reason else None,
    }
    return {"name": name, **rounded, **words}


def _disk(house: House) -> Reason | None:
    try:
        space = os.statvfs(house.home.root)
    except OSError:
        return Reason.IO_ERROR
    free = space.f_bavail * space.f_frsize
    return Reason.DISK_FULL if free < house.settings.reserve_bytes else None


def _keys(house: House) -> Reason | None:
    try:
        return None if house.keys.all() else Reason.GALLERY_KEYS_UNUSABLE
    except Failed as failed:
        return failed.reason
