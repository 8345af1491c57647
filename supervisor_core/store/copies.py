"""What was copied to a bucket, and what still waits for it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, fetch_about, given, reason_of

_SHAPE = {
    "media": "VARCHAR",
    "output": "VARCHAR",
    "bucket": "VARCHAR",
    "key": "VARCHAR",
    "size_bytes": "BIGINT",
    "checksum": "VARCHAR",
    "etag": "VARCHAR",
    "version": "VARCHAR",
    "created": "TIMESTAMPTZ",
    "gone": "TIMESTAMPTZ",
}
_KEY = ("media", "output", "bucket", "key")


@dataclass(frozen=True)
class Copy:
    """One file in a bucket; `gone` says when it was deleted there."""

    media: MediaKey
    output: str
    bucket: str
    key: str
    size_bytes: int
    checksum: str
    etag: str
    version: str | None
    created: datetime
    gone: datetime | None = None


@dataclass(frozen=True)
class Uncopied:
    """A verified media that is not copied; no state where there is no task yet."""

    intake: IntakeKey
    media: MediaKey
    state: Work | None
    reason: Reason | None
    owner: str | None
    until: datetime | None
    updated: datetime | None


def save(connection: Connection, copies: Iterable[Copy]) -> None:
    """Writes copies, new ones too."""
    assignments = ", ".join(f"{name} = given.{name}" for name in _SHAPE if name not in _KEY)
    connection.execute(
        f"MERGE INTO bucket_copy USING {ROWS} AS given USING ({', '.join(_KEY)})"
        f" WHEN MATCHED THEN UPDATE SET {assignments} WHEN NOT MATCHED THEN INSERT BY NAME",
        given(_SHAPE, [vars(copy) for copy in copies]),
    )


def load(connection: Connection, bucket: str, media: Iterable[str]) -> list[Copy]:
    """What is known to lie in a bucket of these media, former files too."""
    more = "AND bucket = ? AND gone IS NULL ORDER BY created, key"
    return [_copy(row) for row in fetch_about(connection, "bucket_copy", media, more, [bucket])]


_FORMER = """
    SELECT * FROM bucket_copy WHERE media = $1 AND bucket = $2 AND output <> $3 AND gone IS NULL
    AND key NOT IN (
        SELECT other.key FROM bucket_copy AS other
        JOIN output ON output.media = other.media AND output.sha256 = other.output
        WHERE output.current AND other.bucket = $2 AND other.gone IS NULL
    )
"""


def former(connection: Connection, media: MediaKey, bucket: str, output: str) -> list[Copy]:
    """What lies there of a media beside this output, and is no other media's current file."""
    return [_copy(row) for row in fetch(connection, _FORMER, [media, bucket, output])]


def bury(connection: Connection, copy: Copy, now: datetime) -> None:
    """Writes that a copy was deleted."""
    save(connection, [replace(copy, gone=now)])


# As `gate.cleaned_of`, for all intakes at once.
_UNCOPIED = """
    WITH first AS (
        SELECT media, min(intake) AS intake FROM arrival
        WHERE state IN ('imported', 'duplicate') GROUP BY media
    ), wanted AS (
        SELECT first.intake, media.media, output.sha256 || ' ' || $2 AS key FROM first
        JOIN media ON media.media = first.media
        JOIN output ON output.media = media.media AND output.level = media.cleaning
        WHERE output.current AND output.verified_at IS NOT NULL AND output.path IS NOT NULL
            AND media.cleaning IN ('frame_level', 'roi_mask') AND media.verification = 'verified'
            AND media.review NOT IN ('held', 'rejected')
    )
    SELECT wanted.intake, wanted.media, work.state, work.reason, work.lease_owner,
        work.lease_until, work.updated
    FROM wanted LEFT JOIN work ON work.media = wanted.media AND work.task = $1
    WHERE work.state IS NULL OR work.state IN ('queued', 'blocked', 'running')
        OR work.state = 'waiting' AND work.not_before <= $3
        OR work.state IN ('done', 'error', 'dead') AND work.key <> wanted.key
"""


def uncopied(connection: Connection, task: str, place: str, now: datetime) -> list[Uncopied]:
    """What is verified and not copied to a place (bucket and prefix) by this task."""
    return [
        Uncopied(
            IntakeKey(str(row["intake"])),
            MediaKey(str(row["media"])),
            Work(str(row["state"])) if row["state"] else None,
            reason_of(row["reason"]),
            str(row["lease_owner"]) if row["lease_owner"] else None,
            row["lease_until"],  # type: ignore[arg-type]
            row["updated"],  # type: ignore[arg-type]
        )
        for row in fetch(connection, _UNCOPIED, [task, place, now])
    ]


def last_done(connection: Connection, task: str) -> datetime | None:
    """When this task last came to its end with any media."""
    sql = "SELECT max(updated) FROM work WHERE task = ? AND state = 'done'"
    found = connection.execute(sql, [task]).fetchone()
    return found[0] if found else None


def _copy(row: dict[str, object]) -> Copy:
    return Copy(**row)  # type: ignore[arg-type]
