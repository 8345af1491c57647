"""Works through the media of an intake one by one, and writes what came of them in groups.

A video is one transaction to begin and one to end; 256 stills are about ten of each. Every item has
its own lease, attempt and limit; one that fails does not stop the others. Before anything of an
item is written, its lease is looked at again in the same transaction.
"""

import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic, TypeVar

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.pipeline.context import Context, Progress, item_progress
from supervisor_core.pipeline.falls import STOPPING, count_below, stays
from supervisor_core.pipeline.former import discard_former
from supervisor_core.pipeline.heartbeat import Heartbeat
from supervisor_core.pipeline.places import attempt_folder, failed_from, remove_folder
from supervisor_core.pipeline.rules import Rules
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Cleaning
from supervisor_core.store import Connection, attempts, leases, outputs
from supervisor_core.store import media as media_table
from supervisor_core.store.attempts import Attempt, Outcome, Step
from supervisor_core.store.media import Media
from supervisor_core.store.outputs import Output

GROUP = 32
GROUP_S = 2.0

T = TypeVar("T")


@dataclass(frozen=True)
class Claim:
    """A media that this run holds, as it was when it was claimed."""

    media: Media
    rules: Rules
    output: Output | None = None


@dataclass(frozen=True)
class Result(Generic[T]):
    """What came of one claim: a value, or why there is none."""

    claim: Claim
    attempt: Attempt
    value: T | Failed

    @property
    def reason(self) -> Reason | None:
        """Why there is no value."""
        return self.value.reason if isinstance(self.value, Failed) else None


@dataclass
class Tally:
    """Counts for the report; `below` wait for a lower level now, whenever they fell."""

    done: int = 0
    below: int = 0
    failed: Counter[Reason] = field(default_factory=Counter)
    waiting: Counter[Reason] = field(default_factory=Counter)


class Work(ABC, Generic[T]):
    """What a step does with one claim, and how it is written; each step has its own."""

    step: Step

    @abstractmethod
    def do(self, claim: Claim, attempt: Attempt, on_progress: Progress | None) -> T:
        """The work itself, outside of any transaction; raises `Failed`."""

    def before(self, results: Sequence[Result[T]]) -> None:
        """What must be kept before the results count; raises `Failed` when it can't be."""

    @abstractmethod
    def write(
        self, connection: Connection, results: Sequence[tuple[Media, Result[T]]]
    ) -> Sequence[Media]:
        """Writes results and returns the new states of their media, leases still held."""


