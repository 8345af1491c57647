"""Which of the models' work nobody begins for now, because a person has said so.

What is in a run's hands is finished; what comes after waits, blocked by PAUSED, and uses up no try.
Pausing `enrichment` pauses all its modes. Cleaning can't be paused: what came in is cleaned.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.enrichment.modes import MODES, PREFIX
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store import audit
from supervisor_core.store.audit import Deed
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import fetch

ANALYSIS = "analysis"
ENRICHMENT = PREFIX.rstrip("/")
PAUSABLE = (ANALYSIS, ENRICHMENT, *(mode.task for mode in MODES.values()))


@dataclass(frozen=True)
class Pause:
    """Who has paused something, and when."""

    task: str
    who: str
    since: datetime


def load(connection: Connection) -> dict[str, Pause]:
    """All that is paused, by its name."""
    rows = fetch(connection, "SELECT task, who, since FROM pause ORDER BY task")
    return {str(row["task"]): Pause(**row) for row in rows}  # type: ignore[arg-type]


def covering(known: Mapping[str, Pause], task: str) -> Pause | None:
    """What keeps a task from being begun: its own pause, or that of its family."""
    return known.get(task) or known.get(task.partition("/")[0])


def pause(connection: Connection, task: str, who: str, now: datetime) -> bool:
    """Has nobody begin this any more; False when it was paused already.

    Raises `Failed(UNKNOWN_MODE)` for what can't be paused.
    """
    known = _known(connection, task)
    if task in known:
        return False
    connection.execute("INSERT INTO pause VALUES (?, ?, ?)", [task, who, now])
    audit.write(connection, who, [Deed("pause", task, {})], now)
    return True


def resume(connection: Connection, task: str, who: str, now: datetime) -> bool:
    """Lets it go on; False when it was not paused. Raises `Failed(UNKNOWN_MODE)`."""
    known = _known(connection, task)
    if task not in known:
        return False
    connection.execute("DELETE FROM pause WHERE task = ?", [task])
    audit.write(connection, who, [Deed("resume", task, {})], now)
    return True


def _known(connection: Connection, task: str) -> dict[str, Pause]:
    if task not in PAUSABLE:
        raise Failed(Reason.UNKNOWN_MODE)
    return load(connection)
