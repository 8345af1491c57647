"""How many questions at once a model is asked, by all processes together, and how long each takes.

Whoever asks holds places until a moment; places of a process that is gone, or whose time is over,
are free again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.model.window import Round, Window, after
from supervisor_core.store.database import Connection
from supervisor_core.store.owners import is_gone
from supervisor_core.store.rows import fetch

_LATELY = 25


@dataclass(frozen=True)
class Lately:
    """How long the last questions of one task to one model took, and when the last was sent."""

    seconds: tuple[float, ...] = ()
    last: datetime | None = None


def load(connection: Connection, endpoint: str, model: str) -> Window:
    """The window of a model; a new one has one place."""
    sql = "SELECT size, base_s FROM model_window WHERE endpoint = ? AND model = ?"
    rows = fetch(connection, sql, [endpoint, model])
    return Window(**rows[0]) if rows else Window()  # type: ignore[arg-type]


def take(
    connection: Connection,
    endpoint: str,
    model: str,
    owner: str,
    wanted: int,
    now: datetime,
    until: datetime,
) -> int:
    """Takes up to so many places for an owner, and returns how many were free; 0 takes none."""
    rows = fetch(
        connection,
        "SELECT owner, places, until FROM model_slot WHERE endpoint = ? AND model = ?",
        [endpoint, model],
    )
    live = [row for row in rows if _lives(row, owner, now)]
    free = load(connection, endpoint, model).places - sum(int(str(row["places"])) for row in live)
    places = max(0, min(wanted, free))
    give_back(connection, endpoint, model, owner)
    if places:
        connection.execute(
            "INSERT INTO model_slot VALUES (?, ?, ?, ?, ?)", [endpoint, model, owner, places, until]
        )
    return places


def _lives(row: dict[str, object], owner: str, now: datetime) -> bool:
    held = str(row["owner"])
    return held != owner and row["until"] > now and not is_gone(held)  # type: ignore[operator]


def give_back(connection: Connection, endpoint: str, model: str, owner: str) -> None:
    """Gives back the places of an owner, and what was left behind by those that are gone."""
    connection.execute(
        "DELETE FROM model_slot WHERE endpoint = ? AND model = ? AND owner = ?",
        [endpoint, model, owner],
    )


def learn(
    connection: Connection,
    endpoint: str,
    model: str,
    rounds: Sequence[Round],
    largest: int,
    now: datetime,
) -> Window:
    """Moves the window by what came of rounds of questions, in their order."""
    before = window = load(connection, endpoint, model)
    for seen in rounds:
        window = after(window, seen, largest)
    if window != before:
        connection.execute(
            "MERGE INTO model_window USING (SELECT ? AS endpoint, ? AS model, ?::DOUBLE AS size,"
            " ?::DOUBLE AS base_s, ?::TIMESTAMPTZ AS updated) AS given USING (endpoint, model)"
            " WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT BY NAME",
            [endpoint, model, window.size, window.base_s, now],
        )
    return window


def lately(connection: Connection, model: str, task: str) -> Lately:
    """How the last questions of a task to a model went: answered, or ended at their limit."""
    rows = connection.execute(
        "SELECT seconds - load_s, asked FROM question WHERE model = ? AND task = ?"
        " AND (reason IS NULL OR reason = 'TIMEOUT') ORDER BY asked DESC LIMIT ?",
        [model, task, _LATELY],
    ).fetchall()
    return Lately(tuple(max(float(row[0]), 0.0) for row in rows), rows[0][1] if rows else None)
