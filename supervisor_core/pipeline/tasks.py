"""Taking tasks in hand and putting them down: the same for whatever is done with a media.

queued, waiting, blocked   open; waiting only when its time has come
blocked                    the model is away (`BLOCKED_BY_OLLAMA`), or the installation is not
                           right: nothing is opened, so nothing is used up
waiting                    a cause that may pass; tried again after longer and longer waits
done, degraded, abstained  there is a result: whole, in part, or nothing but reasons
error, dead                a lasting cause, or the last try failed: for a person to look at

How often and after which waits, and what is no fault of the item, are the kind's own `Terms`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Class, Failed, Reason
from supervisor_core.states import Work
from supervisor_core.store import Connection, attempts, work
from supervisor_core.store.attempts import Attempt, Outcome, Step
from supervisor_core.store.work import Task

FIRST_WAIT_S = 1.0


@dataclass(frozen=True)
class Terms:
    """On what terms the tasks of one kind are tried.

    `away` passes by itself: it blocks, uses up no try, and shows as `shown`. After a reason of
    `spared` the task waits as long as ever, without using up a try; after one of `again` it is
    queued anew.
    """

    tries: int
    longest_wait_s: float
    away: frozenset[Reason] = frozenset()
    shown: Reason | None = None
    again: frozenset[Reason] = frozenset({Reason.CANCELLED})
    spared: frozenset[Reason] = frozenset()

    def fate(self, reason: Reason, attempts: int) -> Work:
        """What becomes of a task whose attempt, one of so many since it was queued, failed."""
        if reason in self.again:
            return Work.QUEUED
        if reason in self.away or reason.class_ is Class.CONFIG:
            return Work.BLOCKED
        if reason in self.spared:
            return Work.WAITING
        if reason.transient:
            return Work.WAITING if attempts < self.tries else Work.DEAD
        return Work.ERROR

    def wait(self, attempts: int) -> timedelta:
        """How long to wait after so many attempts: doubling from 1 s to the longest."""
        doublings = min(max(attempts - 1, 0), 30)
        return timedelta(seconds=min(FIRST_WAIT_S * 2**doublings, self.longest_wait_s))

    def blocking(self, reason: Reason) -> Reason:
        """The reason that a blocked task shows: what passes by itself has one for all."""
        return self.shown if self.shown and reason.class_ is not Class.CONFIG else reason


@dataclass(frozen=True)
class TaskReport:
    """What became of an intake's tasks in this call, whatever it is that they do.

    `busy` are in another run's hands; `blocked`, `waiting` and `failed` count by reason.
    """

    intake: IntakeKey
    busy: int = 0
    blocked: Mapping[Reason, int] = field(default_factory=dict)
    waiting: Mapping[Reason, int] = field(default_factory=dict)
    failed: Mapping[Reason, int] = field(default_factory=dict)

    @property
    def open(self) -> set[Reason]:
        """Why some have no result yet."""
        return {*self.blocked, *self.waiting, *self.failed}


R = TypeVar("R", bound=TaskReport)


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

    def report(self, kind: Callable[..., R], intake: IntakeKey, **counts: int) -> R:
        """A report of this kind with its own counts beside those that all have."""
        return kind(
            intake=intake,
            busy=self.busy,
            blocked=self.reasons(Work.BLOCKED),
            waiting=self.reasons(Work.WAITING, Work.QUEUED),
            failed=self.reasons(Work.ERROR, Work.DEAD),
            **counts,
        )


@dataclass(frozen=True)
class End:
    """How one task ends: with its result's state (and why it is no whole one), or a failure."""

    task: Task
    attempt: Attempt
    end: Work | Failed
    key: str
    reason: Reason | None = None


