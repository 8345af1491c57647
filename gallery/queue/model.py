"""How the model servers are asked: breaker, window, and how the last questions went."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from supervisor_core.model.breaker import Circuit, Phase
from supervisor_core.store import breakers, windows
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import fetch

WINDOW_S = 3600.0
_MOST = 16
_LEFT_ALONE = "left alone"
_QUESTIONS = """
    SELECT coalesce(model, '') AS model, count(*) AS asked, count(reason) AS failed,
        median(seconds) FILTER (reason IS NULL) AS median_s, max(asked) AS last
    FROM question WHERE asked >= ? GROUP BY 1 ORDER BY last DESC
"""
_PLACES = "SELECT endpoint, model, sum(places)::INTEGER AS places FROM model_slot GROUP BY ALL"


@dataclass(frozen=True)
class Model:
    """One model at one endpoint, as the questions of the last hour have it."""

    endpoint: str
    name: str
    state: str
    reason: str | None = None
    until: datetime | None = None
    failures: int = 0
    places: int = 1
    taken: int = 0
    asked: int = 0
    failed: int = 0
    median_s: float | None = None
    last: datetime | None = None


def models(connection: Connection, now: datetime) -> list[Model]:
    """Every model that was ever asked through a breaker, at most 16."""
    since = now - timedelta(seconds=WINDOW_S)
    questions = {str(row["model"]): row for row in fetch(connection, _QUESTIONS, [since])}
    taken = {(row[0], row[1]): row[2] for row in connection.execute(_PLACES).fetchall()}
    found = []
    for (endpoint, name), circuit in list(breakers.load_all(connection).items())[:_MOST]:
        asked = questions.get(name, {})
        found.append(
            Model(
                endpoint=endpoint,
                name=name,
                state=_state(circuit, now),
                reason=circuit.reason.value if circuit.reason else None,
                until=circuit.until if _state(circuit, now) == _LEFT_ALONE else None,
                failures=circuit.failures,
                places=windows.load(connection, endpoint, name).places,
                taken=taken.get((endpoint, name), 0),
                **{key: value for key, value in asked.items() if key != "model"},  # type: ignore[arg-type]
            )
        )
    return found


def _state(circuit: Circuit, now: datetime) -> str:
    """`asked`, `left alone` for a while, or `tried` with one question."""
    if circuit.phase is Phase.CLOSED:
        return "asked"
    if circuit.phase is Phase.OPEN and circuit.until and circuit.until > now:
        return _LEFT_ALONE
    return "tried with one question"
