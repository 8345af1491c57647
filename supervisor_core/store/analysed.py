"""How the analyses stand: what is wanted of each media, what waits and why, and what was said.

A result is told of only while the file whose frames were shown is still the one that may be read:
what a model says of a picture that is not clean any more may hold what stands in the picture.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store import analyses, outputs
from supervisor_core.store import media as media_table
from supervisor_core.store.analyses import WANTED, Analysis, given_tasks
from supervisor_core.store.database import Connection
from supervisor_core.store.gate import pass_gate
from supervisor_core.store.rows import fetch, reason_of

_PREFIX = "analysis/"

# What is wanted and has no task, or has a result of an older file, is queued; what waits though
# nobody wants it any more (another profile, a file that is not clean) is left out.
_STANDING = f"""
    {WANTED}
    SELECT media, task, first.intake, work.attempts, work.not_before, work.updated,
        CASE WHEN wanted.raw THEN first.media ELSE output.sha256 END <> analysis.output
            AND work.state IN ('done', 'degraded', 'abstained')
            AND wanted.intake IS NOT NULL AS again,
        CASE WHEN again OR work.state IS NULL THEN 'queued' ELSE work.state END AS state,
        CASE WHEN again THEN NULL ELSE work.reason END AS reason
    FROM wanted FULL JOIN work USING (media, task) JOIN first USING (media)
    LEFT JOIN output ON output.media = first.media AND output.current
    LEFT JOIN analysis ON analysis.media = first.media AND analysis.current
        AND '{_PREFIX}' || analysis.profile = task
    WHERE starts_with(task, '{_PREFIX}')
        AND (wanted.intake IS NOT NULL OR work.state NOT IN ('queued', 'waiting', 'blocked'))
"""  # noqa: S608
_COUNTED = f"SELECT state, reason, count(*) FROM ({_STANDING}) GROUP BY ALL ORDER BY ALL"  # noqa: S608
_LISTED = f"SELECT * FROM ({_STANDING}) ORDER BY intake DESC, media, task"  # noqa: S608

Counts = Mapping[tuple[Work, Reason | None], int]


@dataclass(frozen=True)
class Analysed:
    """One media under one analysis profile; `updated` is None as long as nothing was begun.

    `outdated` says that there is a result which is not told, since its file no longer counts.
    """

    media: MediaKey
    intake: IntakeKey
    profile: str
    state: Work
    reason: Reason | None
    attempts: int
    not_before: datetime | None
    updated: datetime | None
    result: Analysis | None
    outdated: bool


def counts(connection: Connection, tasks: Mapping[str, str]) -> Counts:
    """How many analyses are in which state for which reason.

    `tasks` gives the task for each profile of media.
    """
    rows = connection.execute(_COUNTED, given_tasks(tasks)).fetchall()
    return {(Work(row[0]), reason_of(row[1])): row[2] for row in rows}


def listed(connection: Connection, tasks: Mapping[str, str]) -> list[Analysed]:
    """Every analysis that is wanted, was made or failed; those of the newest intakes first."""
    rows = fetch(connection, _LISTED, given_tasks(tasks))
    results = _results(connection, rows)
    shown = _readable(connection, {media for media, _ in results})
    return [_analysed(row, results, shown) for row in rows]


Results = Mapping[tuple[MediaKey, str], Analysis]


def _results(connection: Connection, rows: Sequence[Mapping[str, object]]) -> Results:
    found: dict[tuple[MediaKey, str], Analysis] = {}
    for profile in {_profile(row) for row in rows}:
        media = [str(row["media"]) for row in rows if _profile(row) == profile]
        for key, analysis in analyses.current(connection, profile, media).items():
            found[key, profile] = analysis
    return found


def _readable(connection: Connection, media: Iterable[MediaKey]) -> dict[MediaKey, str]:
    """The hash of the file that stands for each media, where there is one that may be read."""
    known = media_table.load(connection, media)
    files = outputs.current(connection, known)
    passed = (pass_gate(one, files.get(key)) for key, one in known.items())
    return {one.media: one.sha256 for one in passed if one is not None}


def _analysed(
    row: Mapping[str, object], results: Results, shown: Mapping[MediaKey, str]
) -> Analysed:
    media, profile = MediaKey(str(row["media"])), _profile(row)
    result = results.get((media, profile))
    counts = result is not None and shown.get(media) == result.output
    return Analysed(
        media=media,
        intake=IntakeKey(str(row["intake"])),
        profile=profile,
        state=Work(str(row["state"])),
        reason=reason_of(row["reason"]),
        attempts=int(str(row["attempts"] or 0)),
        not_before=_moment(row["not_before"]),
        updated=_moment(row["updated"]),
        result=result if counts else None,
        outdated=result is not None and not counts,
    )


def _profile(row: Mapping[str, object]) -> str:
    return str(row["task"]).removeprefix(_PREFIX)


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