class Tasks:
    """The tasks of one kind in one owner's hands."""

    def __init__(self, context: Context, step: Step, intake: IntakeKey, terms: Terms) -> None:
        self.tally = Tally()
        self._context = context
        self._step = step
        self._terms = terms
        self._intake = intake

    def block(self, task: str, media: Iterable[MediaKey], reason: Reason) -> None:
        """Writes why these wait; what has ended or is in other hands stays as it is."""
        shown = self._terms.blocking(reason)
        self.hold_back(task, dict.fromkeys(media), Work.BLOCKED, shown)

    def hold_back(
        self,
        task: str,
        media: Mapping[MediaKey, str | None],
        state: Work,
        reason: Reason,
        until: datetime | None = None,
    ) -> None:
        """Has these wait for a cause that is not theirs, without using up a try.

        What has ended waits too when its key, if one is given, is another now.
        """
        now = self._context.now()
        with self._context.store.write() as connection:
            for one, key in media.items():
                found = self._load(connection, task, one, now)
                if found.ended and (key is None or not found.may_begin(key)):
                    self.tally.skipped += 1
                elif found.is_free(self._context.owner, now):
                    held_back = found.reopened().put_down(state, reason, not_before=until)
                    work.save(connection, [held_back], now)
                    self.tally.count(held_back)

    def take(
        self, task: str, media: MediaKey, key: str, level: str, longest_s: float
    ) -> tuple[Task, Attempt] | None:
        """Takes a task that is open and due, and opens its attempt; None when it is not.

        One that has ended is open again when it rested on something else than `key`; one whose
        last try ended its run too is dead.
        """
        owner, now = self._context.owner, self._context.now()
        with self._context.store.write() as connection:
            found = self._load(connection, task, media, now)
            if not self._may_take(found, key, now):
                return None
            attempts.close_lost_step(connection, self._step, media, level, now)
            if self._kills(found):
                dead = found.put_down(Work.DEAD, Reason.WORKER_CRASHED, key=key)
                work.save(connection, [dead], now)
                self.tally.count(dead)
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
            work.save(connection, [held], now)
            attempts.open_all(connection, [attempt])
        return held, attempt

    def take_all(
        self,
        connection: Connection,
        task: str,
        wanted: Mapping[MediaKey, str],
        level: str,
        longest_s: float,
    ) -> list[tuple[Task, Attempt]]:
        """Takes those of several media, each with its key, that are open and due: see `take`."""
        owner, now = self._context.owner, self._context.now()
        known = work.load(connection, task, wanted)
        taken: list[tuple[Task, Attempt]] = []
        dead: list[Task] = []
        for media, key in wanted.items():
            found = known.get(media) or Task(media, task, created=now, updated=now)
            if not self._may_take(found, key, now):
                continue
            if found.state is Work.RUNNING:
                attempts.close_lost_step(connection, self._step, media, level, now)
            if self._kills(found):
                dead.append(found.put_down(Work.DEAD, Reason.WORKER_CRASHED, key=key))
                self.tally.count(dead[-1])
                continue
            held = found.taken(owner, now + timedelta(seconds=longest_s))
            taken.append((held, self._attempt(held, level, now)))
        work.save(connection, [*dead, *(held for held, _ in taken)], now)
        attempts.open_all(connection, [attempt for _, attempt in taken])
        return taken

    def _attempt(self, held: Task, level: str, now: datetime) -> Attempt:
        return Attempt(
            step=self._step,
            owner=self._context.owner,
            started=now,
            intake=self._intake,
            media=held.media,
            level=level,
            epoch=held.lease_epoch,
        )

    def _kills(self, task: Task) -> bool:
        """True for one that as many runs as it has tries have left in the midst of their work."""
        lost = task.state is Work.RUNNING and task.lease_owner != self._context.owner
        return lost and task.attempts >= self._terms.tries

    def _may_take(self, task: Task, key: str, now: datetime) -> bool:
        if not task.may_begin(key):
            self.tally.skipped += 1
            return False
        if not task.is_free(self._context.owner, now):
            self.tally.busy += 1
            return False
        if not task.is_due(now):
            self.tally.count(task)
            return False
        return True

    def still_ours(self, connection: Connection, held: Iterable[Task]) -> dict[MediaKey, Task]:
        """Those of one task that nobody has taken over, as they stand; the others count as busy."""
        mine = list(held)
        known = work.load(connection, mine[0].task, [one.media for one in mine]) if mine else {}
        ours = {}
        for one in mine:
            found = known.get(one.media)
            lease = (one.lease_owner, one.lease_epoch)
            if found is not None and (found.lease_owner, found.lease_epoch) == lease:
                ours[one.media] = found
        self.tally.busy += len(mine) - len(ours)
        return ours

    def end_all(self, connection: Connection, ends: Iterable[End]) -> None:
        """Puts tasks down that are still ours; what was found lost is closed by its new owner."""
        now = self._context.now()
        put, closed = [], []
        for one in ends:
            said = one.end
            task = (
                self._failed(one.task, said, one.key, now)
                if isinstance(said, Failed)
                else one.task.put_down(said, one.reason, key=one.key)
            )
            outcome = Outcome.FAILED if isinstance(said, Failed) else Outcome.DONE
            put.append(task)
            closed.append(_closed(one.attempt, now, outcome, task.reason))
            self.tally.count(task)
        work.save(connection, put, now)
        attempts.close_all(connection, closed)

    def end(
        self, connection: Connection, held: Task, attempt: Attempt, end: Work | Failed, key: str
    ) -> Task:
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
        return put

    def _failed(self, task: Task, failed: Failed, key: str, now: datetime) -> Task:
        terms = self._terms
        state = terms.fate(failed.reason, task.attempts)
        if state is Work.BLOCKED:
            # What it needs went away under it: that attempt is given back.
            reason = terms.blocking(failed.reason)
            return task.put_down(state, reason, attempts=task.attempts - 1)
        if failed.reason in terms.spared:
            not_before = now + timedelta(seconds=terms.longest_wait_s)
            left = task.attempts - 1
            return task.put_down(state, failed.reason, attempts=left, not_before=not_before)
        if state is Work.WAITING:
            not_before = now + terms.wait(task.attempts)
            return task.put_down(state, failed.reason, not_before=not_before)
        return task.put_down(state, failed.reason, key=key)

    def _load(self, connection: Connection, task: str, media: MediaKey, now: datetime) -> Task:
        found = work.load(connection, task, [media]).get(media)
        return found or Task(media, task, created=now, updated=now)


def _closed(attempt: Attempt, now: datetime, outcome: Outcome, reason: Reason | None) -> Attempt:
    return replace(attempt, ended=now, outcome=outcome, reason=reason)
