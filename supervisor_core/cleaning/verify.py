"""The finished file is read again, from its bytes, and nothing the cleaner said is believed.

Every frame is decoded and looked at by a detector that works at another size than the cleaner's;
what it finds is read. The container is taken apart down to the units of the H.264 stream.
"""

from collections.abc import Iterator
from pathlib import Path

from supervisor_core.cleaning.detector import Picture
from supervisor_core.cleaning.engine import must_hide, reader, second_detector
from supervisor_core.cleaning.job import CleanReport, Job, VerifyReport
from supervisor_core.cleaning.stray import stray_in_still, stray_in_video
from supervisor_core.deadline import report_progress
from supervisor_core.media.encode import even
from supervisor_core.media.frames import Frame, VideoFrames
from supervisor_core.media.hashing import sha256_of
from supervisor_core.media.kinds import Container
from supervisor_core.media.stills import read_still
from supervisor_core.reasons import Reason


class Residue:
    """Counts readable regions over all pictures of one file."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._before: Frame | None = None
        self._count_before = 0
        self.count = 0

    def add_frame(self, frame: Frame) -> None:
        """Looks at one frame; one that equals its predecessor sample by sample counts as it did."""
        if not frame.same_picture(self._before):
            self._count_before = self._readable(frame.bgr())
        self._before = frame
        self.count += self._count_before

    def add_picture(self, picture: Picture) -> None:
        """Looks at one BGR picture."""
        self.count += self._readable(picture)

    def _readable(self, picture: Picture) -> int:
        regions = sorted(second_detector().find(picture), key=lambda region: region.box[1::-1])
        readings = [reader().read(picture, region.quad) for region in regions]
        certain = [[reading] for reading in readings if reading.certain]
        return sum(must_hide(self._job, certain))


def verify_video(job: Job, report: CleanReport) -> tuple[int, int, bool, bool]:
    """Returns frames, readable regions, whether the frames match, whether anything is stray."""
    source = VideoFrames(job.destination)
    residue = Residue(job)
    same_size = True
    for frame in _counted(source, report):
        same_size &= (frame.width, frame.height) == (even(report.width), even(report.height))
        residue.add_frame(frame)
    same_times = source.timeline.digest() == report.timeline
    matches = same_size and same_times and source.count == report.frames
    return source.count, residue.count, matches, stray_in_video(job.destination, job.audio)


def verify_still(job: Job, report: CleanReport) -> tuple[int, int, bool, bool]:
    """Returns 1, readable regions, whether the size matches, whether anything is stray."""
    picture = read_still(job.destination)
    residue = Residue(job)
    residue.add_picture(picture)
    matches = picture.shape[:2] == (report.height, report.width)
    return 1, residue.count, matches, stray_in_still(job.destination, report.output)


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


def _counted(source: VideoFrames, report: CleanReport) -> Iterator[Frame]:
    for frame in source:
        yield frame
        report_progress(frame.index + 1, report.frames)
