"""Where released files lie, and what is still to be put there or taken away.

A row is written before its file can lie there (`created` is empty then), and marked when it does:
whatever breaks off in between is found again by its row, so nothing stays out that nobody knows of.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.reasons import Reason
from supervisor_core.states import Review, Work
from supervisor_core.store.database import Connection
from supervisor_core.store.decisions import LAST, READABLE_HASH, Verdict
from supervisor_core.store.rows import ROWS, fetch, given, keys, reason_of

HOME = "home"
OUT, AWAY = "release/out", "release/away"

_SHAPE = {
    "media": "VARCHAR",
    "output": "VARCHAR",
    "place": "VARCHAR",
    "name": "VARCHAR",
    "intake": "VARCHAR",
    "size_bytes": "BIGINT",
    "checksum": "VARCHAR",
    "created": "TIMESTAMPTZ",
    "gone": "TIMESTAMPTZ",
}
_KEY = ("media", "output", "place", "name")
# As `reviews.released`, for all media at once.
_RELEASED = f"""
    released AS (
        SELECT media.media, verdict.output FROM media
        JOIN ({LAST}) AS verdict ON verdict.media = media.media
            AND verdict.verdict = '{Verdict.RELEASED}'
        LEFT JOIN output ON output.media = media.media AND output.current
        WHERE media.review = '{Review.RELEASED}' AND verdict.output = {READABLE_HASH}
    )
"""  # noqa: S608
_DUE = f"""
    WITH {_RELEASED}, lying AS (SELECT * FROM export WHERE gone IS NULL),
    former AS (SELECT DISTINCT intake, media FROM lying ANTI JOIN released USING (media, output)),
    due AS (
        SELECT min(arrival.intake) AS intake, released.media, '{OUT}' AS task,
            released.output || ' ' || ? AS key
        FROM released JOIN arrival ON arrival.media = released.media
            AND arrival.state IN ('imported', 'duplicate')
        ANTI JOIN (SELECT * FROM lying WHERE created IS NOT NULL AND place = ?) AS there
            ON there.media = released.media AND there.output = released.output
        WHERE released.media NOT IN (SELECT media FROM former)
        GROUP BY released.media, released.output
        UNION ALL
        SELECT intake, media, '{AWAY}', '' FROM former
    )
    SELECT due.*, work.state, work.reason, work.key AS tried, work.lease_owner, work.lease_until,
        work.updated, work.not_before
    FROM due LEFT JOIN work ON work.media = due.media AND work.task = due.task
"""  # noqa: S608
_MEMBERS = """
    SELECT media, source, arrival.intake, ordinal FROM arrival JOIN intake USING (intake)
    JOIN (
        SELECT media, min(intake) AS intake FROM arrival
        WHERE state IN ('imported', 'duplicate') AND media IN (
            SELECT media FROM arrival WHERE intake = ?
        ) GROUP BY media
    ) AS first USING (media, intake)
    WHERE intake = ? AND state IN ('imported', 'duplicate')
    ORDER BY ordinal
"""


@dataclass(frozen=True)
class Export:
    """One file that lies in a place, or may: not `created` until it was seen there whole."""

    media: MediaKey
    output: str
    place: str
    name: str
    intake: IntakeKey
    size_bytes: int = 0
    checksum: str = ""
    created: datetime | None = None
    gone: datetime | None = None


@dataclass(frozen=True)
class Due:
    """A media with a file to put out or to take away, and how that task stands if there is one."""

    intake: IntakeKey
    media: MediaKey
    task: str
    key: str
    state: Work | None
    reason: Reason | None
    tried: str | None
    owner: str | None
    until: datetime | None
    updated: datetime | None
    not_before: datetime | None


@dataclass(frozen=True)
class Member:
    """How a media came in first: what its file is called rests on that."""

    media: MediaKey
    source: str
    intake: IntakeKey
    ordinal: int


def due(connection: Connection, place: str) -> list[Due]:
    """What is let out and not in this place, and what lies anywhere and is let out no more.

    A media whose former file is still to be taken away waits for that with its new one.
    """
    return [
        Due(
            IntakeKey(str(row["intake"])),
            MediaKey(str(row["media"])),
            str(row["task"]),
            str(row["key"]),
            Work(str(row["state"])) if row["state"] else None,
            reason_of(row["reason"]),
            str(row["tried"]) if row["tried"] else None,
            str(row["lease_owner"]) if row["lease_owner"] else None,
            row["lease_until"],  # type: ignore[arg-type]
            row["updated"],  # type: ignore[arg-type]
            row["not_before"],  # type: ignore[arg-type]
        )
        for row in fetch(connection, _DUE, [place, place])
    ]


def members(connection: Connection, intake: str) -> list[Member]:
    """The media that came in first with this intake, in order, each once."""
    found: dict[str, Member] = {}
    for row in fetch(connection, _MEMBERS, [intake, intake]):
        found.setdefault(str(row["media"]), Member(**row))  # type: ignore[arg-type]
    return list(found.values())


def lying(connection: Connection, intake: str) -> list[Export]:
    """What lies anywhere, or may, that runs of this intake have put there."""
    sql = "SELECT * FROM export WHERE intake = ? AND gone IS NULL ORDER BY name, output"
    return [Export(**row) for row in fetch(connection, sql, [intake])]  # type: ignore[arg-type]


def unreleased(connection: Connection, rows: Iterable[Export]) -> list[Export]:
    """Those of these whose file is not let out now."""
    listed = list(rows)
    sql = f"""
        WITH {_RELEASED} SELECT media, output FROM released
        SEMI JOIN {ROWS} AS given USING (media)
    """  # noqa: S608
    found = fetch(connection, sql, keys("media", {one.media for one in listed}))
    free = {(row["media"], row["output"]) for row in found}
    return [one for one in listed if (one.media, one.output) not in free]


def in_place(connection: Connection, place: str) -> Mapping[str, Export]:
    """What may lie in a place because it is let out, by its name there."""
    sql = f"""
        WITH {_RELEASED} SELECT export.* FROM export
        JOIN released USING (media, output) WHERE place = ? AND gone IS NULL
    """  # noqa: S608
    rows = [Export(**row) for row in fetch(connection, sql, [place])]  # type: ignore[arg-type]
    return {one.name: one for one in rows}


def all_lying(connection: Connection) -> list[Export]:
    """What was seen to lie anywhere and was not taken away, as far as is known."""
    sql = "SELECT * FROM export WHERE gone IS NULL AND created IS NOT NULL ORDER BY place, name"
    return [Export(**row) for row in fetch(connection, sql)]  # type: ignore[arg-type]


def save(connection: Connection, exports: Iterable[Export]) -> None:
    """Writes rows, new ones too."""
    assignments = ", ".join(f"{name} = given.{name}" for name in _SHAPE if name not in _KEY)
    connection.execute(
        f"MERGE INTO export USING {ROWS} AS given USING ({', '.join(_KEY)})"
        f" WHEN MATCHED THEN UPDATE SET {assignments} WHEN NOT MATCHED THEN INSERT BY NAME",
        given(_SHAPE, [vars(one) for one in exports]),
    )


def bury(connection: Connection, export: Export, now: datetime) -> None:
    """Writes that a file was taken away."""
    save(connection, [replace(export, gone=now)])
