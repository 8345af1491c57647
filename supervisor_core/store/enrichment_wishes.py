"""What people want of enrichments: begin, again, stop, remove. Each is one short transaction.

What is in a run's hands is taken out of them: the run finds that it lost the item, ends the child
that asks about it, and writes nothing.
"""

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from supervisor_core.enrichment.modes import MODES, in_order
from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Work
from supervisor_core.store import attempts, audit, enrichments, fields, gate, tags, work
from supervisor_core.store.attempts import Step
from supervisor_core.store.audit import Deed
from supervisor_core.store.database import Connection
from supervisor_core.store.work import Task

_BADLY = (Work.ERROR, Work.DEAD, Work.CANCELLED)


_CANDIDATES = """
    WITH readable AS (
        SELECT media.media, media.first_seen FROM media
        LEFT JOIN output ON output.media = media.media AND output.current
        WHERE cleaning = 'not_required' OR verification = 'verified' AND output.media IS NOT NULL
    ), first AS (
        SELECT media, min(intake) AS intake FROM arrival
        WHERE state IN ('imported', 'duplicate') GROUP BY media
    )
    SELECT readable.media, first.intake, work.state IN ('queued', 'waiting', 'blocked', 'running')
    FROM readable JOIN first USING (media)
    LEFT JOIN work ON work.media = readable.media AND work.task = $1
    LEFT JOIN enrichment ON enrichment.media = readable.media AND enrichment.mode = $2
        AND enrichment.current AND enrichment.state IN ('done', 'degraded')
    WHERE ($3::TIMESTAMPTZ IS NULL OR readable.first_seen >= $3)
        AND ($4 = false OR enrichment.media IS NULL)
    ORDER BY readable.first_seen DESC, readable.media
"""


@dataclass(frozen=True)
class Candidate:
    """A readable media that may be enriched, the intake that works on it, and what is open."""

    media: MediaKey
    intake: IntakeKey
    open: bool


def candidates(
    connection: Connection,
    mode: str,
    media: Set[MediaKey] | None = None,
    since: datetime | None = None,
    *,
    only_missing: bool,
) -> list[Candidate]:
    """The readable media, newest first: of these, come in since then, without a result yet."""
    given = [MODES[mode].task, mode, since, only_missing]
    rows = connection.execute(_CANDIDATES, given).fetchall()
    return [
        Candidate(MediaKey(row[0]), IntakeKey(row[1]), bool(row[2]))
        for row in rows
        if media is None or row[0] in media
    ]


def queue(
    connection: Connection,
    intake: IntakeKey,
    modes: Collection[str],
    media: Collection[str],
    now: datetime,
    *,
    force: bool = False,
) -> int:
    """Has readable media of an intake enriched; returns how many tasks are open because of it.

    Of all its media when none is named (a key, or 16 hex of one). What has a result is made again
    only by `force`; what ended badly, or was cancelled, is open again with all its tries.
    """
    readable = [one.media for one in gate.readable_of(connection, intake)]
    chosen = [one for one in readable if not media or _among(one, media)]
    opened = []
    for name in in_order(modes):
        known = work.load(connection, MODES[name].task, chosen)
        for one in chosen:
            task = known.get(one) or _new(one, name, now)
            if not task.ended or force or task.state in _BADLY:
                opened.append(task.reopened())
    work.save(connection, [one for one in opened if one.state is not Work.RUNNING], now)
    return len(opened)


def cancel(
    connection: Connection,
    media: Iterable[MediaKey],
    modes: Collection[str],
    who: str,
    now: datetime,
) -> list[Task]:
    """Ends what is open of these media and modes, and returns it as it was."""
    found = [one for one in _tasks(connection, list(media), modes) if not one.ended]
    _end(connection, found, now)
    audit.write(connection, who, [_deed("cancel_enrichment", one) for one in found], now)
    return found


def remove(
    connection: Connection,
    media: Sequence[MediaKey],
    modes: Collection[str],
    who: str,
    now: datetime,
    *,
    force: bool = False,
) -> int:
    """Removes all results of these media and modes, and says how many counted.

    They are not made again until somebody asks. What people have written stays. Raises
    `Failed(ITEM_BUSY)` while a run has one in hand, unless it is taken away by `force`.
    """
    names = in_order(modes)
    tasks = _tasks(connection, media, names)
    busy = [one for one in tasks if one.state is Work.RUNNING]
    if busy and not force:
        raise Failed(Reason.ITEM_BUSY, items=len(busy))
    known = {(one.media, one.task) for one in tasks}
    new = [
        _new(one, name, now)
        for one in media
        for name in names
        if (one, MODES[name].task) not in known
    ]
    _end(connection, [*tasks, *new], now)
    counted = enrichments.remove(connection, media, names)
    sources = [f"{by}:{name}" for by in ("model", "computed") for name in names]
    fields.withdraw(connection, media, sources)
    for source in sources:
        tags.put_all(connection, {one: [] for one in media}, source, now)
    audit.write(connection, who, [_deed("remove_enrichment", one) for one in tasks], now)
    return counted


def _end(connection: Connection, tasks: Sequence[Task], now: datetime) -> None:
    """Cancels these, whatever they are; whoever has one in hand has lost it."""
    for one in tasks:
        if one.state is Work.RUNNING:
            mode = one.task.partition("/")[2]
            attempts.close_lost_step(connection, Step.ENRICH, one.media, mode, now)
    ended = [
        replace(one.reopened(), key=None).put_down(Work.CANCELLED, Reason.CANCELLED)
        for one in tasks
    ]
    work.save(connection, ended, now)


def _tasks(connection: Connection, media: Sequence[MediaKey], modes: Collection[str]) -> list[Task]:
    return [
        task
        for name in in_order(modes)
        for task in work.load(connection, MODES[name].task, media).values()
    ]


def _new(media: MediaKey, mode: str, now: datetime) -> Task:
    return Task(media, MODES[mode].task, created=now, updated=now)


def _among(media: str, chosen: Collection[str]) -> bool:
    return any(media.startswith(one) for one in chosen)


def _deed(verb: str, task: Task) -> Deed:
    return Deed(verb, task.media, {"task": task.task, "state": task.state.value})
