"""The enrichment of an intake in one mode: of each file that passed the gate and wants it.

Items are taken, asked about and put down in batches: a batch is about a second of work, so that a
model that answers at once is not kept waiting by the store, and a run that is killed has few in
hand. Each item has its own attempt, its own end and its own reason.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from supervisor_core.enrichment.modes import Asks, mode_named, question_of
from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.model.together import Sight
from supervisor_core.pipeline.asking import AWAY, frames_limit_s, model_health, paused
from supervisor_core.pipeline.context import Context, item_progress
from supervisor_core.pipeline.enrich_asking import Questioning, Said
from supervisor_core.pipeline.enrich_batches import Batch, Batches, claim_of, readable_now
from supervisor_core.pipeline.enrich_hints import Hinting
from supervisor_core.pipeline.enrich_recipes import model_of, recipe_in
from supervisor_core.pipeline.enrich_results import Results
from supervisor_core.pipeline.enrich_subjects import Subject, key_of, subjects_of
from supervisor_core.pipeline.tasks import End, TaskReport, Tasks, Terms
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Work
from supervisor_core.store import (
    analyses,
    enrichments,
    work,
)
from supervisor_core.store.attempts import Step
from supervisor_core.store.gate import Readable

BATCH_MOST = 64
_LONGEST_WAIT_S = 30.0
_QUICK_S, _SLOW_S = 1.0, 8.0
_PLACE_TRIES = 20
_PLACE_WAIT_S = 0.5
_SPARE_S = 60.0


@dataclass(frozen=True)
class Order:
    """What one call is to do: only some media, so many at a time, at most so many, so long.

    0 stands for no limit, and for batches that follow how long answers take.
    """

    media: frozenset[str] = frozenset()
    batch: int = 0
    limit: int = 0
    minutes: float = 0.0
    force: bool = False


@dataclass(frozen=True)
class EnrichReport(TaskReport):
    """What became of an intake's items in one mode; `left` were not begun, for want of time."""

    mode: str = ""
    done: int = 0
    degraded: int = 0
    abstained: int = 0
    skipped: int = 0
    measured: int = 0
    left: int = 0

    @property
    def results(self) -> int:
        """How many results were made."""
        return self.done + self.degraded + self.abstained


def enrich(context: Context, intake: IntakeKey, mode: str, order: Order) -> EnrichReport:
    """Enriches what passed the gate in one mode; see `Pipeline.enrich`."""
    step = _Enriching(context, intake, mode, order)
    step.run()
    return step.report()


def block(context: Context, intakes: Iterable[IntakeKey], mode: str, reason: Reason) -> int:
    """Writes on what waits in these intakes why the model can't be asked; returns how many."""
    return sum(_Enriching(context, one, mode, Order()).hold_back(reason) for one in intakes)


def terms_of(context: Context) -> Terms:
    """On what terms items are tried."""
    return Terms(
        context.settings.enrich_tries,
        _LONGEST_WAIT_S,
        away=AWAY,
        shown=Reason.BLOCKED_BY_OLLAMA,
        again=frozenset({Reason.CANCELLED, Reason.FILE_CHANGED, Reason.NOT_VERIFIED}),
        spared=frozenset({Reason.DISK_FULL}),
    )


