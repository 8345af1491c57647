"""The analyses of an intake: of each file that passed the gate, under its profile's question."""

import json
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from supervisor_core.keys import IntakeKey
from supervisor_core.model.health import Health, State
from supervisor_core.pipeline.asking import (
    AWAY,
    Asking,
    Said,
    key_of,
    longest_s,
    model_health,
    model_rests,
    paused,
)
from supervisor_core.pipeline.context import Context, Progress, item_progress
from supervisor_core.pipeline.places import attempt_folder, failed_from, remove_folder
from supervisor_core.pipeline.subjects import Subject, subjects_of, wanted_of
from supervisor_core.pipeline.tasks import TaskReport, Tasks, Terms
from supervisor_core.reasons import Class, Failed, Reason
from supervisor_core.states import Work
from supervisor_core.store import Connection, analyses, gate, work
from supervisor_core.store.analyses import Analysis
from supervisor_core.store.attempts import Attempt, Step
from supervisor_core.store.work import Task

_LONGEST_WAIT_S = 30.0


@dataclass(frozen=True)
class AnalysisReport(TaskReport):
    """What became of an intake's analyses; `skipped` had ended before and rest on the same."""

    done: int = 0
    degraded: int = 0
    abstained: int = 0
    skipped: int = 0

    @property
    def results(self) -> int:
        """How many results were made."""
        return self.done + self.degraded + self.abstained


def analyse(context: Context, intake: IntakeKey) -> AnalysisReport:
    """Analyses what passed the gate; see `Pipeline.analyse`."""
    step = _Analysing(context, intake)
    try:
        subjects = subjects_of(context, intake)
    except Failed as failed:
        # Without this it would look as if it waited for the model, and be started for ever.
        if failed.reason.class_ is Class.CONFIG:
            with suppress(Failed):
                block(context, [intake], failed.reason)
        raise
    step.run(subjects)
    return step.report()


def block(context: Context, intakes: Iterable[IntakeKey], reason: Reason) -> int:
    """Writes on all that waits in these intakes why the model can't be asked; returns how many."""
    return sum(_block(context, intake, reason) for intake in intakes)


def _block(context: Context, intake: IntakeKey, reason: Reason) -> int:
    """The same for one intake; what says so already is not written again."""
    terms = _terms(context)
    task, media = wanted_of(context, intake)
    with context.store.read() as connection:
        known = work.load(connection, task, media)
    said = (Work.BLOCKED, terms.blocking(reason))
    silent = [one for one in media if one not in known or _says(known[one]) != said]
    if not silent:
        return len(media)
    tasks = Tasks(context, Step.ANALYSE, intake, terms)
    tasks.block(task, silent, reason)
    return len(media) - len(silent) + tasks.tally.ended[Work.BLOCKED]


def _says(task: Task) -> tuple[Work, Reason | None]:
    return task.state, task.reason


def _terms(context: Context) -> Terms:
    return Terms(
        context.settings.analysis_tries,
        _LONGEST_WAIT_S,
        away=AWAY,
        shown=Reason.BLOCKED_BY_OLLAMA,
        again=frozenset({Reason.CANCELLED, Reason.FILE_CHANGED, Reason.NOT_VERIFIED}),
        spared=frozenset({Reason.DISK_FULL}),
    )


