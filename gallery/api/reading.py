"""What programs read; nothing of it takes the store's lock."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from math import ceil
from typing import Any

from gallery.api.asking import modes_of
from gallery.api.call import Call
from gallery.errors import Refusal
from gallery.listing import reading
from gallery.listing.filters import PAGE_SIZE, Wanted
from gallery.listing.listing import Listing
from gallery.queue.doing import chosen
from gallery.queue.figures import Figures
from gallery.queue.held import held
from gallery.queue.stages import Stage
from supervisor_core.enrichment.modes import MODES
from supervisor_core.keys import MediaKey
from supervisor_core.store import requests, work
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, keys
from supervisor_core.store.work import Task

Told = Mapping[str, Any]
_TASKS = f"SELECT DISTINCT task FROM work JOIN {ROWS} USING (media) ORDER BY task"  # noqa: S608
_SHOWN = (
    "id", "media", "intake", "source", "profile", "kind", "state", "level", "checked", "reason",
    "file", "width", "height", "seconds", "size_bytes", "looks", "stars", "title", "caption",
    "tags", "collections",
)  # fmt: skip


def status(call: Call) -> Told:
    """The sums at once; the stages only when somebody wants to wait for them."""
    kept = held(call.house)
    if call.query.get("details") != "1":
        return {**kept.light(), "version": _version()}
    found = kept.figures(kept.after_ns(call.person.who))
    return {**kept.light(), "version": _version(), **_details(found)}


def items(call: Call) -> Told:
    """A page of the list."""
    wanted = Wanted.of(call.pairs)
    with call.reading() as connection:
        listing = Listing(connection, wanted)
        pages = max(1, ceil(listing.total / PAGE_SIZE))
        wanted = wanted.at(min(wanted.page, pages))
        rows = listing.page(wanted.page)
    return {
        "total": listing.total,
        "page": wanted.page,
        "pages": pages,
        "items": list(map(_row, rows)),
    }


def item(call: Call) -> Told:
    """One item."""
    with call.reading() as connection:
        found = reading.find(connection, call.places["item"])
        if found is None:
            raise Refusal(404)
        media = [MediaKey(found["media"])] if found["media"] else []
        return {"item": _row(found), "tasks": _tasks(connection, media)}


def job(call: Call) -> Told:
    """One request."""
    with call.reading() as connection:
        found = requests.look(connection, call.places["job"])
        if found is None:
            raise Refusal(404)
        names = [one for one in str(found.detail.get("modes", "")).split(",") if one in MODES]
        ids = [one for one in str(found.detail.get("media", "")).split(",") if one]
        media = sorted(chosen(connection, ids) or ()) if names else []
        tasks = _tasks(connection, media, {MODES[name].task for name in names}) if names else []
    return {
        "id": found.id,
        "verb": found.verb,
        "subject": found.subject,
        "state": found.state,
        "reason": found.reason,
        "who": found.who,
        "created": _moment(found.created),
        "updated": _moment(found.updated),
        "tasks": tasks,
    }


def tasks(call: Call) -> Told:
    """The tasks of a media or an intake."""
    mode = call.query.get("mode")
    wanted = {MODES[name].task for name in modes_of([mode])} if mode else None
    with call.reading() as connection:
        media = sorted(chosen(connection, [call.query["media"]]) or ())
        return {"tasks": _tasks(connection, media, wanted)}


def _details(found: Figures) -> dict[str, Any]:
    return {
        "stages": [_stage(one, found.now) for one in found.stages],
        "errors": [{**vars(one), "happened": _moment(one.happened)} for one in found.troubles],
    }


def _stage(stage: Stage, now: datetime) -> dict[str, Any]:
    ends, left = stage.ends, stage.left_s
    rate = (
        {"per_hour": ends.per_hour, "ends": ends.count, "window_s": ends.window_s} if ends else None
    )
    return {
        "stage": stage.step,
        "level": stage.level,
        "waiting": stage.waiting,
        "blocked": stage.blocked,
        "running": stage.running,
        "failed": stage.failed,
        "oldest_s": (now - stage.oldest).total_seconds() if stage.oldest else None,
        "rate": rate,
        "seconds_left": list(left) if left else None,
        "paused": stage.pause is not None,
        "failures": [
            {"reason": one.reason, "count": one.count, "retry": one.asset} for one in stage.failures
        ],
    }


def _tasks(
    connection: Connection, media: Iterable[MediaKey], wanted: Iterable[str] | None = None
) -> list[dict[str, Any]]:
    known = list(media)
    if wanted is None:
        wanted = [str(row["task"]) for row in fetch(connection, _TASKS, keys("media", known))]
    found = [
        task for name in sorted(wanted) for task in work.load(connection, name, known).values()
    ]
    return [_task(one) for one in found]


def _task(one: Task) -> dict[str, Any]:
    return {
        "media": one.media,
        "task": one.task,
        "state": one.state,
        "reason": one.reason,
        "attempts": one.attempts,
        "not_before": _moment(one.not_before) if one.not_before else None,
        "updated": _moment(one.updated),
    }


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _SHOWN} | {"first_seen": _moment(row["first_seen"])}


def _moment(when: datetime) -> str:
    return when.isoformat()


@cache
def _version() -> str:
    try:
        return version("supervisor-assets")
    except PackageNotFoundError:
        return "unknown"
