"""Stands in for everything that looks at pictures, so that only the orchestration is left.

It runs in the same killable child as the real work and imports as little.
"""

import hashlib
from pathlib import Path

from supervisor_core.cleaning.job import CleanReport, Job, VerifyReport
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container
from supervisor_core.media.policy import Profile
from supervisor_core.pipeline.child import Examined, Made


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


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def draw_picture(source: Path, destination: Path, longest_side: int) -> None:  # noqa: ARG001
    """Writes as many bytes as a picture has that goes into Dagster's database."""
    destination.write_bytes(bytes(8_000))
