"""Taking tasks in hand and putting them down: the same for whatever is done with a media.

queued, waiting, blocked   open; waiting only when its time has come
blocked                    the model is away (`BLOCKED_BY_OLLAMA`), or the installation is not
                           right: nothing is opened, so nothing is used up
waiting                    a cause that may pass; tried again after 1 to 30 s
done, degraded, abstained  there is a result: whole, in part, or nothing but reasons
error, dead                a lasting cause, or the last try failed: for a person to look at
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.pipeline.asking import AWAY
from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Class, Failed, Reason
from supervisor_core.states import Work
from supervisor_core.store import Connection, attempts, work
from supervisor_core.store.attempts import Attempt, Outcome, Step
from supervisor_core.store.work import Task

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0


@dataclass
class Tally:
    """How many tasks came to which end in this call, and why."""

    ended: Counter[Work] = field(default_factory=Counter)
    skipped: int = 0
    busy: int = 0
    _reasons: dict[Work, Counter[Reason]] = field(default_factory=dict)

    def count(self, task: Task) -> None:
        """Counts a task by its state."""
        self.ended[task.state] += 1
        if task.reason is not None:
            self._reasons.setdefault(task.state, Counter())[task.reason] += 1

    def reasons(self, *states: Work) -> Mapping[Reason, int]:
        """How many of these states have which reason."""
        return dict(sum((self._reasons.get(state, Counter()) for state in states), Counter()))


class Tasks:
    """The tasks of one kind in one owner's hands."""

    def __init__(self, context: Context, step: Step, intake: IntakeKey) -> None:
        self.tally = Tally()
        self._context = context
        self._step = step
        self._intake = intake

    def block(self, task: str, media: Iterable[MediaKey], reason: Reason) -> None:
        """Writes why these wait; what has ended or is in other hands stays as it is."""
        now = self._context.now()
        with self._context.store.write() as connection:
            for one in media:
                found = self._load(connection, task, one, now)
                if found.ended:
                    self.tally.skipped += 1
                elif found.is_free(self._context.owner, now):
                    blocked = found.put_down(Work.BLOCKED, _blocking(reason))
                    work.save(connection, [blocked], now)
                    self.tally.count(blocked)

    def take(
        self, task: str, media: MediaKey, key: str, level: str, longest_s: float
    ) -> tuple[Task, Attempt] | None:
        """Takes a task that is open and due, and opens its attempt; None when it is not.

        One that has ended is open again when it rested on something else than `key`.
        """
        owner, now = self._context.owner, self._context.now()
        with self._context.store.write() as connection:
            found = self._load(connection, task, media, now)
            if not self._may_take(found, key, now):
                return None
            held = found.taken(owner, now + timedelta(seconds=longest_s))
            attempt = Attempt(
                step=self._step,
                owner=owner,
                started=now,
                intake=self._intake,
                media=media,
                level=level,
                epoch=held.lease_epoch,
            )
            attempts.close_lost_step(connection, self._step, media, level, now)
            work.save(connection, [held], now)
            attempts.open_all(connection, [attempt])
        return held, attempt

    def _may_take(self, task: Task, key: str, now: datetime) -> bool:
        if task.state is Work.CANCELLED or (task.ended and task.key == key):
            self.tally.skipped += 1
            return False
        if not task.is_free(self._context.owner, now):
            self.tally.busy += 1
            return False
        if not task.is_due(now):
            self.tally.count(task)
            return False
        return True

    def end(
        self, connection: Connection, held: Task, attempt: Attempt, end: Work | Failed, key: str
    ) -> None:
        """Puts a task down with its result's state or the reason why there is none.

        Raises `Failed(LEASE_LOST)` when another has taken it over meanwhile.
        """
        now = self._context.now()
        current = work.require_ours(connection, held)
        put = (
            self._failed(current, end, key, now)
            if isinstance(end, Failed)
            else current.put_down(end, key=key)
        )
        outcome = Outcome.FAILED if isinstance(end, Failed) else Outcome.DONE
        work.save(connection, [put], now)
        closed = _closed(attempt, now, outcome, put.reason)
        attempts.close_all(connection, [closed])
        self.tally.count(put)

    def _failed(self, task: Task, failed: Failed, key: str, now: datetime) -> Task:
        tries = self._context.settings.analysis_tries
        state = fate(failed.reason, task.attempts, tries)
        if state is Work.BLOCKED:
            # The model went away under it: that attempt is given back.
            return task.put_down(state, _blocking(failed.reason), attempts=task.attempts - 1)
        if state is Work.WAITING:
            return task.put_down(state, failed.reason, not_before=now + wait(task.attempts))
        return task.put_down(state, failed.reason, key=key)

    def _load(self, connection: Connection, task: str, media: MediaKey, now: datetime) -> Task:
        found = work.load(connection, task, [media]).get(media)
        return found or Task(media, task, created=now, updated=now)


def fate(reason: Reason, attempts: int, tries: int) -> Work:
    """What becomes of a task whose attempt, one of so many since it was queued, failed."""
    if reason in AWAY or reason.class_ is Class.CONFIG:
        return Work.BLOCKED
    if reason is Reason.CANCELLED:
        return Work.QUEUED
    if reason.transient:
        return Work.WAITING if attempts < tries else Work.DEAD
    return Work.ERROR


def wait(attempts: int) -> timedelta:
    """How long to wait after so many attempts: doubling from 1 to 30 s."""
    return timedelta(seconds=min(FIRST_WAIT_S * 2 ** max(attempts - 1, 0), LONGEST_WAIT_S))


def _blocking(reason: Reason) -> Reason:
    """The reason that a blocked task shows: what passes by itself has one for all."""
    return reason if reason.class_ is Class.CONFIG else Reason.BLOCKED_BY_OLLAMA


def _closed(attempt: Attempt, now: datetime, outcome: Outcome, reason: Reason | None) -> Attempt:
    return replace(attempt, ended=now, outcome=outcome, reason=reason)
