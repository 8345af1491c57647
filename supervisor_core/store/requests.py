"""Work that a person asked for: rows that the sensors turn into runs."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from supervisor_core.reasons import Fact, Reason
from supervisor_core.store import audit
from supervisor_core.store.audit import Deed
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import fetch, insert, reason_of

_SHAPE = {
    "id": "VARCHAR",
    "verb": "VARCHAR",
    "subject": "VARCHAR",
    "detail": "VARCHAR",
    "who": "VARCHAR",
    "state": "VARCHAR",
    "reason": "VARCHAR",
    "created": "TIMESTAMPTZ",
    "updated": "TIMESTAMPTZ",
}


class Verb(StrEnum):
    """What may be asked for."""

    INGEST = "ingest"
    RETRY = "retry"
    RECLEAN = "reclean"
    UPSCALE = "upscale"
    ENRICH = "enrich"


class State(StrEnum):
    """How far a request has come."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Request:
    """One wish of a person; the subject is a key of ours."""

    id: str
    verb: Verb
    subject: str
    detail: Mapping[str, Fact]
    who: str
    state: State
    reason: Reason | None
    created: datetime
    updated: datetime


Wish = tuple[str, Mapping[str, Fact]]
"""The subject of a request, and its detail."""


def ask(
    connection: Connection,
    verb: Verb,
    subject: str,
    who: str,
    now: datetime,
    detail: Mapping[str, Fact] | None = None,
) -> str:
    """Queues a request and returns its id; the same one that is still queued is not doubled."""
    (request,) = ask_each(connection, verb, [(subject, detail or {})], who, now)
    return request


def ask_each(
    connection: Connection, verb: Verb, wishes: Sequence[Wish], who: str, now: datetime
) -> list[str]:
    """Queues a request for each subject with its detail, and returns their ids in this order."""
    sql = "SELECT subject, detail, id FROM request WHERE verb = ? AND state = 'queued'"
    found = connection.execute(sql, [verb]).fetchall() if wishes else []
    known: dict[tuple[str, str], str] = {(row[0], row[1]): row[2] for row in found}
    rows = []
    ids = []
    for subject, detail in wishes:
        wanted = subject, json.dumps(dict(detail))
        if wanted not in known:
            known[wanted] = uuid.uuid4().hex
            rows.append(_new(known[wanted], verb, *wanted, who, now))
        ids.append(known[wanted])
    insert(connection, "request", _SHAPE, rows)
    return ids


def _new(
    request: str, verb: Verb, subject: str, detail: str, who: str, now: datetime
) -> dict[str, object]:
    return {
        "id": request,
        "verb": verb,
        "subject": subject,
        "detail": detail,
        "who": who,
        "state": State.QUEUED,
        "reason": None,
        "created": now,
        "updated": now,
    }


def queued(connection: Connection, limit: int) -> list[Request]:
    """The requests that wait longest, at most this many."""
    sql = "SELECT * FROM request WHERE state = 'queued' ORDER BY created, id LIMIT ?"
    return [_request(row) for row in fetch(connection, sql, [limit])]


def open_requests(connection: Connection, limit: int) -> list[Request]:
    """The requests for a run of an intake that are not at their end, the oldest first."""
    sql = (
        "SELECT * FROM request WHERE state IN ('queued', 'running') AND verb <> 'upscale'"
        " ORDER BY created, id LIMIT ?"
    )
    return [_request(row) for row in fetch(connection, sql, [limit])]


def open_upscales(connection: Connection) -> list[Request]:
    """The requests for larger pictures that are not at their end; their subjects are media.

    Whoever works on a media answers them, not the run that was started for it.
    """
    sql = (
        "SELECT * FROM request WHERE state IN ('queued', 'running') AND verb = 'upscale'"
        " ORDER BY created, id"
    )
    return [_request(row) for row in fetch(connection, sql)]


def find(connection: Connection, request: str) -> Request:
    """The request with this id, which there must be."""
    (row,) = fetch(connection, "SELECT * FROM request WHERE id = ?", [request])
    return _request(row)


def look(connection: Connection, request: str) -> Request | None:
    """The request with this id, if there is one."""
    rows = fetch(connection, "SELECT * FROM request WHERE id = ?", [request])
    return _request(rows[0]) if rows else None


def cancel(connection: Connection, request: str, who: str, now: datetime) -> bool:
    """Takes back a request that no run was started for yet; False when it is too late."""
    known = look(connection, request)
    if known is None or known.state is not State.QUEUED:
        return False
    move(connection, request, State.FAILED, now, Reason.CANCELLED)
    audit.write(connection, who, [Deed("cancel_request", request, {"verb": known.verb.value})], now)
    return True


def move(
    connection: Connection, request: str, state: State, now: datetime, reason: Reason | None = None
) -> None:
    """Writes how far a request has come."""
    connection.execute(
        "UPDATE request SET state = ?, reason = ?, updated = ? WHERE id = ?",
        [state, reason, now, request],
    )


def _request(row: dict[str, Any]) -> Request:
    typed = {
        "verb": Verb(row["verb"]),
        "state": State(row["state"]),
        "detail": json.loads(row["detail"]),
        "reason": reason_of(row["reason"]),
    }
    return Request(**row | typed)
