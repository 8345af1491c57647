"""Tasks on media that passed the gate: who has each in hand, how often it was tried, its end.

A task is held like a media is (`leases`): by an owner, with an epoch that is looked at again before
anything is published. Every opened attempt counts; waiting and blocked open none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from supervisor_core.keys import MediaKey
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Work, check_step
from supervisor_core.store.database import Connection
from supervisor_core.store.owners import is_gone
from supervisor_core.store.rows import ROWS, fetch, fetch_about, given, keys, reason_of

_SHAPE = {
    "media": "VARCHAR",
    "task": "VARCHAR",
    "state": "VARCHAR",
    "reason": "VARCHAR",
    "attempts": "INTEGER",
    "not_before": "TIMESTAMPTZ",
    "key": "VARCHAR",
    "lease_owner": "VARCHAR",
    "lease_epoch": "BIGINT",
    "lease_until": "TIMESTAMPTZ",
    "created": "TIMESTAMPTZ",
    "updated": "TIMESTAMPTZ",
}
_KEY = ("media", "task")


@dataclass(frozen=True)
class Task:
    """One task on one media; `key` says what its last result rests on."""

    media: MediaKey
    task: str
    created: datetime
    updated: datetime
    state: Work = Work.QUEUED
    reason: Reason | None = None
    attempts: int = 0
    not_before: datetime | None = None
    key: str | None = None
    lease_owner: str | None = None
    lease_epoch: int = 0
    lease_until: datetime | None = None

    def is_free(self, owner: str, now: datetime) -> bool:
        """True when this owner may take it now."""
        return self.lease_owner == owner or not is_held(self.lease_owner, self.lease_until, now)

    def is_due(self, now: datetime) -> bool:
        """True when it may be tried now."""
        return self.not_before is None or self.not_before <= now

    @property
    def ended(self) -> bool:
        """True when nobody will work on it unless something it rests on changes."""
        return self.state not in (Work.QUEUED, Work.WAITING, Work.BLOCKED, Work.RUNNING)

    def may_begin(self, key: str) -> bool:
        """True when it is open, or has ended but rested on something else than `key`."""
        return not self.ended or (self.state is not Work.CANCELLED and self.key != key)

    def reopened(self) -> "Task":
        """The task, open and with all its tries if it had ended."""
        return self.put_down(Work.QUEUED, attempts=0) if self.ended else self

    def taken(self, owner: str, until: datetime) -> "Task":
        """The task in this owner's hands, one attempt more counted; after an end from nought."""
        waiting = self.reopened().put_down(Work.QUEUED)
        check_step(waiting.state, Work.RUNNING)
        return replace(
            waiting,
            state=Work.RUNNING,
            attempts=waiting.attempts + 1,
            lease_owner=owner,
            lease_epoch=self.lease_epoch + 1,
            lease_until=until,
        )

    def put_down(
        self,
        state: Work,
        reason: Reason | None = None,
        *,
        attempts: int | None = None,
        not_before: datetime | None = None,
        key: str | None = None,
    ) -> "Task":
        """The task given back in a state; `attempts` and `key` stay when they are not given."""
        check_step(self.state, state)
        return replace(
            self,
            state=state,
            reason=reason,
            attempts=self.attempts if attempts is None else attempts,
            not_before=not_before,
            key=key or self.key,
            lease_owner=None,
            lease_until=None,
        )


def is_held(owner: str | None, until: datetime | None, now: datetime) -> bool:
    """True while an owner holds it: whether one of before a restart lives, its lease alone says."""
    return owner is not None and until is not None and until > now and not is_gone(owner)


def load(connection: Connection, task: str, media: Iterable[str]) -> dict[MediaKey, Task]:
    """The task of each of these media that has one."""
    found = map(_task, fetch_about(connection, "work", media, "AND task = ?", [task]))
    return {one.media: one for one in found}


def load_all(connection: Connection, media: Iterable[str]) -> dict[tuple[str, MediaKey], Task]:
    """Every task of these media."""
    found = map(_task, fetch_about(connection, "work", media))
    return {(one.task, one.media): one for one in found}


def save(connection: Connection, tasks: Sequence[Task], now: datetime) -> None:
    """Writes tasks, new ones too."""
    if not tasks:
        return
    rows = [vars(replace(task, updated=now)) for task in tasks]
    assignments = ", ".join(f"{name} = given.{name}" for name in _SHAPE if name not in _KEY)
    connection.execute(
        f"MERGE INTO work USING {ROWS} AS given USING ({', '.join(_KEY)})"
        f" WHEN MATCHED THEN UPDATE SET {assignments} WHEN NOT MATCHED THEN INSERT BY NAME",
        given(_SHAPE, rows),
    )


def queue_again(
    connection: Connection, media: Iterable[str], reasons: Iterable[Reason], now: datetime
) -> None:
    """Queues anew, with all tries, the tasks of these media that ended for one of these reasons."""
    connection.execute(
        "UPDATE work SET state = 'queued', reason = NULL, attempts = 0, not_before = NULL,"  # noqa: S608
        f" updated = ? WHERE state IN ('error', 'dead') AND media IN (SELECT media FROM {ROWS})"
        f" AND reason IN (SELECT reason FROM {ROWS})",
        [now, *keys("media", media), *keys("reason", reasons)],
    )


def require_ours(connection: Connection, held: Task) -> Task:
    """The task as it stands; raises `Failed(LEASE_LOST)` when another has taken it over."""
    found = load(connection, held.task, [held.media]).get(held.media)
    ours = (held.lease_owner, held.lease_epoch)
    if found is None or (found.lease_owner, found.lease_epoch) != ours:
        raise Failed(Reason.LEASE_LOST)
    return found


def ended_badly(connection: Connection, code: str = "", asset: str = "") -> list[Task]:
    """What ended without a result, for people to look at; of one reason and kind of task or all."""
    sql = (
        "SELECT * FROM work WHERE state IN ('error', 'dead')"
        " AND (? = '' OR reason = ?) AND (? = '' OR starts_with(task, ?)) ORDER BY updated, media"
    )
    prefix = f"{asset}/" if asset else ""
    return list(map(_task, fetch(connection, sql, [code, code, prefix, prefix])))


def counts(connection: Connection) -> list[tuple[str, Work, Reason | None, int]]:
    """How many tasks are in which state for which reason."""
    sql = "SELECT task, state, reason, count(*) FROM work GROUP BY ALL ORDER BY ALL"
    rows = connection.execute(sql).fetchall()
    return [(row[0], Work(row[1]), reason_of(row[2]), row[3]) for row in rows]


def _task(row: dict[str, object]) -> Task:
    typed = {"state": Work(str(row["state"])), "reason": reason_of(row["reason"])}
    return Task(**row | typed)  # type: ignore[arg-type]
