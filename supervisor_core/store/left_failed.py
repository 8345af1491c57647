"""Intakes whose last word is a failure, for each asset: what nobody should have to look for.

A refused file is no failure: that is what was to become of it. What waits for its next try, or is
blocked until the model server is back, has not come to an end yet and is none either.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from supervisor_core.enrichment.modes import MODES
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Class, Reason
from supervisor_core.store import fingerprints, integrity
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import reason_of

RECORDINGS_FOR = timedelta(days=7)
"""A recording that failed can't be repeated: it is told for so long, and then no more."""

_MEDIA = "arrival.state IN ('imported', 'duplicate')"
# What a person has stopped, and a stream that was not there, are no failures.
_RECORDINGS = """
    SELECT intake, reason, false FROM recording WHERE state = 'failed' AND updated >= ?
        AND coalesce(reason, '') NOT IN ('CANCELLED', 'STREAM_NOT_FOUND')
"""
_VIDEOS = "SELECT intake, reason, true FROM arrival WHERE state = 'seen' AND reason IS NOT NULL"
_ASIDE = f"""
    SELECT intake, media.reason, media.not_before IS NOT NULL
    FROM arrival JOIN media USING (media) WHERE {_MEDIA} AND cleaning = 'raw_aside'
"""  # noqa: S608
_UNDRAWN = f"""
    SELECT intake, tried.reason, false
    FROM arrival JOIN output USING (media) JOIN (
        SELECT media, arg_max(outcome, started) AS outcome, arg_max(reason, started) AS reason,
            max(started) AS started
        FROM attempt WHERE step = 'thumbnail' AND outcome IN ('done', 'failed') GROUP BY media
    ) AS tried USING (media)
    WHERE {_MEDIA} AND output.current AND tried.started >= output.verified_at
        AND tried.outcome = 'failed'
"""  # noqa: S608
_WORK = f"""
    SELECT min(intake), any_value(work.reason), false FROM work JOIN arrival USING (media)
    WHERE work.state IN ('error', 'dead') AND starts_with(task, ?) AND {_MEDIA}
    GROUP BY media, task
"""  # noqa: S608
_QUERIES = {
    "recordings": _RECORDINGS,
    "videos": _VIDEOS,
    "cleaned_frames": _ASIDE,
    "thumbnails": _UNDRAWN,
}
_TASKS = {
    "analyses": "analysis/",
    "bucket_copies": "copy/",
    "released_files": "release/",
    "integrity": f"integrity/{integrity.VERSION}",
    "fingerprints": f"fingerprints/{fingerprints.VERSION}",
    **{f"enrichments/{mode.name}": mode.task for mode in MODES.values()},
}
ASSETS = (*_QUERIES, *_TASKS)


@dataclass(frozen=True)
class LeftFailed:
    """What of one asset is left failed: intakes in order, items by reason, and who has to act.

    `for_people` counts intakes with an item that does not go on by itself.
    """

    asset: str
    intakes: tuple[IntakeKey, ...] = ()
    reasons: Mapping[Reason, int] | None = None
    for_people: int = 0


def left_failed(connection: Connection, assets: Sequence[str], now: datetime) -> list[LeftFailed]:
    """The same for each of these assets."""
    return [_left_failed(connection, asset, now) for asset in assets]


def _left_failed(connection: Connection, asset: str, now: datetime) -> LeftFailed:
    sql = _QUERIES.get(asset, _WORK)
    parameters = [_TASKS[asset] if asset in _TASKS else now - RECORDINGS_FOR]
    found = connection.execute(sql, parameters[: sql.count("?")]).fetchall()
    rows = [(IntakeKey(row[0]), reason_of(row[1]), bool(row[2])) for row in found]
    people = {key for key, reason, again in rows if not (again and _passes(reason))}
    return LeftFailed(
        asset,
        tuple(sorted({key for key, _, _ in rows})),
        Counter(reason for _, reason, _ in rows if reason),
        len(people),
    )


def _passes(reason: Reason | None) -> bool:
    return reason is not None and reason.class_ is not Class.CONFIG
