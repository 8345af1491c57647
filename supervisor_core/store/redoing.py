"""What a backfill would make again: one query over the whole store, or over a single intake.

The same query chooses the intakes that get a run and, in that run, the items that are meant. None
is chosen with which a run would do nothing: what may not be read, or is not wanted any more.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.reasons import Reason
from supervisor_core.redo import LEVELS, Redo, What, family
from supervisor_core.states import Cleaning, Work
from supervisor_core.store.attempts import UNDRAWN
from supervisor_core.store.database import Connection
from supervisor_core.store.open_work import version_mark
from supervisor_core.store.rows import ROWS, fetch, given, keys, reason_of

_FOR_EVER = date(9999, 12, 31)
_PAIRS = {"profile": "VARCHAR", "task": "VARCHAR"}
_MADE = {"task": "VARCHAR", "recipe": "VARCHAR", "prompt": "VARCHAR", "digest": "VARCHAR"}

# The first intake in the range that a media came in with works on it.
_MEMBERS = f"""
    members AS (
        SELECT media, {{task}} AS task, min(arrival.intake) AS intake FROM arrival {{wanted}}
        WHERE state IN ('imported', 'duplicate')
            AND arrival.intake >= ? AND arrival.intake < ?
            AND (? OR arrival.intake IN (SELECT intake FROM {ROWS}))
        GROUP BY ALL
    )
"""  # noqa: S608
_ALL = {"task": "NULL", "wanted": ""}
_OF_PROFILES = {
    "task": "pairs.task",
    "wanted": f"JOIN intake USING (intake) JOIN {ROWS} AS pairs USING (profile)",
}
_READABLE = """
    readable AS (
        SELECT media.media FROM media LEFT JOIN output
            ON output.media = media.media AND output.current AND output.path IS NOT NULL
            AND output.verified_at IS NOT NULL AND output.level = media.cleaning
        WHERE cleaning = 'not_required'
            OR cleaning IN ('frame_level', 'roi_mask') AND verification = 'verified'
            AND output.media IS NOT NULL
    )
"""
_FILES = f"""
    WITH {_MEMBERS}
    SELECT members.intake, media.media, cleaning AS state, reason FROM media
    JOIN members USING (media) LEFT JOIN output ON output.media = media.media AND output.current
    WHERE cleaning IN (SELECT level FROM {ROWS})
        AND (? OR reason IN (SELECT code FROM {ROWS}))
        AND CASE WHEN cleaning = '{Cleaning.RAW_ASIDE}' OR output.created IS NULL
            THEN media.updated ELSE output.created END < ?
        AND (? OR CASE cleaning WHEN '{Cleaning.RAW_ASIDE}'
            THEN NOT ends_with(coalesce(tried, ''), ?) ELSE output.code_version <> ? END)
    ORDER BY members.intake, media.media
"""  # noqa: S608
_PICTURES = f"""
    WITH {_MEMBERS}, {_READABLE}, undrawn AS ({UNDRAWN}), failed AS (
        SELECT media, arg_max(outcome, started) AS outcome, arg_max(reason, started) AS reason
        FROM attempt WHERE step = 'thumbnail' AND ended IS NOT NULL GROUP BY media
    )
    SELECT members.intake, media, coalesce(failed.outcome, 'none') AS state, failed.reason
    FROM members JOIN readable USING (media) LEFT JOIN failed USING (media)
    WHERE (? OR media IN (SELECT media FROM undrawn) OR coalesce(outcome = 'failed', false))
        AND (? OR failed.reason IN (SELECT code FROM {ROWS}))
    ORDER BY members.intake, media
"""  # noqa: S608
_ARRIVALS = f"""
    SELECT intake, media, state, reason FROM arrival
    WHERE state = 'seen' AND intake >= ? AND intake < ?
        AND (? OR intake IN (SELECT intake FROM {ROWS}))
        AND (? OR reason IN (SELECT code FROM {ROWS}))
    ORDER BY intake, ordinal
"""  # noqa: S608
_TASKS = f"""
    WITH {_MEMBERS}, {_READABLE}, terms AS {ROWS}, results AS ({{results}})
    SELECT members.intake, work.media, work.task, work.state, work.reason FROM work
    JOIN terms USING (task)
    JOIN members ON members.media = work.media AND coalesce(members.task = work.task, true)
    SEMI JOIN readable ON readable.media = work.media
    LEFT JOIN results ON results.media = work.media AND results.task = work.task
    WHERE work.state IN (SELECT state FROM {ROWS}) AND work.updated < ?
        AND (? OR work.reason IN (SELECT code FROM {ROWS}))
        AND (? OR results.prompt <> terms.prompt
            OR ? AND (results.recipe <> terms.recipe
                OR terms.digest <> '' AND results.digest NOT IN ('', terms.digest)))
    ORDER BY members.intake, work.media, work.task
