"""Recording sessions: how far each is, who records it, and when it last showed life.

A session is held like a media is (`leases`): by an owner, with an epoch that is looked at again
before anything is written. It is an intake from its beginning, and gets its files at its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.progress import State as Picture
from supervisor_core.states import Recording, check_step
from supervisor_core.store.database import Connection
from supervisor_core.store.owners import is_gone
from supervisor_core.store.rows import ROWS, fetch, given, reason_of

_SHAPE = {
    "intake": "VARCHAR",
    "stream": "VARCHAR",
    "state": "VARCHAR",
    "reason": "VARCHAR",
    "asked": "VARCHAR",
    "started": "TIMESTAMPTZ",
    "ended": "TIMESTAMPTZ",
    "beat": "TIMESTAMPTZ",
    "moved": "TIMESTAMPTZ",
    "limit_s": "DOUBLE",
    "media_s": "DOUBLE",
    "size_bytes": "BIGINT",
    "sources": "INTEGER",
    "opened": "TIMESTAMPTZ",
    "runs": "INTEGER",
    "picture": "VARCHAR",
    "owner": "VARCHAR",
    "epoch": "BIGINT",
    "updated": "TIMESTAMPTZ",
}
OPEN = (Recording.WAITING, Recording.RUNNING, Recording.INTERRUPTED)
"""The stream is being recorded, or will be as soon as a run begins."""


class Asked(StrEnum):
    """What a person wants of a recorder that is at work."""

    CUT = "cut"
    STOP = "stop"


@dataclass(frozen=True)
class Session:
    """One recording of one stream; times are by this machine's clock, `media_s` by the stream's."""

    intake: IntakeKey
    stream: str
    started: datetime
    updated: datetime
    state: Recording = Recording.WAITING
    reason: Reason | None = None
    asked: Asked | None = None
    ended: datetime | None = None
    beat: datetime | None = None
    moved: datetime | None = None
    limit_s: float = 0.0
    media_s: float = 0.0
    size_bytes: int = 0
    sources: int = 0
    opened: datetime | None = None
    runs: int = 0
    picture: Picture = Picture.OK
    owner: str | None = None
    epoch: int = 0

    @property
    def open(self) -> bool:
        """True until nothing more is recorded."""
        return self.state in OPEN

    @property
    def held(self) -> bool:
        """True while a living process may be at work on it."""
        return self.owner is not None and not is_gone(self.owner)

    def rests(self, now: datetime, rest_s: float) -> bool:
        """True for a while after a person has stopped it, or after there was nothing to record."""
        left_alone = self.reason in (Reason.CANCELLED, Reason.STREAM_NOT_FOUND)
        return left_alone and (now - self.updated).total_seconds() < rest_s

    def taken(self, owner: str, now: datetime) -> "Session":
        """The session in a recorder's hands."""
        check_step(self.state, Recording.RUNNING)
        return replace(
            self,
            state=Recording.RUNNING,
            reason=None,
            beat=now,
            owner=owner,
            epoch=self.epoch + 1,
            runs=self.runs + 1,
        )

    def put_down(
        self, state: Recording, reason: Reason | None = None, ended: datetime | None = None
    ) -> "Session":
        """The session given back in a state."""
        check_step(self.state, state)
        return replace(self, state=state, reason=reason, ended=ended, owner=None, asked=None)


def save(connection: Connection, sessions: Sequence[Session], now: datetime) -> None:
    """Writes sessions, new ones too."""
    if not sessions:
        return
    rows = [vars(replace(session, updated=now)) for session in sessions]
    assignments = ", ".join(f"{name} = given.{name}" for name in _SHAPE if name != "intake")
    connection.execute(
        f"MERGE INTO recording USING {ROWS} AS given USING (intake)"
        f" WHEN MATCHED THEN UPDATE SET {assignments} WHEN NOT MATCHED THEN INSERT BY NAME",
        given(_SHAPE, rows),
    )


def find(connection: Connection, intake: str) -> Session | None:
    """The session with this key, if there is one."""
    rows = fetch(connection, "SELECT * FROM recording WHERE intake = ?", [intake])
    return _session(rows[0]) if rows else None


def require(connection: Connection, intake: str) -> Session:
    """The session with this key; raises `Failed(UNKNOWN_INTAKE)`."""
    found = find(connection, intake)
    if found is None:
        raise Failed(Reason.UNKNOWN_INTAKE)
    return found


def require_ours(connection: Connection, held: Session) -> Session:
    """The session as it stands; raises `Failed(LEASE_LOST)` when another has taken it over."""
    found = require(connection, held.intake)
    if (found.owner, found.epoch) != (held.owner, held.epoch):
        raise Failed(Reason.LEASE_LOST)
    return found


def in_states(connection: Connection, states: Sequence[Recording]) -> list[Session]:
    """The sessions in these states, oldest first."""
    marks = ", ".join("?" for _ in states)
    sql = f"SELECT * FROM recording WHERE state IN ({marks}) ORDER BY started, intake"  # noqa: S608
    return [_session(row) for row in fetch(connection, sql, [state.value for state in states])]


def newest(connection: Connection, limit: int) -> list[Session]:
    """The newest sessions of all streams, newest first."""
    sql = "SELECT * FROM recording ORDER BY started DESC, intake LIMIT ?"
    return [_session(row) for row in fetch(connection, sql, [limit])]


def last_of(connection: Connection, stream: str) -> Session | None:
    """The newest session of a stream."""
    sql = "SELECT * FROM recording WHERE stream = ? ORDER BY started DESC LIMIT 1"
    rows = fetch(connection, sql, [stream])
    return _session(rows[0]) if rows else None


def before(connection: Connection, session: Session) -> Session | None:
    """The same stream's session before this one."""
    sql = "SELECT * FROM recording WHERE stream = ? AND started < ? ORDER BY started DESC LIMIT 1"
    rows = fetch(connection, sql, [session.stream, session.started])
    return _session(rows[0]) if rows else None


def ask(connection: Connection, intake: str, asked: Asked) -> bool:
    """Leaves a wish for the recorder; false when nothing is recorded there any more."""
    found = require(connection, intake)
    if found.open:
        connection.execute("UPDATE recording SET asked = ? WHERE intake = ?", [asked, intake])
    return found.open


def _session(row: dict[str, object]) -> Session:
    typed = {
        "intake": IntakeKey(str(row["intake"])),
        "state": Recording(str(row["state"])),
        "reason": reason_of(row["reason"]),
        "asked": Asked(str(row["asked"])) if row["asked"] else None,
        "picture": Picture(str(row["picture"])),
    }
    return Session(**row | typed)  # type: ignore[arg-type]
