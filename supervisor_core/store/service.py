"""Figures of the service: how good analyses are over a window, and what the canary said last."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from supervisor_core.canary.outcome import Flight, Health
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import fetch, reason_of

KEPT = timedelta(days=30)
OVERDUE = 2.5  # times the usual wait between two flights


@dataclass(frozen=True)
class ServiceLevel:
    """Analyses of a window: how many ended, how many well, why not, how long; tokens for nothing.

    `p95_s` is the 95th percentile of seconds for 30 s of video; None when nothing ended.
    """

    ended: int
    good: int
    by_reason: Mapping[str, int]
    p95_s: float | None
    tokens: int
    tokens_wasted: int

    @property
    def ratio(self) -> float:
        """The share that ended well; 1 when nothing ended."""
        return self.good / self.ended if self.ended else 1.0

    def budget_left(self, goal: float) -> float:
        """The share of the errors that the goal allows which is left; below 0 when overdrawn."""
        allowed = (1 - goal) * self.ended
        return 1 - (self.ended - self.good) / allowed if allowed else float(self.good == self.ended)

    def meets(self, settings: Settings) -> bool | None:
        """Whether the goals hold; None while too little has ended to tell."""
        if self.ended < settings.service_minimum:
            return None
        on_time = self.p95_s is None or self.p95_s <= settings.service_latency_s
        return self.ratio >= settings.service_success and on_time


def service_level(connection: Connection, since: datetime) -> ServiceLevel:
    """The figures of everything that ended since then."""
    (row,) = fetch(
        connection,
        "SELECT count(*) AS ended, count(*) FILTER (good) AS good,"
        " quantile_cont(seconds_per_30s, 0.95) AS p95_s FROM analysis_attempt WHERE ended >= ?",
        [since],
    )
    reasons = connection.execute(
        "SELECT reason, count(*) FROM analysis_attempt WHERE ended >= ? AND NOT good"
        " GROUP BY 1 ORDER BY 1",
        [since],
    ).fetchall()
    return ServiceLevel(
        **row,  # type: ignore[arg-type]
        by_reason={str(reason): int(count) for reason, count in reasons},
        tokens=_tokens(connection, "question", since),
        tokens_wasted=_tokens(connection, "wasted_question", since),
    )


def _tokens(connection: Connection, table: str, since: datetime) -> int:
    sql = f"SELECT coalesce(sum(prompt_tokens + answer_tokens), 0) FROM {table} WHERE asked >= ?"  # noqa: S608
    row = connection.execute(sql, [since]).fetchone()
    return int(row[0]) if row else 0


@dataclass(frozen=True)
class Answer:
    """How the installation is, by its last flight; no health where none has flown."""

    health: Health
    reason: Reason | None
    seconds: float | None
    age_s: float | None


def landed(connection: Connection, flight: Flight, started: datetime) -> None:
    """Writes down a flight, and forgets those of long ago."""
    connection.execute("DELETE FROM flight WHERE started < ?", [started - KEPT])
    connection.execute(
        "INSERT INTO flight VALUES (?, ?, ?, ?, ?)",
        [started, flight.health, flight.reason, flight.seconds, json.dumps(flight.stages)],
    )


def last_answer(connection: Connection, now: datetime, every_s: float) -> Answer | None:
    """What the last flight said; one that is long overdue makes the answer unhealthy.

    None where none has ever flown.
    """
    rows = fetch(connection, "SELECT * FROM flight ORDER BY started DESC LIMIT 1")
    if not rows:
        return None
    (row,) = rows
    age_s = (now - row["started"]).total_seconds()  # type: ignore[operator]
    answer = Answer(
        Health(str(row["health"])), reason_of(row["reason"]), float(str(row["seconds"])), age_s
    )
    overdue = age_s > OVERDUE * every_s
    return Answer(Health.UNHEALTHY, Reason.TIMEOUT, answer.seconds, age_s) if overdue else answer