"""  # noqa: S608
_RESULTS = {
    "analyses": (
        "SELECT media, 'analysis/' || profile AS task, model AS recipe, prompt_hash AS prompt,"
        " model_digest AS digest FROM analysis WHERE current"
    ),
    "enrichments": (
        "SELECT media, 'enrichment/' || mode AS task, recipe, prompt_hash AS prompt,"
        " model_digest AS digest FROM enrichment WHERE current"
    ),
}
_NO_RESULTS = "SELECT '' AS media, '' AS task, '' AS recipe, '' AS prompt, '' AS digest"
_FAILED = (Work.ERROR, Work.DEAD)
_MADE_ONES = (Work.DONE, Work.DEGRADED, Work.ABSTAINED)


@dataclass(frozen=True)
class Made:
    """What a result of a task would rest on now; `digest` is empty where no server was asked.

    `recipe` is what decides beside the prompt and the digest: a model's name, or a mode's recipe.
    """

    task: str
    recipe: str = ""
    prompt: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Basis:
    """What each asset's results would rest on now.

    `profiles` gives the task for each profile of media, where only some profiles want an asset.
    """

    code_version: str = ""
    made: Mapping[str, Sequence[Made]] = field(default_factory=dict)
    profiles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Within:
    """Which intakes are meant: of these UTC days (both inclusive), and of these if any is named.

    What has ended after `before` is left alone: it was made again meanwhile.
    """

    since: date | None = None
    until: date | None = None
    intakes: Collection[str] = ()
    before: datetime | None = None

    @property
    def parameters(self) -> list[object]:
        """Those of the part of each query that says so."""
        last = self.until or _FOR_EVER
        after = last + timedelta(days=1) if last < _FOR_EVER else last
        first = f"{self.since:%Y%m%d}" if self.since else ""
        return [first, f"{after:%Y%m%d}", not self.intakes, *keys("intake", sorted(self.intakes))]


@dataclass(frozen=True)
class Chosen:
    """One item that is made again, the intake that works on it, and how it stands."""

    asset: str
    intake: IntakeKey
    media: MediaKey | None
    state: str
    reason: Reason | None = None
    task: str | None = None


def choose(
    connection: Connection, asset: str, redo: Redo, within: Within, basis: Basis
) -> list[Chosen]:
    """What is to be made again of an asset, in the order of intakes; nothing it does not concern.

    `basis` holds what is asked of it: its tasks, and for `What.OLDER` what they rest on.
    """
    if not redo.concerns(asset):
        return []
    kinds = {"cleaned_frames": _files, "thumbnails": _pictures, "videos": _arrivals}
    rows = kinds.get(asset, _tasks)(connection, asset, redo, within, basis)
    return [
        Chosen(
            asset,
            IntakeKey(str(row["intake"])),
            MediaKey(str(row["media"])) if row["media"] else None,
            str(row["state"]),
            reason_of(row["reason"]),
            str(row["task"]) if row.get("task") else None,
        )
        for row in rows
    ]


Rows = list[dict[str, object]]


def _files(connection: Connection, _: str, redo: Redo, within: Within, basis: Basis) -> Rows:
    levels = redo.levels or ({Cleaning.RAW_ASIDE} if redo.what is What.FAILED else LEVELS)
    version = basis.code_version
    outdated = [redo.what is not What.OLDER, version_mark(version), version]
    parameters = [
        *within.parameters,
        *keys("level", sorted(levels)),
        *_codes(redo),
        _before(within),
        *outdated,
    ]
    return fetch(connection, _FILES.format(**_ALL), parameters)


def _pictures(connection: Connection, _: str, redo: Redo, within: Within, __: Basis) -> Rows:
    parameters = [*within.parameters, redo.what is What.ALL, *_codes(redo)]
    return fetch(connection, _PICTURES.format(**_ALL), parameters)


def _arrivals(connection: Connection, _: str, redo: Redo, within: Within, __: Basis) -> Rows:
    return fetch(connection, _ARRIVALS, [*within.parameters, *_codes(redo)])


def _tasks(connection: Connection, asset: str, redo: Redo, within: Within, basis: Basis) -> Rows:
    made, profiles = basis.made.get(asset, ()), basis.profiles.get(asset)
    results = _RESULTS.get(family(asset), _NO_RESULTS)
    pairs = [{"profile": name, "task": task} for name, task in (profiles or {}).items()]
    parameters = [
        *(given(_PAIRS, pairs) if profiles is not None else ()),
        *within.parameters,
        *given(_MADE, [vars(one) for one in made]),
        *keys("state", _states(redo)),
        _before(within),
        *_codes(redo),
        redo.what in (What.FAILED, What.ALL),
        redo.what is What.OLDER,
    ]
    members = _ALL if profiles is None else _OF_PROFILES
    return fetch(connection, _TASKS.format(**members, results=results), parameters)


def _states(redo: Redo) -> Iterator[Work]:
    """The states a task may be in; `all` has those made again, too, that somebody has cancelled."""
    if redo.what in (What.FAILED, What.ALL):
        yield from _FAILED
    if redo.what is not What.FAILED:
        yield from _MADE_ONES
    if redo.what is What.ALL:
        yield Work.CANCELLED


def _codes(redo: Redo) -> list[object]:
    return [not redo.codes, *keys("code", sorted(redo.codes))]


def _before(within: Within) -> datetime | str:
    return within.before or "infinity"
