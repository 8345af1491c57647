"""One level of the ladder: every item of an intake that waits for it is cleaned at it.

The finished file stays in the attempt's own folder below work/ until it is verified, so that the
tree of cleaned files never holds one that nobody has read again.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from supervisor_core.cleaning.job import CleanReport, Job, Level
from supervisor_core.faults import fault
from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.media.files import require_free
from supervisor_core.media.kinds import Container
from supervisor_core.pipeline import places
from supervisor_core.pipeline.batches import Batch, Claim, Result, Work
from supervisor_core.pipeline.child import Made, Read
from supervisor_core.pipeline.claims import Claims, fall
from supervisor_core.pipeline.context import Context, Progress
from supervisor_core.pipeline.falls import stays
from supervisor_core.pipeline.masked_times import Span, joined
from supervisor_core.pipeline.reports import StepReport
from supervisor_core.pipeline.rules import Profiles
from supervisor_core.pipeline.sweeping import sweep
from supervisor_core.reasons import Reason
from supervisor_core.states import Cleaning, Review
from supervisor_core.store import Connection, decisions, identifiers, outputs
from supervisor_core.store.attempts import Attempt, Step
from supervisor_core.store.identifiers import Identifier
from supervisor_core.store.media import Media
from supervisor_core.store.outputs import Output


def mask(context: Context, intake: IntakeKey, level: Cleaning) -> StepReport:
    """Cleans at this level what waits for it; see `Pipeline.mask`."""
    sweep(context)
    batch = Batch(context, intake, level, _Masking(context, level))
    profiles = Profiles(context.profiles_folder())
    with context.store.write() as connection:
        claims = Claims(connection, context, intake, level)
        batch.open(connection, claims.take(profiles))
    tally = batch.run()
    return StepReport(
        intake=intake,
        step=Step.MASK,
        level=level,
        done=tally.done + claims.not_required,
        skipped=claims.skipped,
        below=tally.below,
        busy=claims.busy,
        failed=dict(tally.failed + claims.fallen),
        waiting=dict(tally.waiting),
    )


class _Masking(Work[Made]):
    step = Step.MASK

    def __init__(self, context: Context, level: Cleaning) -> None:
        self._context = context
        self._level = level

    def do(self, claim: Claim, attempt: Attempt, on_progress: Progress | None) -> Made:
        context, tools = self._context, self._context.tools
        folder = places.attempt_folder(context.home, attempt.id)
        folder.mkdir()
        part = folder / "output.part"
        job = job_for(context, claim, self._level, part)
        require_free(folder, 2 * claim.media.info.size_bytes, context.settings.reserve_bytes)
        limit_s = tools.clean_limit_s(claim.media.info, Level(self._level), context.settings)
        made = context.worker.call(
            tools.clean, job, limit_s=limit_s, scratch=[folder], on_progress=on_progress
        )
        # Should a power cut lose it, verification finds that out and it is made again.
        part.rename(folder / staged_name(attempt.id, made.report.output))
        fault("mask.staged")
        return made

    def before(self, results: Sequence[Result[Made]]) -> None:
        """Keeps what was read in the restricted store, before the output counts."""
        found = [
            read
            for result in results
            if isinstance(result.value, Made)
            for read in _identifiers(result.claim.media.media, result.value)
        ]
        if found:
            with self._context.store.restricted() as connection:
                identifiers.replace_all(connection, found, {one.media for one in found})

    def write(
        self, connection: Connection, results: Sequence[tuple[Media, Result[Made]]]
    ) -> list[Media]:
        now = self._context.now()
        states, made = [], []
        stands = _standing(connection, results)
        for media, result in results:
            review = media.review if media.media in stands else Review.NONE
            states.append(self._state(media, result.reason, review))
            if isinstance(result.value, Made):
                made.append(self._output(result, result.value, now))
        outputs.save(connection, made)
        return states

    def _state(self, media: Media, reason: Reason | None, review: Review) -> Media:
        if reason is None:
            top = self._level is Cleaning.FRAME_LEVEL
            return media.step(
                cleaning=self._level,
                next_level=None,
                review=review,
                reason=None if top else media.reason,
            )
        if stays(reason):
            return media.step(cleaning=Cleaning.WAITING, next_level=self._level, reason=reason)
        return fall(media, self._level, reason)

    def _output(self, result: Result[Made], made: Made, now: datetime) -> Output:
        home, attempt, report = self._context.home, result.attempt.id, made.report
        path = places.attempt_folder(home, attempt) / staged_name(attempt, report.output)
        return Output(
            media=result.claim.media.media,
            policy=result.claim.rules.key,
            code_version=self._context.tools.code_version,
            level=self._level,
            sha256=made.sha256,
            path=home.relative(path),
            kind=report.output.value,
            size_bytes=made.size_bytes,
            width=report.width,
            height=report.height,
            frames=report.frames,
            frames_inspected=report.frames_inspected,
            regions=report.regions,
            coverage=report.coverage,
            seconds=report.seconds,
            report=dump_report(report, joined(_seen(one) for one in made.read)),
            attempt=attempt,
            created=now,
        )


def _standing(
    connection: Connection, results: Sequence[tuple[Media, Result[Made]]]
) -> set[MediaKey]:
    """The media that a person holds back or has rejected, where it is true of the new file too."""
    stopped = {
        media.media: result.value.sha256
        for media, result in results
        if media.review is not Review.NONE and isinstance(result.value, Made)
    }
    return decisions.standing(connection, stopped) if stopped else set()


def job_for(context: Context, claim: Claim, level: Cleaning, destination: Path) -> Job:
    """What cleaning or verifying one media at one level needs to know."""
    home, settings = context.home, context.settings
    return Job(
        source=places.raw_source(home, claim.media),
        destination=destination,
        container=claim.media.info.container,
        level=Level(level),
        mask=claim.rules.mask,
        audio=claim.rules.audio,
        device=claim.rules.device,
        masks=settings.masks_folder or home.root / "masks",
        names=settings.names_file or home.root / "names.txt",
        frames_expected=claim.media.info.frames or 0,
    )


def staged_name(attempt: str, output: Container) -> str:
    """The name of a finished file before it is verified."""
    return f"{attempt}.{output.value}"


def dump_report(report: CleanReport, masked_s: Sequence[Span] = ()) -> str:
    """A cleaning report as JSON, without anything that was read but when it was."""
    values = asdict(report)
    del values["findings"]
    return json.dumps(values | {"masked_s": masked_s})


def _seen(one: Read) -> Span:
    return one.where.first_s, one.where.last_s


def parse_report(text: str) -> CleanReport:
    """The report that `dump_report` wrote."""
    values = json.loads(text)
    values.pop("masked_s", None)
    level, output = Level(values["level"]), _CONTAINERS[values["output"]]
    return CleanReport(**values | {"level": level, "output": output})


_CONTAINERS = {container.value: container for container in Container}


def _identifiers(media: str, made: Made) -> list[Identifier]:
    return [
        Identifier(
            media=media,
            kind=read.kind,
            text=read.text,
            first_s=read.where.first_s,
            last_s=read.where.last_s,
            x=read.where.x,
            y=read.where.y,
            width=read.where.width,
            height=read.where.height,
        )
        for read in made.read
    ]