@dataclass
class _Enriching:
    """One call of the step."""

    context: Context
    intake: IntakeKey
    name: str
    order: Order
    left: int = 0
    measured: int = 0
    digest: str = ""
    read: datetime | None = None
    tasks: Tasks = field(init=False)

    def __post_init__(self) -> None:
        context = self.context
        self.mode = mode_named(self.name)
        folder = context.settings.enrichments_folder or context.home.root / "enrichments"
        self.question = question_of(self.mode, folder)
        self.model = model_of(context, self.name)
        self.recipe = recipe_in(context, self.name)
        self.tasks = Tasks(context, Step.ENRICH, self.intake, terms_of(context))
        self.asking = Questioning(context, self.mode, self.question, self.model)
        self.batches = Batches(context, self.mode, self.model, self.tasks)

    def run(self) -> None:
        subjects, self.read = subjects_of(self.context, self.intake, self.mode, self.order.media)
        if self.order.force:
            self._reopen(subjects)
            subjects, self.read = subjects_of(
                self.context, self.intake, self.mode, self.order.media
            )
        early = [one for one in subjects if one.open and self.mode.waits]
        self._block(early, Reason.INPUTS_OPEN)
        ready = [one for one in subjects if not one.open or not self.mode.waits]
        if not ready:
            return
        if (stopped := paused(self.context, self.mode.task)) is not None:
            self._block(ready, stopped)
            return
        if self.mode.asks is Asks.NOTHING:
            Hinting(self.context, self.tasks, self.results(), self.recipe).run(ready, self.order)
            return
        self._with_model(ready)

    def results(self) -> Results:
        """Makes rows for the store."""
        return Results(self.context, self.mode, self.question, self.recipe, self.model, self._read)

    @property
    def _read(self) -> datetime:
        return self.read or self.context.now()

    def hold_back(self, reason: Reason) -> int:
        """Blocks all that waits for the model; those that wait for other modes say that."""
        subjects, self.read = subjects_of(self.context, self.intake, self.mode)
        early = [one for one in subjects if one.open and self.mode.waits]
        self._block(early, Reason.INPUTS_OPEN)
        return self._block([one for one in subjects if one not in early], reason)

    def report(self) -> EnrichReport:
        """The counts so far."""
        tally = self.tasks.tally
        made = tally.report(
            EnrichReport,
            self.intake,
            done=tally.ended[Work.DONE],
            degraded=tally.ended[Work.DEGRADED],
            abstained=tally.ended[Work.ABSTAINED],
            skipped=tally.skipped,
            measured=self.measured,
            left=self.left,
        )
        return replace(made, mode=self.name)

    def _with_model(self, ready: Sequence[Subject]) -> None:
        empty = [one for one in ready if one.why_nothing(self.mode) is not None]
        self._abstain(empty)
        asked = [one for one in ready if one.why_nothing(self.mode) is None]
        if not asked:
            return
        health = model_health(self.context, self.model)
        if health.reason is not None:
            self._measure(asked)
            self._block(asked, health.reason)
            return
        self.digest = health.digest
        self._work([(one, *self._keys(one)) for one in asked])

    def _keys(self, subject: Subject) -> tuple[str, str]:
        basis = subject.basis(self.mode)
        return basis, key_of(basis, self.recipe, self.digest)

    def _work(self, wanted: Sequence[tuple[Subject, str, str]]) -> None:
        """Takes, asks and puts down, a batch at a time, until all is done or the order's over."""
        pending = self._beginning(wanted)
        started_s, size, tries = time.monotonic(), self.batches.first_size(), 0
        total = len(pending)
        while pending:
            if self.order.minutes and time.monotonic() - started_s >= 60 * self.order.minutes:
                self.left += len(pending)
                return
            batch_s = time.monotonic()
            batch = self.batches.take(pending[: self.order.batch or size])
            if isinstance(batch, Reason):
                if batch is not Reason.PAUSED:
                    self._measure([subject for subject, _, _ in pending])
                self._block([subject for subject, _, _ in pending], batch)
                return
            if batch.places == 0:
                tries += 1
                if tries >= _PLACE_TRIES:
                    self.left += len(pending)
                    return
                self.context.tools.sleep(_PLACE_WAIT_S)
                continue
            tries = 0
            pending = pending[1 if self.batches.trial else self.order.batch or size :]
            self._ask(batch)
            self._progress(total - len(pending), total)
            size = _next_size(size, time.monotonic() - batch_s, batch.places)

    def _beginning(
        self, wanted: Sequence[tuple[Subject, str, str]]
    ) -> list[tuple[Subject, str, str]]:
        """Those that have not ended on this very key, at most as many as were ordered."""
        open_: list[tuple[Subject, str, str]] = []
        same: list[tuple[Subject, str, str]] = []
        for one in wanted:
            task = one[0].task
            (open_ if task is None or task.may_begin(one[2]) else same).append(one)
        self._skip([subject for subject, _, _ in same])
        if self.order.limit and len(open_) > self.order.limit:
            self.left += len(open_) - self.order.limit
            return open_[: self.order.limit]
        return open_

    def _skip(self, same: Sequence[Subject]) -> None:
        self.tasks.tally.skipped += len(same)
        media = [one.media for one in same if one.former is not None]
        if media:
            with self.context.store.write() as connection:
                enrichments.touch(connection, self.name, media, self._read)

    def _ask(self, batch: Batch) -> None:
        self.asking.forget()
        said: Mapping[MediaKey, Said]
        started_s = time.monotonic()
        try:
            said = self.asking.ask(batch.claims, batch.places, batch.budget_s)
        except BaseException as error:
            reason = Reason.INTERNAL_ERROR if isinstance(error, Exception) else Reason.CANCELLED
            if isinstance(error, Failed):
                reason = error.reason
            failed = Failed(reason)
            # What nobody has foreseen would happen again: it is not queued anew.
            with suppress(Failed):
                self._end(batch, {one.media: Said(failed=failed) for one in batch.claims}, 0.0)
            raise
        each_s = (time.monotonic() - started_s) / max(1, len(batch.claims))
        self._end(batch, said, each_s)
        stopped = [one.failed for one in said.values() if one.failed is not None]
        for failed in stopped:
            if failed.reason is Reason.CANCELLED:
                raise failed

    def _end(self, batch: Batch, said: Mapping[MediaKey, Said], each_s: float) -> None:
        """Writes what came of a batch, and gives its places back."""
        results = self.results()
        with self.context.store.write() as connection:
            analyses.ask(connection, self.asking.questions)
            self.batches.learn(connection, self.asking)
            ours = self.tasks.still_ours(connection, [one.task for one in batch.claims])
            now = readable_now(connection, ours)
            ends, rows = [], []
            for claim in batch.claims:
                if claim.media not in ours:
                    continue
                tried = replace(claim.attempt, seconds=said[claim.media].seconds or each_s)
                mine = replace(claim, task=ours[claim.media], attempt=tried)
                one = said[claim.media]
                changed = _changed(claim.subject, now.get(claim.media))
                if changed is not None:
                    one = Said(failed=changed)
                row = results.row(mine, one, self.digest) if changed is None else None
                if row is not None:
                    rows.append((row, one))
                end = one.failed or (row.state if row is not None else Work.DONE)
                ends.append(End(mine.task, tried, end, claim.key))
            results.save(connection, rows)
            self.tasks.end_all(connection, ends)

    def _abstain(self, empty: Sequence[Subject]) -> None:
        """Ends those for whom there is nothing to ask about, without asking anybody."""
        wanted = {one.media: (one, *self._keys(one)) for one in empty}
        pending = {media: key for media, (_, _, key) in wanted.items()}
        if not self._beginning(list(wanted.values())):
            return
        results = self.results()
        with self.context.store.write() as connection:
            taken = self.tasks.take_all(
                connection, self.mode.task, pending, self.name, self.context.settings.lease_s
            )
            claims = [claim_of(*wanted[task.media], task, attempt) for task, attempt in taken]
            reasons = {one.media: one.subject.why_nothing(self.mode) for one in claims}
            rows = [(results.nothing(one, reasons[one.media]), Said()) for one in claims]
            results.save(connection, rows)
            self.tasks.end_all(
                connection,
                [
                    End(one.task, one.attempt, Work.ABSTAINED, one.key, reasons[one.media])
                    for one in claims
                ],
            )

    def _measure(self, subjects: Sequence[Subject]) -> None:
        """While no model can be asked, says what can be said of a picture without one."""
        if self.name != "quality":
            return
        new = [
            one
            for one in subjects
            if one.former is None or one.former.output != one.readable.sha256
        ]
        results = self.results()
        for start in range(0, len(new), BATCH_MOST):
            seen = list(self._sights(new[start : start + BATCH_MOST]))
            group, settings = [one for one, _ in seen], self.context.settings
            replies = self.context.worker.call(
                self.context.tools.inspect,
                self.asking.terms(frozenset(), settings.model_total_s),
                [sight for _, sight in seen],
                limit_s=sum(frames_limit_s(settings, one.seconds) for one in group),
            )
            rows = [
                (results.measured(one, reply, self._keys(one)), Said())
                for one, reply in zip(group, replies, strict=True)
                if reply.measured is not None
            ]
            with self.context.store.write() as connection:
                now = readable_now(connection, [one.media for one in group])
                kept = [one for one in rows if _stands(one[0].media, one[0].output, now)]
                results.save(connection, kept)
            self.measured += len(kept)

    def _sights(self, subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Sight]]:
        for one in subjects:
            with suppress(Failed):  # why it can't be read is told when it is asked about
                yield one, self.asking.sight(one)

    def _block(self, subjects: Sequence[Subject], reason: Reason) -> int:
        """Writes why these wait; what says so already is not written again."""
        away = reason is not Reason.INPUTS_OPEN
        shown = terms_of(self.context).blocking(reason) if away else reason
        said = (Work.BLOCKED, shown)
        silent = [
            one for one in subjects if one.task is None or (one.task.state, one.task.reason) != said
        ]
        already = len(subjects) - len(silent)
        if silent:
            before = self.tasks.tally.ended[Work.BLOCKED]
            media = dict.fromkeys(one.media for one in silent)
            self.tasks.hold_back(self.mode.task, media, Work.BLOCKED, shown)
            already += self.tasks.tally.ended[Work.BLOCKED] - before
        for one in subjects:
            if one not in silent and one.task is not None:
                self.tasks.tally.count(one.task)
        return already

    def _reopen(self, subjects: Sequence[Subject]) -> None:
        """Has these done again though they rest on the same, with all their tries."""
        now = self.context.now()
        ended = [one.task for one in subjects if one.task is not None and one.task.ended]
        with self.context.store.write() as connection:
            work.save(connection, [one.reopened() for one in ended], now)

    def _progress(self, done: int, total: int) -> None:
        tell = item_progress(self.context.on_progress, 0, 1)
        if tell is not None:
            tell(done, total)


def _changed(subject: Subject, now: Readable | None) -> Failed | None:
    if now is None:
        return Failed(Reason.NOT_VERIFIED)
    return None if now.sha256 == subject.readable.sha256 else Failed(Reason.FILE_CHANGED)


def _stands(media: MediaKey, output: str, now: Mapping[MediaKey, Readable]) -> bool:
    return media in now and now[media].sha256 == output


def _next_size(size: int, seconds: float, places: int) -> int:
    """About a second's work at a time: no more in hand than is soon done."""
    if seconds < _QUICK_S:
        return min(2 * size, BATCH_MOST)
    return max(places, size // 2) if seconds > _SLOW_S else max(places, size)
