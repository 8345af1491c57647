"""Whether a model is being asked, as all processes know it."""

from collections.abc import Mapping
from datetime import datetime

from supervisor_core.model.breaker import Circuit, Event, Lost, Phase, Rules, step
from supervisor_core.store.database import Connection
from supervisor_core.store.owners import is_gone
from supervisor_core.store.rows import fetch, reason_of


def load(connection: Connection, endpoint: str, model: str) -> Circuit:
    """The state of one model at one endpoint; closed when nothing is known."""
    sql = "SELECT * FROM breaker WHERE endpoint = ? AND model = ?"
    rows = fetch(connection, sql, [endpoint, model])
    return _circuit(rows[0]) if rows else Circuit()


def load_all(connection: Connection) -> dict[tuple[str, str], Circuit]:
    """Every state that is known, by endpoint and model."""
    rows = fetch(connection, "SELECT * FROM breaker ORDER BY endpoint, model")
    return {(str(row["endpoint"]), str(row["model"])): _circuit(row) for row in rows}


def advance(
    connection: Connection,
    endpoint: str,
    model: str,
    event: Event,
    now: datetime,
    rules: Rules,
) -> Circuit:
    """The state after an event, written when it changed; a trial whose process is gone is over.

    `connection` is a transaction that writes.
    """
    before = circuit = load(connection, endpoint, model)
    if circuit.trial is not None and is_gone(circuit.trial):
        circuit = step(circuit, Lost(circuit.trial), now, rules)
    circuit = step(circuit, event, now, rules)
    if circuit != before:
        _save(connection, endpoint, model, circuit, now)
    return circuit


def _save(
    connection: Connection, endpoint: str, model: str, circuit: Circuit, now: datetime
) -> None:
    connection.execute(
        "MERGE INTO breaker USING (SELECT ? AS endpoint, ? AS model, ? AS phase, ?::INTEGER AS"
        " failures, ?::TIMESTAMPTZ AS until, ?::VARCHAR AS trial, ?::VARCHAR AS reason,"
        " ?::TIMESTAMPTZ AS updated) AS given USING (endpoint, model)"
        " WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT BY NAME",
        [
            endpoint,
            model,
            circuit.phase.value,
            circuit.failures,
            circuit.until,
            circuit.trial,
            circuit.reason.value if circuit.reason else None,
            now,
        ],
    )


def _circuit(row: Mapping[str, object]) -> Circuit:
    until = row["until"]
    return Circuit(
        phase=Phase(str(row["phase"])),
        failures=int(str(row["failures"])),
        until=until if isinstance(until, datetime) else None,
        trial=str(row["trial"]) if row["trial"] is not None else None,
        reason=reason_of(row["reason"]),
    )
