"""Every try, opened before the work and closed after it; an opened one counts, however it ended."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from supervisor_core.journal import note
from supervisor_core.keys import media_id
from supervisor_core.reasons import Reason
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, fetch_about, given, insert, keys, reason_of

_SHAPE = {
    "id": "VARCHAR",
    "media": "VARCHAR",
    "intake": "VARCHAR",
    "ordinal": "INTEGER",
    "step": "VARCHAR",
    "level": "VARCHAR",
    "owner": "VARCHAR",
    "epoch": "BIGINT",
    "started": "TIMESTAMPTZ",
    "ended": "TIMESTAMPTZ",
    "outcome": "VARCHAR",
    "reason": "VARCHAR",
    "seconds": "DOUBLE",
}
_CLOSING = ("id", "ended", "outcome", "reason", "seconds")


class Step(StrEnum):
    """What was tried."""

    IMPORT = "import"
    MASK = "mask"
    VERIFY = "verify"
    ASIDE = "aside"
    THUMBNAIL = "thumbnail"
    ANALYSE = "analyse"
    ENRICH = "enrich"
    COPY = "copy"
    INTEGRITY = "integrity"
    FINGERPRINT = "fingerprint"
    UPSCALE = "upscale"
    RELEASE = "release"
    TAKE_AWAY = "take_away"


class Outcome(StrEnum):
    """How a try ended."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Attempt:
    """One try of one step on one item; `seconds` is the time the work itself took."""

    step: Step
    owner: str
    started: datetime
    intake: str | None = None
    ordinal: int | None = None
    media: str | None = None
    level: str | None = None
    epoch: int = 0
    ended: datetime | None = None
    outcome: Outcome | None = None
    reason: Reason | None = None
    seconds: float | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


def open_all(connection: Connection, new: Sequence[Attempt]) -> None:
    """Enters attempts that begin now."""
    insert(connection, "attempt", _SHAPE, [vars(attempt) for attempt in new])


def close_all(connection: Connection, closed: Sequence[Attempt]) -> None:
    """Writes how attempts ended."""
    if not closed:
        return
    shape = {name: _SHAPE[name] for name in _CLOSING}
    connection.execute(
        f"MERGE INTO attempt USING {ROWS} AS given USING (id) WHEN MATCHED THEN UPDATE SET"
        " ended = given.ended, outcome = given.outcome, reason = given.reason,"
        " seconds = given.seconds",
        given(shape, [vars(attempt) for attempt in closed]),
    )
    for attempt in closed:
        _note(attempt)


def _note(attempt: Attempt) -> None:
    note(
        {
            "time": attempt.ended,
            "event": "attempt",
            "step": attempt.step,
            "level": attempt.level,
            "outcome": attempt.outcome,
            "error": attempt.reason,
            "seconds": attempt.seconds,
            "media": attempt.media and media_id(attempt.media),
            "intake": attempt.intake,
            "ordinal": attempt.ordinal,
            "attempt": attempt.id,
            "owner": attempt.owner,
        }
    )


_HOLDING = "'mask', 'verify', 'aside', 'thumbnail'"
_INTERRUPT = (
    "UPDATE attempt SET ended = ?, outcome = 'interrupted', reason = ? WHERE ended IS NULL AND "
)


def close_lost(connection: Connection, media: Sequence[str], now: datetime) -> None:
    """Closes what an owner that lost these media has left open.

    Only the steps that hold a media itself: who analyses or copies it holds a task, and goes on.
    """
    if media:
        connection.execute(
            f"{_INTERRUPT} step IN ({_HOLDING})"  # noqa: S608
            f" AND media IN (SELECT media FROM {ROWS})",
            [now, Reason.LEASE_LOST, *keys("media", media)],
        )


def close_lost_step(
    connection: Connection, step: Step, media: str, level: str, now: datetime
) -> None:
    """Closes what an owner that lost this step on a media has left open."""
    connection.execute(
        f"{_INTERRUPT} step = ? AND media = ? AND level = ?",
        [now, Reason.LEASE_LOST, step, media, level],
    )


def close_dead_import(connection: Connection, intake: str, now: datetime) -> None:
    """Closes what a dead importer of this intake has left open."""
    connection.execute(
        f"{_INTERRUPT} step = 'import' AND intake = ?", [now, Reason.WORKER_CRASHED, intake]
    )