class _Analysing:
    """One call of the step."""

    def __init__(self, context: Context, intake: IntakeKey) -> None:
        self._context = context
        self._intake = intake
        self._tasks = Tasks(context, Step.ANALYSE, intake, _terms(context))
        self._asking = Asking(context)

    def run(self, subjects: Sequence[Subject]) -> None:
        if not subjects:
            return
        health = self._health(subjects[0].task)
        if health.reason is not None:
            self._tasks.block(subjects[0].task, [one.media for one in subjects], health.reason)
            return
        for index, subject in enumerate(subjects):
            # Frames are not chosen for nothing: that takes longer than all else.
            if (resting := self._rests(subject.task)) is not None:
                self._tasks.block(subject.task, [subject.media], resting)
                continue
            progress = item_progress(self._context.on_progress, index, len(subjects))
            key = key_of(self._context.settings, subject, health.digest)
            limit_s = longest_s(self._context.settings, subject)
            claim = self._tasks.take(
                subject.task, subject.media, key, subject.profile.name, limit_s
            )
            if claim is not None:
                self._one(subject, *claim, key, progress)

    def _health(self, task: str) -> Health:
        """How the model server is; what is paused is not even looked at."""
        stopped = paused(self._context, task)
        return Health(State.UNUSABLE, stopped) if stopped else model_health(self._context)

    def _rests(self, task: str) -> Reason | None:
        return paused(self._context, task) or model_rests(self._context)

    def report(self) -> AnalysisReport:
        """The counts so far."""
        tally = self._tasks.tally
        return tally.report(
            AnalysisReport,
            self._intake,
            done=tally.ended[Work.DONE],
            degraded=tally.ended[Work.DEGRADED],
            abstained=tally.ended[Work.ABSTAINED],
            skipped=tally.skipped,
        )

    def _one(
        self, subject: Subject, held: Task, attempt: Attempt, key: str, progress: Progress | None
    ) -> None:
        started_s = time.monotonic()
        said: Said | Failed
        try:
            said = self._asking.analyse(subject, attempt, progress)
        except Failed as failed:
            said = failed
        except OSError as error:
            said = failed_from(error)
        except BaseException as error:
            # What nobody has foreseen would happen again: it is not queued anew.
            ours = isinstance(error, Exception)
            reason = Reason.INTERNAL_ERROR if ours else Reason.CANCELLED
            self._end(subject, held, attempt, Failed(reason), key)
            raise
        tried = replace(attempt, seconds=time.monotonic() - started_s)
        self._end(subject, held, tried, said, key)
        if isinstance(said, Failed) and said.reason is Reason.CANCELLED:
            raise said

    def _end(
        self, subject: Subject, held: Task, attempt: Attempt, said: Said | Failed, key: str
    ) -> None:
        """Writes how it ended, and the questions that were sent for it."""
        try:
            with self._context.store.write() as connection:
                analyses.ask(connection, self._asking.questions)
                end = self._result(connection, subject, attempt, said, key)
                self._tasks.end(connection, held, attempt, end, key)
        except Failed as failed:
            if failed.reason is not Reason.LEASE_LOST:
                raise
            self._tasks.tally.busy += 1
        finally:
            remove_folder(attempt_folder(self._context.home, attempt.id))

    def _result(
        self,
        connection: Connection,
        subject: Subject,
        attempt: Attempt,
        said: Said | Failed,
        key: str,
    ) -> Work | Failed:
        """Writes a result, unless the file it rests on may no longer be shown.

        Then nothing else that went wrong is to be blamed: the file may have gone while it was read.
        """
        try:
            now = gate.require_verified(connection, subject.media)
        except Failed as failed:
            return failed
        if now.sha256 != subject.readable.sha256:
            return Failed(Reason.FILE_CHANGED)
        if isinstance(said, Failed):
            return said
        analyses.save(connection, self._analysis(subject, attempt, said, key))
        return said.judged.state

    def _analysis(self, subject: Subject, attempt: Attempt, said: Said, key: str) -> Analysis:
        frames = [
            {"number": number, "index": one.index, "time_s": one.time_s, "sha256": one.sha256}
            for number, one in enumerate(said.chosen.frames, 1)
        ]
        return Analysis(
            key=key,
            media=subject.media,
            output=subject.readable.sha256,
            profile=subject.profile.name,
            prompt_hash=subject.profile.prompt_hash,
            model=self._context.settings.model,
            model_digest=said.answer.digest,
            kind=said.kind.word,
            kind_source=said.kind.source,
            state=said.judged.state,
            result=json.dumps(said.judged.result, ensure_ascii=False),
            frames=json.dumps(frames),
            prompt_tokens=said.answer.prompt_tokens,
            answer_tokens=said.answer.answer_tokens,
            model_seconds=said.answer.total_s,
            seconds=attempt.seconds or 0.0,
            attempt=attempt.id,
            created=self._context.now(),
        )
