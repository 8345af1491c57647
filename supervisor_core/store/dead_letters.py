"""What ended without success and waits for a person, and how it is put back to be tried again.

    analyses        tasks in `error` (a lasting cause) or `dead` (the last try failed)
    bucket_copies   the same, of copies to a bucket
    released_files  the same, of released files that are put out
    enrichments     the same, of what the modes find
    fingerprints    the same, of what files look like
    cleaned_frames  files that the whole ladder could not clean, which lie aside

A task is queued again, and its sensor (`model_health`, `copies`, `releases`, `unlooked_files`)
starts it. A file waits for the first level again, and a request has its intake's run started.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.keys import IntakeKey, MediaKey, Retried
from supervisor_core.reasons import Reason
from supervisor_core.states import Cleaning, Work
from supervisor_core.store import audit, leases, lookup, requests, work
from supervisor_core.store import media as media_table
from supervisor_core.store.audit import Deed
from supervisor_core.store.database import Connection
from supervisor_core.store.requests import Verb
from supervisor_core.store.rows import fetch, reason_of

_TASKS = {
    Retried.ANALYSES: "analysis",
    Retried.BUCKET_COPIES: "copy",
    Retried.RELEASED_FILES: "release",
    Retried.ENRICHMENTS: "enrichment",
    Retried.FINGERPRINTS: "fingerprints",
}
_ASIDE = f"""
    SELECT media, reason, updated FROM media
    WHERE cleaning = '{Cleaning.RAW_ASIDE}' AND (? = '' OR reason = ?) ORDER BY updated, media
"""  # noqa: S608


@dataclass(frozen=True)
class Letter:
    """One item that ended without success at `ended`; `task` names its task, if it is one."""

    asset: Retried
    media: MediaKey
    intake: IntakeKey
    state: Work | Cleaning
    reason: Reason | None
    ended: datetime
    task: str | None = None
    attempts: int | None = None


def find(
    connection: Connection,
    code: str = "",
    asset: Retried | None = None,
    media: Set[MediaKey] | None = None,
) -> list[Letter]:
    """What ended without success: of one reason, asset and these media, or all."""
    found = [*_aside(connection, code)]
    for one, kind in _TASKS.items():
        found += _tasks(connection, code, one, kind)
    return [
        one for one in found if asset in (None, one.asset) and (media is None or one.media in media)
    ]


def put_back(
    connection: Connection, letters: Sequence[Letter], who: str, now: datetime
) -> list[Letter]:
    """Has these tried again, and returns them without those that somebody has in hand.

    They were found in the same transaction.
    """
    queued = _queue(connection, [one for one in letters if one.task is not None], now)
    sent = _send(connection, [one for one in letters if one.task is None], who, now)
    back = [*sent, *queued]
    audit.write(connection, who, [_deed(one) for one in back], now)
    return back


def _queue(connection: Connection, letters: Sequence[Letter], now: datetime) -> list[Letter]:
    wanted = {(one.media, one.task) for one in letters}
    tasks = [one for one in work.ended_badly(connection) if (one.media, one.task) in wanted]
    work.save(connection, [one.put_down(Work.QUEUED, attempts=0) for one in tasks], now)
    return list(letters)


def _send(
    connection: Connection, letters: Sequence[Letter], who: str, now: datetime
) -> list[Letter]:
    known = media_table.load(connection, [one.media for one in letters])
    free = [one for one in letters if leases.is_free(known[one.media], who, now)]
    media_table.save(connection, [known[one.media].sent_back() for one in free], now)
    for intake in sorted({one.intake for one in free}):
        # Not RETRY, which would send back all that is aside there, also for other reasons.
        requests.ask(connection, Verb.INGEST, intake, who, now)
    return free


def _deed(letter: Letter) -> Deed:
    detail = {"asset": letter.asset.value, "state": letter.state.value}
    named = {"task": letter.task, "reason": letter.reason and letter.reason.value}
    return Deed("retry", letter.media, detail | {key: text for key, text in named.items() if text})


def _tasks(connection: Connection, code: str, asset: Retried, kind: str) -> list[Letter]:
    tasks = work.ended_badly(connection, code, kind)
    intakes = lookup.first_intakes(connection, [task.media for task in tasks])
    return [
        Letter(
            asset,
            task.media,
            intakes[task.media],
            task.state,
            task.reason,
            task.updated,
            task.task,
            task.attempts,
        )
        for task in tasks
        if task.media in intakes
    ]


def _aside(connection: Connection, code: str) -> list[Letter]:
    rows = fetch(connection, _ASIDE, [code, code])
    intakes = lookup.first_intakes(connection, [str(row["media"]) for row in rows])
    return [
        Letter(
            Retried.CLEANED_FRAMES,
            MediaKey(str(row["media"])),
            intakes[MediaKey(str(row["media"]))],
            Cleaning.RAW_ASIDE,
            reason_of(row["reason"]),
            row["updated"],  # type: ignore[arg-type]
        )
        for row in rows
        if row["media"] in intakes
    ]
