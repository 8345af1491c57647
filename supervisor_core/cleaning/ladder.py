"""The ladder's two working levels as plain functions on files; they run inside a worker child.

`clean` writes a file, `verify` reads it again. What follows from a failure (the next level down,
the raw file kept aside) is decided by whoever calls them, never here.
"""

from dataclasses import replace
from time import perf_counter

from supervisor_core.cleaning.job import CODE_VERSION, CleanReport, Job, Level, VerifyReport
from supervisor_core.cleaning.limits import clean_limit_s, verify_limit_s
from supervisor_core.cleaning.still import clean_still, still_output
from supervisor_core.cleaning.verify import read_again
from supervisor_core.cleaning.video import Cleaned, clean_video
from supervisor_core.media.dicom import read_dicom
from supervisor_core.media.files import sync
from supervisor_core.media.kinds import Container, Kind

# What the child loads before its first call, so that no call pays for it.
PRELOAD = ("supervisor_core.cleaning.ladder",)


def clean(job: Job) -> CleanReport:
    """Cleans one file into `job.destination` at `job.level`; the file is synced to disk.

    Raises `Failed` with the reason why this level can't clean it.
    """
    started = perf_counter()
    output = output_format(job)
    cleaned: Cleaned = clean_video(job) if output is Container.MP4 else clean_still(job)
    sync(job.destination)
    return CleanReport(
        level=job.level,
        output=output,
        seconds=perf_counter() - started,
        **vars(cleaned),
    )


def verify(job: Job, report: CleanReport) -> VerifyReport:
    """Reads `job.destination` again and says whether it is clean and complete.

    Raises `Failed` where the file can't be decoded to its end.
    """
    started = perf_counter()
    verified = read_again(job, report)
    return replace(verified, seconds=perf_counter() - started)


def output_format(job: Job) -> Container:
    """Output follows input: videos and cines become MP4, stills a PNG or JPEG."""
    if job.kind is Kind.DICOM:
        return Container.MP4 if read_dicom(job.source).frame_count > 1 else Container.PNG
    return Container.MP4 if job.kind is Kind.VIDEO else still_output(job.container)


__all__ = ["CODE_VERSION", "PRELOAD", "Level", "clean", "clean_limit_s", "verify", "verify_limit_s"]
