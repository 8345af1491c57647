"""Reads finished files again. Only what is proven clean gets into the tree of cleaned files."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from supervisor_core.cleaning.job import VerifyReport
from supervisor_core.keys import IntakeKey
from supervisor_core.media.files import publish
from supervisor_core.pipeline import places
from supervisor_core.pipeline.batches import Batch, Claim, Result, Work
from supervisor_core.pipeline.claims import fall
from supervisor_core.pipeline.context import Context, Progress
from supervisor_core.pipeline.falls import stays
from supervisor_core.pipeline.masking import job_for, parse_report
from supervisor_core.pipeline.reports import StepReport
from supervisor_core.pipeline.rules import Profiles
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Cleaning, Verification
from supervisor_core.store import Connection, leases, outputs
from supervisor_core.store import media as media_table
from supervisor_core.store.attempts import Attempt, Step
from supervisor_core.store.media import Media
from supervisor_core.store.outputs import Output


class NotVerified(Failed):
    """The file was read again and is not what it must be; the report says what was found."""

    def __init__(self, reason: Reason, report: VerifyReport) -> None:
        super().__init__(reason, residual_regions=report.residual_regions)
        self.report = report


class OutputLost(Failed):
    """The finished file is gone or is not the one that was written: it is to be made again."""

    def __init__(self) -> None:
        super().__init__(Reason.FILE_CHANGED)


def verify(context: Context, intake: IntakeKey, level: Cleaning) -> StepReport:
    """Verifies what was cleaned at this level; see `Pipeline.verify`."""
    batch = Batch(context, intake, level, _Verifying(context, level))
    profiles = Profiles(context.profiles_folder())
    with context.store.write() as connection:
        members = media_table.of_intake(connection, intake)
        finished = [one for one in members if _is_finished(one, level)]
        claims = _claim(connection, context, finished, profiles)
        batch.open(connection, claims)
    tally = batch.run()
    return StepReport(
        intake=intake,
        step=Step.VERIFY,
        level=level,
        done=tally.done,
        skipped=len(members) - len(finished),
        below=tally.below,
        busy=len(finished) - len(claims),
        failed=dict(tally.failed),
        waiting=dict(tally.waiting),
    )


def _is_finished(media: Media, level: Cleaning) -> bool:
    return media.cleaning is level and media.verification is Verification.NONE


def _claim(
    connection: Connection, context: Context, finished: Sequence[Media], profiles: Profiles
) -> list[Claim]:
    now = context.now()
    held = leases.acquire(connection, finished, context.owner, now, context.lease_end())
    keys = [media.media for media in held]
    came_in = media_table.profiles_of(connection, keys)
    files = outputs.current(connection, keys)
    return [
        Claim(media, profiles.rules(came_in[media.media]), files.get(media.media)) for media in held
    ]


class _Verifying(Work[VerifyReport]):
    step = Step.VERIFY

    def __init__(self, context: Context, level: Cleaning) -> None:
        self._context = context
        self._level = level

    def do(
        self,
        claim: Claim,
        attempt: Attempt,  # noqa: ARG002
        on_progress: Progress | None,
    ) -> VerifyReport:
        output = claim.output
        if output is None:
            raise OutputLost
        report = self._read_again(claim, output, self._find(output), on_progress)
        if report.sha256 != output.sha256:
            raise OutputLost
        if report.reason is not None:
            raise NotVerified(report.reason, report)
        return report

    def _read_again(
        self, claim: Claim, output: Output, path: Path, on_progress: Progress | None
    ) -> VerifyReport:
        context, tools = self._context, self._context.tools
        job = job_for(context, claim, self._level, path)
        limit_s = tools.verify_limit_s(claim.media.info, context.settings)
        report = parse_report(output.report)
        try:
            return context.worker.call(
                tools.verify, job, report, limit_s=limit_s, on_progress=on_progress
            )
        except Failed as failed:
            if failed.reason is Reason.TIMEOUT:
                raise Failed(Reason.VERIFICATION_TIMEOUT, limit_s=limit_s) from None
            raise

    def _find(self, output: Output) -> Path:
        """The finished file: where its row says, or already published by a run that died then."""
        staged = self._context.home.absolute(output.path or "")
        for path in (staged, places.cleaned(self._context.home, output.sha256, output.kind)):
            if path.is_file():
                return path
        raise OutputLost

    def write(
        self, connection: Connection, results: Sequence[tuple[Media, Result[VerifyReport]]]
    ) -> list[Media]:
        now = self._context.now()
        states, written = [], []
        for media, result in results:
            output = result.claim.output
            if output is not None and not _passes(result):
                written.append(self._output(output, result, now))
            states.append(self._state(media, result))
        outputs.save(connection, written)
        return states

    def _output(self, output: Output, result: Result[VerifyReport], now: datetime) -> Output:
        value = result.value
        if isinstance(value, VerifyReport):
            path = self._show(output)
            return replace(_told(output, value), path=path, verified_at=now)
        if isinstance(value, NotVerified):
            return replace(_told(output, value.report), current=False)
        return replace(output, verify_reason=value.reason, current=False)

    def _show(self, output: Output) -> str:
        """Gives the proven file its place in the cleaned tree, where others may read it."""
        home = self._context.home
        path = places.cleaned(home, output.sha256, output.kind)
        places.make_public(path.parent)
        found = self._find(output)
        if found != path:
            found.chmod(places.PUBLIC_FILE)
            publish(found, path)
            places.remove_folder(found.parent)
        return home.relative(path)

    def _state(self, media: Media, result: Result[VerifyReport]) -> Media:
        reason = result.reason
        if reason is None:
            path = places.fetch_back(self._context.home, media)
            return media.step(verification=Verification.VERIFIED, raw_path=path)
        if isinstance(result.value, OutputLost):
            return media.step(cleaning=Cleaning.WAITING, next_level=self._level)
        if stays(reason):
            return media
        if reason is Reason.VERIFICATION_TIMEOUT:
            return media.step(
                cleaning=Cleaning.WAITING,
                next_level=Cleaning.RAW_ASIDE,
                verification=Verification.TIMEOUT,
                reason=reason,
            )
        return fall(media, self._level, reason).step(verification=Verification.RESIDUAL)


def _passes(result: Result[VerifyReport]) -> bool:
    """True when the output is to be looked at again as it is."""
    lost = isinstance(result.value, OutputLost)
    return result.reason is not None and stays(result.reason) and not lost


def _told(output: Output, report: VerifyReport) -> Output:
    return replace(
        output,
        verified_frames=report.frames,
        residual_regions=report.residual_regions,
        frames_match=report.frames_match,
        stray_metadata=report.stray_metadata,
        verify_seconds=report.seconds,
        verify_reason=report.reason,
    )
