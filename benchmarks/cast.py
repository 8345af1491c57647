"""Stands in for everything that looks at pictures, so that only the orchestration is left.

It runs in the same killable child as the real work, and must not import the orchestrator.
"""

import hashlib
from pathlib import Path

from supervisor_core.cleaning.job import CleanReport, Job, Level, VerifyReport
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container
from supervisor_core.media.policy import Profile
from supervisor_core.pipeline.child import Examined, Made
from supervisor_core.pipeline.tools import Tools
from supervisor_core.settings import Settings

LIMIT_S = 30.0


def examine(path: Path, name: str, profile: Profile) -> Examined:  # noqa: ARG001
    """Hashes the file and calls it a still."""
    info = MediaInfo(Container.PNG, "png", 64, 48, path.stat().st_size, frames=1)
    return Examined(_sha256(path), info)


def clean(job: Job) -> Made:
    """Writes a few bytes that are different for every source."""
    job.destination.write_text(f"{job.level} of {_sha256(job.source)}", "utf-8")
    report = CleanReport(
        level=job.level,
        output=Container.PNG,
        width=64,
        height=48,
        frames=1,
        frames_inspected=1,
        timeline="",
        regions=1,
        coverage=0.1,
        copied=False,
        seconds=0.0,
    )
    return Made(report, _sha256(job.destination), job.destination.stat().st_size)


def verify(job: Job, report: CleanReport) -> VerifyReport:  # noqa: ARG001
    """Finds everything in order."""
    return VerifyReport(None, 1, 0, True, False, 0.0, _sha256(job.destination))


def draw(source: Path, destination: Path, longest_side: int) -> None:  # noqa: ARG001
    """Writes a few bytes."""
    destination.write_bytes(b"small")


def clean_limit_s(info: MediaInfo, level: Level, settings: Settings) -> float:  # noqa: ARG001
    """The same for all."""
    return LIMIT_S


def verify_limit_s(info: MediaInfo, settings: Settings) -> float:  # noqa: ARG001
    """The same for all."""
    return LIMIT_S


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


CAST = Tools(
    examine=examine,
    clean=clean,
    verify=verify,
    draw=draw,
    clean_limit_s=clean_limit_s,
    verify_limit_s=verify_limit_s,
)
