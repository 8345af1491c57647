"""The ladder for one file, outside of any store: clean, verify, and one level down if need be."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from supervisor_assets.cli import clean_child
from supervisor_assets.cli.say import Bar
from supervisor_core.cleaning.job import CleanReport, Job, Level, VerifyReport
from supervisor_core.cleaning.limits import clean_limit_s, verify_limit_s
from supervisor_core.deadline import Worker
from supervisor_core.media.info import MediaInfo
from supervisor_core.pipeline.falls import stays
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings

T = TypeVar("T")

_DOING = {
    Level.FRAME_LEVEL: "Looking at every frame",
    Level.ROI_MASK: "Masking all but the device's picture",
}


@dataclass(frozen=True)
class Attempt:
    """One level's outcome; `reason` is None when its file is proven clean."""

    level: Level
    step: str
    reason: Reason | None
    seconds: float


@dataclass(frozen=True)
class Climbed:
    """How far it came: the reports belong to the last level whose file was finished."""

    attempts: list[Attempt] = field(default_factory=list)
    cleaned: CleanReport | None = None
    proof: VerifyReport | None = None

    @property
    def verified(self) -> bool:
        """True when the file that lies at the job's destination is proven clean."""
        return bool(self.attempts) and self.attempts[-1].reason is None

    @property
    def reason(self) -> Reason | None:
        """Why the last level above did not succeed."""
        reasons = [attempt.reason for attempt in self.attempts if attempt.reason]
        return reasons[-1] if reasons else None


class Climb:
    """Takes one job down the ladder until a level's file is proven clean."""

    def __init__(self, worker: Worker, settings: Settings, scratch: Path, bar: Bar) -> None:
        self._worker, self._settings, self._scratch, self._bar = worker, settings, scratch, bar

    def run(self, job: Job, info: MediaInfo) -> Climbed:
        """Raises `Failed` only when the machine or the installation is at fault."""
        climbed = Climbed()
        for level in Level:
            climbed = self._try(climbed, replace(job, level=level), info)
            # A file that could not be read again in time is not made worse and read once more.
            if climbed.verified or climbed.reason is Reason.VERIFICATION_TIMEOUT:
                break
        return climbed

    def _try(self, climbed: Climbed, job: Job, info: MediaInfo) -> Climbed:
        started, step = time.monotonic(), "mask"
        reason: Reason | None
        try:
            climbed = replace(climbed, cleaned=self._clean(job, info))
            step = "verify"
            climbed = replace(climbed, proof=self._verify(job, info, climbed.cleaned))
            reason = climbed.proof.reason if climbed.proof else None
        except Failed as failed:
            if stays(failed.reason):
                raise
            timeout = step == "verify" and failed.reason is Reason.TIMEOUT
            reason = Reason.VERIFICATION_TIMEOUT if timeout else failed.reason
        attempt = Attempt(job.level, step, reason, time.monotonic() - started)
        return replace(climbed, attempts=[*climbed.attempts, attempt])

    def _clean(self, job: Job, info: MediaInfo) -> CleanReport:
        self._bar.step(_DOING[job.level])
        limit_s = clean_limit_s(info, job.level, self._settings)
        return self._call(clean_child.clean, job, limit_s=limit_s)

    def _verify(self, job: Job, info: MediaInfo, report: CleanReport | None) -> VerifyReport:
        self._bar.step("Reading the finished file again")
        limit_s = verify_limit_s(info, self._settings)
        return self._call(clean_child.verify, job, report, limit_s=limit_s)

    def _call(self, function: Callable[..., T], *args: object, limit_s: float) -> T:
        return self._worker.call(
            function, *args, limit_s=limit_s, scratch=[self._scratch], on_progress=self._bar
        )
