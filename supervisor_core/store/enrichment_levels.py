"""How the enrichment of each mode goes: figures for checks, and what stands for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from supervisor_core.enrichment.modes import MODES, PREFIX
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings
from supervisor_core.states import Work
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, given, reason_of

_MADE = """
    SELECT mode, count(*) FILTER (state = 'done') AS done,
        count(*) FILTER (state = 'degraded' AND model <> '') AS degraded,
        count(*) FILTER (state = 'error') AS unusable
    FROM enrichment WHERE created >= ? GROUP BY mode
"""
_DUE = "state = 'queued' OR state = 'waiting' AND not_before <= $1"
_STANDING = f"""
    SELECT substr(task, {len(PREFIX) + 1}) AS mode, state, reason, count(*) AS items,
        min(updated) AS since, count(*) FILTER ({_DUE}) AS due,
        min(updated) FILTER ({_DUE}) AS due_since
    FROM work WHERE starts_with(task, '{PREFIX}') GROUP BY ALL
"""  # noqa: S608
_BEGUN = "SELECT level AS mode, max(started) AS begun FROM attempt WHERE step = 'enrich' GROUP BY 1"
# What may be read, is asked for by a profile it came in under, and was never begun.
_UNBEGUN = f"""
    SELECT mode, count(DISTINCT media) FROM arrival
    JOIN intake USING (intake) JOIN {ROWS} AS asked USING (profile) JOIN media USING (media)
    LEFT JOIN output ON output.media = media.media AND output.current
    ANTI JOIN work ON work.media = arrival.media AND work.task = asked.task
    WHERE arrival.state IN ('imported', 'duplicate') AND (cleaning = 'not_required'
        OR verification = 'verified' AND output.media IS NOT NULL)
    GROUP BY mode
"""  # noqa: S608
_ASKED = {"profile": "VARCHAR", "mode": "VARCHAR", "task": "VARCHAR"}
_REQUESTS = """
    SELECT count(*) FROM request WHERE verb = 'enrich' AND state IN ('queued', 'running')
"""
_OPEN = (Work.QUEUED, Work.WAITING, Work.BLOCKED)


@dataclass(frozen=True)
class Level:
    """The figures of one mode; times in seconds before now, None where there is none.

    `done`, `degraded` and `unusable` count answers of a window, `states` and `reasons` all tasks.
    """

    mode: str
    done: int = 0
    degraded: int = 0
    unusable: int = 0
    states: Mapping[Work, int] = field(default_factory=dict)
    reasons: Mapping[Reason, int] = field(default_factory=dict)
    oldest_s: float | None = None
    due: int = 0
    due_s: float | None = None
    begun_s: float | None = None

    @property
    def valid(self) -> float:
        """The share of answers that had the shape that was asked for; 1 when there was none."""
        answered = self.done + self.degraded + self.unusable
        return (self.done + self.degraded) / answered if answered else 1.0

    @property
    def partial(self) -> float:
        """The share of results that are degraded; 0 when there was none."""
        made = self.done + self.degraded
        return self.degraded / made if made else 0.0

    def enough(self, settings: Settings) -> bool:
        """True once so many answers have come that shares say something."""
        return self.done + self.degraded + self.unusable >= settings.service_minimum

    def idles(self, settings: Settings) -> bool:
        """True when work has been due for long and nothing has begun meanwhile."""
        limit_s = settings.enrich_idle_s
        waits = self.due > 0 and (self.due_s or 0.0) > limit_s
        return waits and (self.begun_s is None or self.begun_s > limit_s)


def levels(connection: Connection, since: datetime, now: datetime) -> dict[str, Level]:
    """The figures of every mode; answers since a moment, tasks as they stand now."""
    made = {str(row["mode"]): row for row in fetch(connection, _MADE, [since])}
    begun = {str(row["mode"]): row["begun"] for row in fetch(connection, _BEGUN)}
    standing: dict[str, list[dict[str, object]]] = {}
    for row in fetch(connection, _STANDING, [now]):
        standing.setdefault(str(row["mode"]), []).append(row)
    return {
        name: _level(name, made.get(name, {}), standing.get(name, []), begun.get(name), now)
        for name in MODES
    }


def unbegun(connection: Connection, asked_for: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How many media wait for each mode of which nothing is written yet.

    `asked_for` gives the modes of each profile. What a person has asked for is a request until a
    run has begun with it.
    """
    rows = [
        {"profile": profile, "mode": name, "task": MODES[name].task}
        for profile, modes in asked_for.items()
        for name in modes
    ]
    found = connection.execute(_UNBEGUN, given(_ASKED, rows)).fetchall()
    return {str(mode): int(count) for mode, count in found}


def requests(connection: Connection) -> int:
    """How many requests for enrichments are not at their end."""
    return sum(row[0] for row in connection.execute(_REQUESTS).fetchall())


def _level(
    mode: str,
    made: Mapping[str, object],
    standing: list[dict[str, object]],
    begun: object,
    now: datetime,
) -> Level:
    states: dict[Work, int] = {}
    reasons: dict[Reason, int] = {}
    for row in standing:
        state, items = Work(str(row["state"])), int(str(row["items"]))
        states[state] = states.get(state, 0) + items
        reason = reason_of(row["reason"])
        if reason is not None:
            reasons[reason] = reasons.get(reason, 0) + items
    open_rows = [row for row in standing if Work(str(row["state"])) in _OPEN]
    return Level(
        mode=mode,
        **{name: int(str(made.get(name, 0))) for name in ("done", "degraded", "unusable")},
        states=states,
        reasons=reasons,
        oldest_s=_ago([row["since"] for row in open_rows], now),
        due=sum(int(str(row["due"])) for row in open_rows),
        due_s=_ago([row["due_since"] for row in open_rows], now),
        begun_s=_ago([begun], now),
    )


def _ago(moments: list[object], now: datetime) -> float | None:
    known = [one for one in moments if isinstance(one, datetime)]
    return (now - min(known)).total_seconds() if known else None
