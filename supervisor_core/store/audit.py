"""Who did what, in words of ours: nothing from outside may stand in a detail."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.journal import note
from supervisor_core.reasons import Fact
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import fetch, insert

_SHAPE = {
    "id": "VARCHAR",
    "happened": "TIMESTAMPTZ",
    "who": "VARCHAR",
    "verb": "VARCHAR",
    "subject": "VARCHAR",
    "detail": "VARCHAR",
}


@dataclass(frozen=True)
class Deed:
    """One thing that was done to a subject (a key of ours)."""

    verb: str
    subject: str
    detail: Mapping[str, Fact]


def write(connection: Connection, who: str, deeds: Sequence[Deed], now: datetime) -> None:
    """Adds deeds to the audit."""
    rows = [
        {
            "id": uuid.uuid4().hex,
            "happened": now,
            "who": who,
            "verb": deed.verb,
            "subject": deed.subject,
            "detail": json.dumps(deed.detail),
        }
        for deed in deeds
    ]
    insert(connection, "audit", _SHAPE, rows)
    for deed in deeds:
        note({"time": now, "event": deed.verb, "subject": deed.subject, "who": who})


def of_subject(connection: Connection, subject: str) -> list[Deed]:
    """What was done to a subject, oldest first."""
    sql = "SELECT verb, subject, detail FROM audit WHERE subject = ? ORDER BY happened, id"
    found = fetch(connection, sql, [subject])
    return [
        Deed(str(row["verb"]), str(row["subject"]), json.loads(str(row["detail"]))) for row in found
    ]
