"""What people do about the work; pages and API do it by the same functions.

Each is called in one short transaction.
"""

from collections.abc import Sequence
from datetime import datetime

from gallery.errors import Refusal
from supervisor_core.enrichment.modes import MODES, in_order
from supervisor_core.keys import MediaKey, Retried
from supervisor_core.reasons import Reason
from supervisor_core.store import asking, dead_letters, enrichment_wishes, pauses, requests
from supervisor_core.store.asking import Choice
from supervisor_core.store.database import Connection
from supervisor_core.store.lookup import media_under
from supervisor_core.store.requests import Verb

RUN_MOST = 1000
Done = dict[str, object]


def chosen(connection: Connection, keys: Sequence[str]) -> set[MediaKey] | None:
    """The media that keys of intakes and media stand for; None without any. Raises 404."""
    found: set[MediaKey] = set()
    for key in keys:
        media = media_under(connection, key)
        if media is None:
            raise Refusal(404)
        found |= media
    return found if keys else None


def enqueue(
    connection: Connection,
    who: str,
    now: datetime,
    *,
    modes: Sequence[str],
    media: Sequence[str] = (),
    since: datetime | None = None,
    limit: int = 0,
    everything: bool = False,
    force: bool = False,
) -> Done:
    """Asks for enrichments: of what has no result yet, of all, or anew by force."""
    if force and not (media or since or limit or everything):
        raise Refusal(422, Reason.BAD_REQUEST, {"field": "filters"})
    choice = asking.choose(
        connection,
        modes,
        chosen(connection, media),
        since,
        only_missing=not (force or everything),
        limit=limit,
    )
    asked = asking.ask(connection, choice, who, now, force=force)
    return {"requests": asked, "count": choice.count, "items": choice.counts}


def cancel_job(connection: Connection, who: str, now: datetime, job: str) -> Done:
    """Takes a request back, or ends what is open of it if its run has begun."""
    known = requests.look(connection, job)
    if known is None:
        raise Refusal(404)
    taken_back = requests.cancel(connection, job, who, now)
    ended = 0
    if known.verb is Verb.ENRICH:
        modes = [one for one in str(known.detail.get("modes", "")).split(",") if one in MODES]
        keys = [one for one in str(known.detail.get("media", "")).split(",") if one]
        media = sorted(chosen(connection, keys) or ())
        ended = len(enrichment_wishes.cancel(connection, media, modes, who, now))
    return {"requests": int(taken_back), "cancelled": ended}


def cancel(
    connection: Connection, who: str, now: datetime, media: Sequence[str], modes: Sequence[str]
) -> Done:
    """Ends what is open of these modes, of all media or of these."""
    choice = asking.choose(
        connection, modes, chosen(connection, media), only_missing=False, only_open=True
    )
    return {"requests": 0, "cancelled": asking.cancel(connection, choice, who, now)}


def delete(
    connection: Connection,
    who: str,
    now: datetime,
    media: Sequence[str],
    modes: Sequence[str],
    *,
    force: bool = False,
) -> Done:
    """Removes the results of these media; raises `Failed(ITEM_BUSY)`, see `enrichment_wishes`."""
    found = sorted(chosen(connection, media) or ())
    names = in_order(modes)
    removed = enrichment_wishes.remove(connection, found, names, who, now, force=force)
    return {"removed": removed}


def run_once(connection: Connection, who: str, now: datetime, limit: int) -> Done:
    """Asks now for enrichments that wait and are not paused, before their sensor would."""
    known = pauses.load(connection)
    modes = [name for name, mode in MODES.items() if not pauses.covering(known, mode.task)]
    open_ = asking.choose(connection, modes, only_missing=False, only_open=True, limit=limit)
    items: dict[str, list[enrichment_wishes.Candidate]] = {}
    left = limit
    for mode, found in open_.items.items():
        items[mode] = list(found)[:left]
        left -= len(items[mode])
    choice = Choice({mode: found for mode, found in items.items() if found})
    asked = asking.ask(connection, choice, who, now)
    return {"requests": asked, "count": choice.count, "items": choice.counts}


def retry(
    connection: Connection, who: str, now: datetime, asset: Retried, reason: str = ""
) -> Done:
    """Tries again what ended without success, of one asset for one reason or for any."""
    found = dead_letters.find(connection, reason, asset)
    return {"retried": len(dead_letters.put_back(connection, found, who, now))}


def pause(connection: Connection, who: str, now: datetime, task: str) -> Done:
    """Has nobody begin this any more."""
    changed = pauses.pause(connection, task, who, now)
    return {"changed": changed, "paused": sorted(pauses.load(connection))}


def resume(connection: Connection, who: str, now: datetime, task: str) -> Done:
    """Lets it go on."""
    changed = pauses.resume(connection, task, who, now)
    return {"changed": changed, "paused": sorted(pauses.load(connection))}
