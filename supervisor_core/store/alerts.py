"""What fails, what was told of it, and what is still to be delivered to whom."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from supervisor_core.notify.causes import Cause
from supervisor_core.reasons import Reason
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import fetch, reason_of

KEPT = timedelta(days=90)


class State(StrEnum):
    """How far a delivery is."""

    PENDING = "pending"
    SENT = "sent"
    GIVEN_UP = "given_up"


@dataclass(frozen=True)
class Delivery:
    """One message on its way to one channel; `reached` are hashes of addresses that have it."""

    message: str
    channel: str
    not_before: datetime
    state: State = State.PENDING
    tries: int = 0
    reason: Reason | None = None
    reached: frozenset[str] = field(default_factory=frozenset)
    content: str = ""
    created: datetime | None = None


@dataclass(frozen=True)
class Undelivered:
    """What could not be told: how many messages wait after a failed try, or were given up."""

    waiting: int
    given_up: int
    oldest: datetime | None
    reason: Reason | None

    @property
    def any(self) -> bool:
        """True when somebody does not know what they should."""
        return bool(self.waiting or self.given_up)


def position(connection: Connection) -> int | None:
    """How far events were read; None before the first look."""
    row = connection.execute("SELECT max(position) FROM alert_position").fetchone()
    return int(row[0]) if row and row[0] is not None else None


def move(connection: Connection, to: int, now: datetime) -> None:
    """Says how far events were read."""
    connection.execute("DELETE FROM alert_position")
    connection.execute("INSERT INTO alert_position VALUES (?, ?)", [to, now])


def causes(connection: Connection) -> list[Cause]:
    """Everything that fails, or has failed and is not forgotten yet."""
    rows = fetch(connection, "SELECT * FROM alert_cause ORDER BY subject, cause")
    return [_cause(row) for row in rows]


def _cause(row: dict[str, object]) -> Cause:
    items = json.loads(str(row["items"]))
    typed = {
        "items": {item: datetime.fromisoformat(at) for item, at in items.items()},
        "figures": json.loads(str(row["figures"])),
    }
    return Cause(**row | typed)  # type: ignore[arg-type]


def save(connection: Connection, changed: Iterable[Cause], gone: Iterable[Cause]) -> None:
    """Writes causes anew, and forgets others."""
    for cause in gone:
        _forget(connection, cause)
    for cause in changed:
        _forget(connection, cause)
        items = {item: at.isoformat() for item, at in cause.items.items()}
        connection.execute(
            "INSERT INTO alert_cause VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                cause.subject,
                cause.cause,
                json.dumps(items),
                cause.last,
                cause.run,
                json.dumps(dict(cause.figures)),
                cause.told,
                cause.told_size,
                cause.owed,
            ],
        )


def _forget(connection: Connection, cause: Cause) -> None:
    connection.execute(
        "DELETE FROM alert_cause WHERE subject = ? AND cause = ?", [cause.subject, cause.cause]
    )


def queue(
    connection: Connection, message: str, content: str, channels: Sequence[str], now: datetime
) -> None:
    """Enters a message for these channels, and drops those of long ago."""
    connection.execute("DELETE FROM alert_message WHERE created < ?", [now - KEPT])
    connection.execute(
        "DELETE FROM alert_delivery WHERE message NOT IN (SELECT id FROM alert_message)"
    )
    connection.execute("INSERT INTO alert_message VALUES (?, ?, ?)", [message, now, content])
    for channel in channels:
        connection.execute(
            "INSERT INTO alert_delivery VALUES (?, ?, 'pending', 0, ?, NULL, '[]', ?)",
            [message, channel, now, now],
        )


_DUE = """
    SELECT message, channel, not_before, state, tries, reason, reached, content, created
    FROM alert_delivery JOIN alert_message ON id = message
    WHERE state = 'pending' AND not_before <= ? ORDER BY created, id, channel LIMIT ?
"""


def waiting(connection: Connection, now: datetime, limit: int) -> list[Delivery]:
    """What is to be delivered now, oldest first."""
    return [_delivery(row) for row in fetch(connection, _DUE, [now, limit])]


def claim(connection: Connection, delivery: Delivery, now: datetime, until: datetime) -> bool:
    """Takes a delivery in hand until then; false when another process was faster."""
    held = connection.execute(
        "SELECT count(*) FROM alert_delivery WHERE message = ? AND channel = ?"
        " AND state = 'pending' AND not_before <= ?",
        [delivery.message, delivery.channel, now],
    ).fetchone()
    if not held or not held[0]:
        return False
    write(connection, replace(delivery, not_before=until, tries=delivery.tries + 1), now)
    return True


def write(connection: Connection, delivery: Delivery, now: datetime) -> None:
    """Writes how a delivery stands."""
    connection.execute(
        "UPDATE alert_delivery SET state = ?, tries = ?, not_before = ?, reason = ?, reached = ?,"
        " updated = ? WHERE message = ? AND channel = ?",
        [
            delivery.state,
            delivery.tries,
            delivery.not_before,
            delivery.reason,
            json.dumps(sorted(delivery.reached)),
            now,
            delivery.message,
            delivery.channel,
        ],
    )


def undelivered(connection: Connection, now: datetime, kept: timedelta) -> Undelivered:
    """What could not be told; what was given up counts for as long as messages are kept for."""
    (row,) = fetch(
        connection,
        "SELECT count(*) FILTER (state = 'pending' AND reason IS NOT NULL) AS waiting,"
        " count(*) FILTER (state = 'given_up' AND reason IS NOT NULL"
        " AND alert_delivery.updated >= ?) AS given_up,"
        " min(created) FILTER (state = 'pending' AND reason IS NOT NULL) AS oldest,"
        " arg_max(reason, alert_delivery.updated) FILTER (state <> 'sent') AS reason"
        " FROM alert_delivery JOIN alert_message ON id = message",
        [now - kept],
    )
    typed = {"reason": reason_of(row["reason"])}
    return Undelivered(**row | typed)  # type: ignore[arg-type]


def _delivery(row: dict[str, object]) -> Delivery:
    typed = {
        "state": State(str(row["state"])),
        "reason": reason_of(row["reason"]),
        "reached": frozenset(json.loads(str(row["reached"]))),
    }
    return Delivery(**row | typed)  # type: ignore[arg-type]
