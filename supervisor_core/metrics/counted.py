"""What is counted in the published copy: a few queries, none of which looks at single items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from supervisor_core.model.breaker import Phase
from supervisor_core.settings import Settings
from supervisor_core.states import Recording
from supervisor_core.store.alerts import Undelivered, undelivered
from supervisor_core.store.database import Connection
from supervisor_core.store.rates import FIGURES, Measured, measure
from supervisor_core.store.recordings import OPEN
from supervisor_core.store.rows import fetch

LIMITS_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
MOST_SESSIONS = 64
MOST_MODELS = 16

_BUCKET = " ".join(f"WHEN seconds <= {limit} THEN {at}" for at, limit in enumerate(LIMITS_S))
_ATTEMPTS = f"""
    SELECT step, CASE WHEN step = 'mask' THEN coalesce(level, '') ELSE '' END AS level, outcome,
        coalesce(reason, '') AS reason,
        CASE WHEN seconds IS NULL THEN NULL {_BUCKET} ELSE {len(LIMITS_S)} END AS bucket,
        count(*) AS count, coalesce(sum(seconds), 0) AS seconds
    FROM attempt WHERE ended >= ? GROUP BY ALL
"""  # noqa: S608
_ITEMS = """
    SELECT 'arrival', state, count(*) FROM arrival GROUP BY ALL
    UNION ALL SELECT 'cleaning', cleaning, count(*) FROM media GROUP BY ALL
    UNION ALL SELECT 'verification', verification, count(*) FROM media GROUP BY ALL
    UNION ALL SELECT 'review', review, count(*) FROM media GROUP BY ALL
    UNION ALL SELECT 'work', state, count(*) FROM work GROUP BY ALL
    UNION ALL SELECT 'recording', state, count(*) FROM recording GROUP BY ALL
"""
_TASKS = "SELECT split_part(task, '/', 1), state, count(*) FROM work GROUP BY ALL"
# Of a task that never had a result, the waiting began when it was entered; of another one it is not
# known, and the last time that it was put down is what is left.
_OLDEST = """
    SELECT 'import', 'waiting', min(updated) FROM arrival WHERE state = 'seen'
    UNION ALL SELECT 'cleaning', 'waiting', min(updated) FROM media WHERE cleaning = 'waiting'
    UNION ALL SELECT 'requests', 'waiting', min(created) FROM request WHERE state = 'queued'
    UNION ALL SELECT 'recordings', 'waiting', min(coalesce(ended, updated)) FROM recording
        WHERE state = 'recorded'
    UNION ALL SELECT split_part(task, '/', 1),
        CASE state WHEN 'blocked' THEN 'blocked' ELSE 'waiting' END,
        min(CASE WHEN key IS NULL THEN created ELSE updated END)
    FROM work WHERE state IN ('queued', 'waiting', 'blocked') GROUP BY ALL
"""
_SESSIONS = f"""
    SELECT intake, state, started, moved, opened, beat, limit_s, coalesce((
        SELECT sum(coalesce(missing_s, epoch(ended - started))) FROM gap
        WHERE gap.intake = recording.intake), 0) AS missing_s
    FROM recording WHERE state IN ({", ".join(f"'{state}'" for state in OPEN)})
    ORDER BY started DESC, intake
"""  # noqa: S608
_GAPS = """
    SELECT reason, count(*), coalesce(sum(coalesce(missing_s, epoch(ended - started))), 0)
    FROM gap WHERE ended >= ? GROUP BY 1
"""


@dataclass(frozen=True)
class Tries:
    """Tries of one stage that ended alike; `bucket` is where their seconds lie in `LIMITS_S`."""

    step: str
    level: str
    outcome: str
    reason: str
    bucket: int | None
    count: int
    seconds: float


@dataclass(frozen=True)
class OpenSession:
    """A session that is recorded, or is to be."""

    intake: str
    state: Recording
    quiet_since: datetime
    beat: datetime | None
    limit_s: float
    missing_s: float


@dataclass(frozen=True)
class Flown:
    """The last flight of the canary."""

    started: datetime
    health: str
    seconds: float


@dataclass(frozen=True)
class Counted:
    """Everything; moments instead of ages, so that it stays true while nothing changes."""

    tries: Sequence[Tries]
    set_aside: int
    items: Mapping[tuple[str, str], int]
    tasks: Mapping[tuple[str, str], int]
    oldest: Mapping[tuple[str, str], datetime]
    sessions: Sequence[OpenSession]
    gaps: Mapping[str, tuple[int, float]]
    breakers: Mapping[str, Phase]
    flight: Flown | None
    unsent: Undelivered
    figures: Sequence[Measured]


def count(connection: Connection, since: datetime, now: datetime, settings: Settings) -> Counted:
    """Counts; what ended is counted since that moment, figures over their windows up to now."""
    deeds = connection.execute(
        "SELECT count(*) FROM audit WHERE verb = 'set_aside' AND happened >= ?", [since]
    ).fetchone()
    return Counted(
        tries=[Tries(**row) for row in fetch(connection, _ATTEMPTS, [since])],  # type: ignore[arg-type]
        set_aside=int(deeds[0]) if deeds else 0,
        items=_pairs(connection, _ITEMS),
        tasks=_pairs(connection, _TASKS),
        oldest={
            (row[0], row[1]): row[2]
            for row in connection.execute(_OLDEST).fetchall()
            if row[2] is not None
        },
        sessions=[_session(row) for row in fetch(connection, _SESSIONS)],
        gaps={
            str(reason): (int(number), float(seconds))
            for reason, number, seconds in connection.execute(_GAPS, [since]).fetchall()
        },
        breakers=_breakers(connection),
        flight=_flight(connection),
        unsent=undelivered(connection, now, timedelta(settings.alert_kept_days)),
        figures=measure(connection, FIGURES, now, settings),
    )


def _pairs(connection: Connection, sql: str) -> dict[tuple[str, str], int]:
    return {(row[0], row[1]): int(row[2]) for row in connection.execute(sql).fetchall()}


def _session(row: dict[str, object]) -> OpenSession:
    known = [row[name] for name in ("moved", "opened", "started") if row[name] is not None]
    return OpenSession(
        intake=str(row["intake"]),
        state=Recording(str(row["state"])),
        quiet_since=known[0],  # type: ignore[arg-type]
        beat=row["beat"],  # type: ignore[arg-type]
        limit_s=float(str(row["limit_s"])),
        missing_s=float(str(row["missing_s"])),
    )


def _breakers(connection: Connection) -> dict[str, Phase]:
    """The worst phase of each model at any endpoint, of those that were asked last."""
    sql = "SELECT model, phase FROM breaker ORDER BY updated DESC"
    found: dict[str, Phase] = {}
    for model, phase in connection.execute(sql).fetchall():
        if model in found or len(found) < MOST_MODELS:
            known = (found.get(model, Phase.CLOSED), Phase(phase))
            found[model] = max(known, key=_BADNESS.index)
    return found


_BADNESS = (Phase.CLOSED, Phase.HALF_OPEN, Phase.OPEN)


def _flight(connection: Connection) -> Flown | None:
    sql = "SELECT started, health, seconds FROM flight ORDER BY started DESC LIMIT 1"
    rows = fetch(connection, sql)
    return Flown(**rows[0]) if rows else None  # type: ignore[arg-type]