def close_dead(connection: Connection, left: Sequence[str], reason: Reason, now: datetime) -> None:
    """Closes attempts whose owners are gone: WORKER_CRASHED, or CANCELLED before they began."""
    if left:
        connection.execute(
            f"{_INTERRUPT} id IN (SELECT id FROM {ROWS})",  # noqa: S608
            [now, reason, *keys("id", left)],
        )


def count_failed(
    connection: Connection, intake: str, step: Step, reasons: Iterable[Reason]
) -> dict[int, int]:
    """How often each file of an intake failed at a step for one of these reasons, by ordinal."""
    found = connection.execute(
        f"SELECT ordinal, count(*) FROM attempt JOIN {ROWS} USING (reason)"  # noqa: S608
        " WHERE intake = ? AND step = ? AND outcome = 'failed' GROUP BY ordinal",
        [*keys("reason", reasons), intake, step],
    )
    return dict(found.fetchall())


_BROKEN = f"""
    WITH tries AS (
        SELECT media, started, coalesce(reason = 'IO_ERROR'
            OR outcome = 'interrupted' AND reason = 'WORKER_CRASHED', false) AS broken
        FROM attempt JOIN {ROWS} USING (media)
        WHERE step = 'mask' AND level = ? AND ended IS NOT NULL
            AND coalesce(reason, '') NOT IN ('CANCELLED', 'LEASE_LOST')
    )
    SELECT media, count(*) FROM tries WHERE broken AND started > coalesce(
        (SELECT max(other.started) FROM tries AS other
         WHERE other.media = tries.media AND NOT other.broken), TIMESTAMPTZ '1970-01-01')
    GROUP BY media
"""  # noqa: S608


def count_broken(connection: Connection, media: Iterable[str], level: str) -> dict[str, int]:
    """How often in a row masking each media ended its run, or met a broken disk, at this level."""
    return dict(connection.execute(_BROKEN, [*keys("media", media), level]).fetchall())


_PASSING = f"""
    WITH began AS (
        SELECT media, max(started) AS ladder FROM attempt JOIN {ROWS} USING (media)
        WHERE step = 'mask' AND level = ? GROUP BY media
    )
    SELECT DISTINCT media FROM attempt JOIN began USING (media) JOIN {ROWS} USING (reason)
    WHERE outcome = 'failed' AND started >= ladder
"""  # noqa: S608


def failed_since(
    connection: Connection, media: Iterable[str], level: str, reasons: Iterable[Reason]
) -> set[str]:
    """Which media failed for one of these reasons since they were last masked at this level."""
    parameters = [*keys("media", media), level, *keys("reason", reasons)]
    return {row[0] for row in connection.execute(_PASSING, parameters).fetchall()}


# A thumbnail that failed once is not tried for ever: the file itself is shown all the same.
UNDRAWN = """
    SELECT media FROM output WHERE current AND verified_at IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM attempt WHERE attempt.media = output.media AND step = 'thumbnail'
            AND outcome IN ('done', 'failed') AND started >= output.verified_at)
"""


def undrawn(connection: Connection, media: Iterable[str]) -> set[str]:
    """Which media have a verified output whose thumbnail nobody has tried to draw since."""
    sql = f"SELECT media FROM ({UNDRAWN}) JOIN {ROWS} USING (media)"  # noqa: S608
    return {row[0] for row in connection.execute(sql, keys("media", media)).fetchall()}


def of_media(connection: Connection, media: Iterable[str]) -> list[Attempt]:
    """All attempts at these media, oldest first."""
    rows = fetch_about(connection, "attempt", media, "ORDER BY started, id")
    return [_attempt(row) for row in rows]


def unfinished(connection: Connection) -> list[Attempt]:
    """Every attempt that is open."""
    return [_attempt(row) for row in fetch(connection, "SELECT * FROM attempt WHERE ended IS NULL")]


def _attempt(row: dict[str, object]) -> Attempt:
    outcome = row["outcome"]
    typed = {
        "step": Step(str(row["step"])),
        "outcome": Outcome(str(outcome)) if outcome else None,
        "reason": reason_of(row["reason"]),
    }
    return Attempt(**row | typed)  # type: ignore[arg-type]
