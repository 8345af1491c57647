"""Everything that happened to one media, in its order."""

from dataclasses import dataclass
from datetime import datetime

from supervisor_core.store.database import Connection
from supervisor_core.store.rows import fetch

# Of an import only the file's place in its intake is known.
_TRACE = """
    WITH places AS (
        SELECT intake, ordinal, intake || '-' || lpad(ordinal::VARCHAR, 3, '0') AS subject
        FROM arrival WHERE media = $1
    )
    SELECT started AS happened, step AS event, level AS of, outcome, reason, seconds, id AS attempt,
        owner AS who FROM attempt
    WHERE media = $1
        OR media IS NULL AND (intake, ordinal) IN (SELECT (intake, ordinal) FROM places)
    UNION ALL
    SELECT asked, 'question', task, CASE WHEN reason IS NULL THEN 'done' ELSE 'failed' END, reason,
        seconds, attempt, '' FROM question WHERE media = $1
    UNION ALL
    SELECT happened, verb, '', 'done', NULL, NULL, NULL, who FROM audit
    WHERE subject IN ($1, left($1, 16)) OR subject IN (SELECT subject FROM places)
    UNION ALL
    SELECT happened, verdict, 'review', 'done', NULL, NULL, NULL, who FROM decision
    WHERE media = $1
    ORDER BY happened, attempt
"""


@dataclass(frozen=True)
class Event:
    """One thing that happened: an attempt, a question to a model, a deed or decision of
    somebody's.

    No outcome yet while an attempt is under way; `of` is its level or task.
    """

    happened: datetime
    event: str
    of: str | None
    outcome: str | None
    reason: str | None
    seconds: float | None
    attempt: str | None
    who: str


def trace(connection: Connection, media: str) -> list[Event]:
    """What happened to a media (full SHA-256), oldest first."""
    return [Event(**row) for row in fetch(connection, _TRACE, [media])]  # type: ignore[arg-type]
