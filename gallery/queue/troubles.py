"""The last errors of the system, newest first, in words of ours: attempts, requests, findings."""

from dataclasses import dataclass
from datetime import datetime

from supervisor_core.reasons import Reason
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import fetch

MOST = 50
_LAST = f"""
    SELECT * FROM (
        SELECT ended AS happened, step AS place, coalesce(level, '') AS level, reason,
            coalesce(media, '') AS media, coalesce(intake, '') AS intake
        FROM attempt WHERE outcome <> 'done' AND reason IS NOT NULL
            AND reason NOT IN ('CANCELLED', 'LEASE_LOST')
        ORDER BY ended DESC LIMIT {MOST})
    UNION ALL SELECT * FROM (
        SELECT updated, 'request', verb, reason, '', subject FROM request
        WHERE state = 'failed' AND reason IS NOT NULL AND reason <> 'CANCELLED'
        ORDER BY updated DESC LIMIT {MOST})
    UNION ALL SELECT * FROM (
        SELECT started, 'consistency', flaw, NULL, '', '' FROM consistency_log
        JOIN consistency_look ON consistency_look.id = consistency_log.look
        ORDER BY started DESC LIMIT {MOST})
    ORDER BY happened DESC, place LIMIT {MOST}
"""  # noqa: S608


@dataclass(frozen=True)
class Trouble:
    """One error: where, why, and of which media and intake, by their keys."""

    happened: datetime
    place: str
    level: str
    reason: str | None
    media: str
    intake: str

    @property
    def sentence(self) -> str:
        """What happened."""
        return Reason[self.reason].sentence if self.reason else "The store and the files differ."

    @property
    def next_step(self) -> str:
        """What to do."""
        if self.reason:
            return Reason[self.reason].next_step
        return "See what it is with: supervisor-assets consistency"


def troubles(connection: Connection) -> list[Trouble]:
    """The last fifty."""
    return [Trouble(**row) for row in fetch(connection, _LAST)]  # type: ignore[arg-type]
