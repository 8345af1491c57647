"""Readable media that were not read whole yet, or have no fingerprint, or are not compared."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from supervisor_core.keys import IntakeKey
from supervisor_core.states import Work
from supervisor_core.store import fingerprints, integrity
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, given, keys

# As `gate.pass_gate`, for all media of these profiles at once.
_READABLE = f"""
    first AS (
        SELECT media, min(arrival.intake) AS intake FROM arrival JOIN intake USING (intake)
        JOIN {ROWS} USING (profile) WHERE state IN ('imported', 'duplicate') GROUP BY media
    ), readable AS (
        SELECT first.intake, media.media,
            CASE cleaning WHEN 'not_required' THEN media.media ELSE output.sha256 END AS output
        FROM first JOIN media USING (media)
        LEFT JOIN output ON output.media = media.media AND output.current
            AND output.level = media.cleaning AND output.verified_at IS NOT NULL
            AND output.path IS NOT NULL
        WHERE cleaning = 'not_required'
            OR cleaning IN ('frame_level', 'roi_mask') AND verification = 'verified'
            AND output.sha256 IS NOT NULL
    )
"""  # noqa: S608
_OPEN = f"""
    WITH {_READABLE}, terms AS {ROWS}, wanted AS (
        SELECT readable.intake, readable.media, check_task AS task,
            coalesce(readable.output = found.output AND found.version = check_version, false)
                AS again,
            readable.output || ' '
                || coalesce(CAST(CAST(floor(epoch(found.checked)) AS BIGINT) AS VARCHAR), '') AS key
        FROM terms, readable LEFT JOIN integrity AS found USING (media)
        WHERE found.media IS NULL OR found.output <> readable.output
            OR found.version <> check_version
            OR found.checked <= CASE WHEN found.ok THEN right_before ELSE broken_before END
        UNION ALL
        SELECT readable.intake, readable.media, look_task, false,
            CASE WHEN found.output = readable.output AND found.version = look_version THEN ''
                ELSE readable.output || ' ' || look_version END
        FROM terms, readable LEFT JOIN fingerprint AS found USING (media)
        WHERE found.media IS NULL OR found.output <> readable.output
            OR found.version <> look_version OR found.compared IS NULL
    )
    SELECT DISTINCT wanted.intake, wanted.again, work.state, work.lease_owner, work.lease_until
    FROM terms, wanted LEFT JOIN work ON work.media = wanted.media AND work.task = wanted.task
    WHERE work.state IS NULL OR work.state IN ('queued', 'blocked', 'running')
        OR work.state = 'waiting' AND work.not_before <= terms.moment
        OR work.state IN ('done', 'error', 'dead') AND coalesce(work.key, '') <> wanted.key
"""  # noqa: S608
_TERMS = {
    "check_task": "VARCHAR",
    "check_version": "VARCHAR",
    "look_task": "VARCHAR",
    "look_version": "VARCHAR",
    "right_before": "TIMESTAMPTZ",
    "broken_before": "TIMESTAMPTZ",
    "moment": "TIMESTAMPTZ",
}
_NEVER = timedelta(days=100 * 365)


@dataclass(frozen=True)
class Unlooked:
    """An intake with such a media, and how its task stands; `again` when it only is its time."""

    intake: IntakeKey
    again: bool
    state: Work | None
    owner: str | None
    until: datetime | None


def key_of(output: str, checked: datetime | None) -> str:
    """What a check of a file rests on: which file, and when it was read last."""
    return f"{output} {int(checked.timestamp()) if checked else ''}"


def unlooked(
    connection: Connection,
    profiles: Iterable[str],
    tasks: tuple[str, str],
    now: datetime,
    again_after: tuple[timedelta | None, timedelta],
) -> list[Unlooked]:
    """What is to be read or looked at now, of media that came in under these profiles.

    `tasks` are those of integrity and of fingerprints; `again_after` is when a file that was right
    (None: never), or was not, is read again.
    """
    right, broken = again_after
    terms = {
        "check_task": tasks[0],
        "check_version": integrity.VERSION,
        "look_task": tasks[1],
        "look_version": fingerprints.VERSION,
        "right_before": now - (right or _NEVER),
        "broken_before": now - broken,
        "moment": now,
    }
    rows = fetch(connection, _OPEN, [*keys("profile", profiles), *given(_TERMS, [terms])])
    return [
        Unlooked(
            IntakeKey(str(row["intake"])),
            bool(row["again"]),
            Work(str(row["state"])) if row["state"] else None,
            str(row["lease_owner"]) if row["lease_owner"] else None,
            row["lease_until"],  # type: ignore[arg-type]
        )
        for row in rows
    ]
