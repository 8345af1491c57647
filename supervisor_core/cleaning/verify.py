"""The finished file is read again, from its bytes, and nothing the cleaner said is believed.

Every frame is decoded and looked at by a detector that works at another size than the cleaner's;
what it finds is read. The container is taken apart down to the units of the H.264 stream.
"""

from collections.abc import Iterator
from pathlib import Path

from supervisor_core.cleaning.engine import must_hide, second_inspector
from supervisor_core.cleaning.inspection import Inspection
from supervisor_core.cleaning.job import CleanReport, Job, VerifyReport
from supervisor_core.cleaning.stray import stray_in_still, stray_in_video
from supervisor_core.cleaning.tracks import in_reading_order
from supervisor_core.deadline import report_progress
from supervisor_core.media.encode import even
from supervisor_core.media.frames import Frame, VideoFrames, frame_of
from supervisor_core.media.hashing import sha256_of
from supervisor_core.media.kinds import Container
from supervisor_core.media.stills import read_still
from supervisor_core.reasons import Reason


def verify_video(job: Job, report: CleanReport) -> tuple[int, int, bool, bool]:
    """Returns frames, readable texts, whether the frames match, whether anything is stray."""
    source = VideoFrames(job.destination)
    look = second_inspector(job.mask)
    size = even(report.width), even(report.height)
    same_size = True

    def checked() -> Iterator[Frame]:
        nonlocal same_size
        for frame in source:
            same_size &= (frame.width, frame.height) == size
            report_progress(source.count, report.frames)
            yield frame

    inspection = look.inspect(checked())
    same_times = source.timeline.digest(beside_sound=job.keeps_sound) == report.timeline
    matches = same_size and same_times and source.count == report.frames
    return source.count, _left(job, inspection), matches, stray_in_video(job.destination, job.audio)


def verify_still(job: Job, report: CleanReport) -> tuple[int, int, bool, bool]:
    """Returns 1, readable texts, whether the size matches, whether anything is stray."""
    picture = read_still(job.destination)
    look = second_inspector(job.mask)
    inspection = look.inspect([frame_of(picture, 0, 0)])
    matches = picture.shape[:2] == (report.height, report.width)
    return 1, _left(job, inspection), matches, stray_in_still(job.destination, report.output)


def _left(job: Job, inspection: Inspection) -> int:
    """How many texts can be read beyond doubt and are not allowed to be."""
    certain = [
        [reading for reading in track.readings if reading.certain]
        for track in in_reading_order(inspection.tracks)
    ]
    return sum(must_hide(job, [readings for readings in certain if readings]))


def verdict(residual: int, matches: bool, stray: bool) -> Reason | None:
    """The worst of what was found, None when nothing was."""
    if residual:
        return Reason.RESIDUAL_TEXT
    if stray:
        return Reason.RESIDUAL_METADATA
    return None if matches else Reason.FRAMES_MISSING


def read_again(job: Job, report: CleanReport, seconds: float = 0.0) -> VerifyReport:
    """Reads the job's destination and compares it with the cleaner's report.

    Raises `Failed` where the file can't be decoded to its end.
    """
    look = verify_video if report.output is Container.MP4 else verify_still
    frames, residual, matches, stray = look(job, report)
    return VerifyReport(
        reason=verdict(residual, matches, stray),
        frames=frames,
        residual_regions=residual,
        frames_match=matches,
        stray_metadata=stray,
        seconds=seconds,
        sha256=sha256_of(Path(job.destination)),
    )