class Batch(Generic[T]):
    """Works through claims that were made in one transaction."""

    def __init__(
        self, context: Context, intake: IntakeKey, level: Cleaning | None, work: Work[T]
    ) -> None:
        self.tally = Tally()
        self._context = context
        self._intake = intake
        self._level = level
        self._work = work
        self._waiting: deque[Claim] = deque()
        self._opened: deque[tuple[Claim, Attempt]] = deque()
        self._results: list[Result[T]] = []
        self._epochs: dict[str, int] = {}
        self._written: list[MediaKey] = []
        self._stop: Failed | None = None

    def open(self, connection: Connection, claims: Sequence[Claim]) -> None:
        """Opens the first attempts, in the transaction that made the claims."""
        self._waiting.extend(claims)
        self._epochs = {claim.media.media: claim.media.lease_epoch for claim in claims}
        self._open_next(connection)

    def run(self) -> Tally:
        """Works until nothing is left; raises `Failed` only when the installation is at fault."""
        count = len(self._waiting) + len(self._opened)
        if count:
            self._work_through(count)
        self._tidy_up()
        if self._stop is not None:
            raise self._stop
        return self.tally

    def _work_through(self, count: int) -> None:
        with Heartbeat(self._context, self._epochs):
            flushed_s = time.monotonic()
            for index in range(count):
                claim, attempt = self._opened.popleft()
                self._results.append(self._try(claim, attempt, index, count))
                late = time.monotonic() - flushed_s >= GROUP_S
                if late or not self._opened:
                    self._flush()
                    flushed_s = time.monotonic()

    def _tidy_up(self) -> None:
        """Counts what is left for lower levels and lets go of what counts no more, in one look."""
        if self._level is None:
            return
        with self._context.store.read() as connection:
            members = media_table.of_intake(connection, self._intake)
            former = outputs.former(connection, self._written) if self._written else []
        self.tally.below = count_below(members, self._level)
        if former:
            discard_former(self._context, self._written)

    def _try(self, claim: Claim, attempt: Attempt, index: int, count: int) -> Result[T]:
        progress = item_progress(self._context.on_progress, index, count)
        started_s = time.monotonic()
        value: T | Failed
        try:
            value = self._stop or self._work.do(claim, attempt, progress)
        except Failed as failed:
            value = failed
        except OSError as error:
            value = failed_from(error)
        if isinstance(value, Failed) and value.reason in STOPPING:
            self._stop = value
        if progress:
            progress(1, 1)
        return Result(claim, replace(attempt, seconds=time.monotonic() - started_s), value)

    def _flush(self) -> None:
        results = self._kept(self._results)
        with self._context.store.write() as connection:
            known = media_table.load(connection, [one.claim.media.media for one in results])
            ours, lost = self._split(results, known)
            states = [state.release() for state in self._work.write(connection, ours)]
            now = self._context.now()
            media_table.save(connection, states, now)
            written = [result for _, result in ours]
            attempts.close_all(connection, [_closed(one, now) for one in written + lost])
            for result in results:
                self._epochs.pop(result.claim.media.media, None)
            self._open_next(connection)
        self._count(written + lost)
        self._written += [result.claim.media.media for result in written]
        for result in written + lost:
            self._tidy(result)
        self._results = []

    def _kept(self, results: list[Result[T]]) -> list[Result[T]]:
        """The results, or failures in their place when what belongs to them can't be kept."""
        try:
            self._work.before([result for result in results if result.reason is None])
        except Failed as failed:
            if failed.reason in STOPPING:
                self._stop = failed
            return [
                result if result.reason else replace(result, value=failed) for result in results
            ]
        return results

    def _split(
        self, results: list[Result[T]], known: dict[MediaKey, Media]
    ) -> tuple[list[tuple[Media, Result[T]]], list[Result[T]]]:
        """Results that still count, with the present state of their media, and those that don't."""
        ours, lost = [], []
        for result in results:
            claimed = result.claim.media
            media = known.get(claimed.media)
            if media and leases.is_ours(media, self._context.owner, claimed.lease_epoch):
                ours.append((media, result))
            else:
                lost.append(replace(result, value=Failed(Reason.LEASE_LOST)))
        return ours, lost

    def _count(self, results: Sequence[Result[T]]) -> None:
        for result in results:
            reason = result.reason
            if reason is None:
                self.tally.done += 1
            elif stays(reason):
                self.tally.waiting[reason] += 1
            else:
                self.tally.failed[reason] += 1

    def _open_next(self, connection: Connection) -> None:
        new = []
        while self._waiting and len(self._opened) < GROUP:
            claim = self._waiting.popleft()
            new.append(self._attempt(claim))
            self._opened.append((claim, new[-1]))
        attempts.open_all(connection, new)

    def _attempt(self, claim: Claim) -> Attempt:
        return Attempt(
            step=self._work.step,
            owner=self._context.owner,
            started=self._context.now(),
            intake=self._intake,
            media=claim.media.media,
            level=self._level,
            epoch=claim.media.lease_epoch,
        )

    def _tidy(self, result: Result[T]) -> None:
        """Removes the attempt's folder unless its file is to be read again."""
        if result.reason is not None or self._work.step is not Step.MASK:
            remove_folder(attempt_folder(self._context.home, result.attempt.id))


def _closed(result: Result[T], now: datetime) -> Attempt:
    outcome = Outcome.FAILED if result.reason else Outcome.DONE
    return replace(result.attempt, ended=now, outcome=outcome, reason=result.reason)
