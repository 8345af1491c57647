"""What programs ask for: the same functions as the pages use."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gallery.api.call import Call
from gallery.errors import Refusal
from gallery.queue import doing
from supervisor_core.enrichment.modes import MODES
from supervisor_core.keys import Retried
from supervisor_core.reasons import Reason

Told = Mapping[str, Any]


def enqueue(call: Call) -> Told:
    """Asks for enrichments."""
    filters = call.body.get("filters", {})
    since = filters.get("since")
    if filters.get("all") and filters.get("missing"):
        raise Refusal(422, Reason.BAD_REQUEST, {"field": "filters.missing"})
    told: Told = call.write(
        doing.enqueue,
        modes=modes_of(call.body["modes"]),
        media=filters.get("media", ()),
        since=datetime.fromisoformat(since).replace(tzinfo=UTC) if since else None,
        limit=int(filters.get("limit", 0)),
        everything=filters.get("all", False),
        force=filters.get("force", False),
    )
    return told


def cancel(call: Call) -> Told:
    """Takes back, or ends."""
    body = call.body
    told: Told = (
        call.write(doing.cancel_job, body["job"])
        if "job" in body
        else call.write(doing.cancel, body["media"], modes_of(body["modes"]))
    )
    return told


def delete(call: Call) -> Told:
    """Removes results."""
    force = call.body.get("force", False)
    modes = modes_of(call.body["modes"])
    told: Told = call.write(doing.delete, call.body["media"], modes, force=force)
    return told


def run_once(call: Call) -> Told:
    """Asks for what waits."""
    told: Told = call.write(doing.run_once, int(call.body["limit"]))
    return told


def retry(call: Call) -> Told:
    """Tries again."""
    body = call.body
    told: Told = call.write(doing.retry, Retried(body["asset"]), body.get("reason", ""))
    return told


def pause(call: Call) -> Told:
    """Has nobody begin some work."""
    told: Told = call.write(doing.pause, call.body["task"])
    return told


def resume(call: Call) -> Told:
    """Lets it go on."""
    told: Told = call.write(doing.resume, call.body["task"])
    return told


def modes_of(words: Sequence[str]) -> list[str]:
    """The modes that are named; `all` stands for every one."""
    return list(MODES) if "all" in words else list(words)
