"""Cleaning a video: look at every frame, then paint and encode, or rewrap what needs no paint."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from supervisor_core.ahead import ahead
from supervisor_core.cleaning.device_masks import GENERIC, load_mask
from supervisor_core.cleaning.engine import inspector, must_hide
from supervisor_core.cleaning.inspection import Inspection
from supervisor_core.cleaning.job import Finding, Job, Level
from supervisor_core.cleaning.paint import Mask, MaskCache, paint_frame
from supervisor_core.cleaning.tracks import MaskPlan, Track, in_reading_order
from supervisor_core.deadline import report_progress
from supervisor_core.media.cine import CineFrames
from supervisor_core.media.encode import Sound, VideoWriter, copy_picture, even, may_copy
from supervisor_core.media.frames import Frame, VideoFrames
from supervisor_core.media.kinds import Kind
from supervisor_core.media.policy import AudioPolicy
from supervisor_core.reasons import Failed, Reason

Source = VideoFrames | CineFrames


@dataclass(frozen=True)
class Cleaned:
    """What became of the pictures of one file; see `CleanReport` for the fields."""

    width: int
    height: int
    frames: int
    frames_inspected: int
    timeline: str
    regions: int
    coverage: float
    copied: bool
    findings: tuple[Finding, ...]


def clean_video(job: Job) -> Cleaned:
    """Cleans a video or a DICOM cine into an MP4 at the job's level.

    Raises `Failed` as `VideoFrames` and `VideoWriter` do, and the reasons of `load_mask`.
    """
    if job.level is Level.ROI_MASK:
        return _write(job, Inspection(0, ()), first_pass=None)
    source = open_frames(job)
    inspection = inspector(job.mask).inspect(_counted(source, job, passes_done=0))
    if source.count != inspection.frames_inspected:
        raise Failed(Reason.INTERNAL_ERROR, frames=source.count)
    if _may_rewrap(job, inspection, source):
        return _rewrap(job, inspection, source)
    return _write(job, inspection, first_pass=source)


def open_frames(job: Job) -> Source:
    """The frames of the job's source."""
    return CineFrames(job.source) if job.kind is Kind.DICOM else VideoFrames(job.source)


def hidden_tracks(job: Job, inspection: Inspection) -> list[Track]:
    """The tracks that the job's mask policy paints over."""
    tracks = in_reading_order(inspection.tracks)
    hidden = must_hide(job, [track.readings for track in tracks])
    return [track for track, hide in zip(tracks, hidden, strict=True) if hide]


def findings(tracks: tuple[Track, ...], rate: Fraction) -> tuple[Finding, ...]:
    """What was read on all tracks, with its place and its time."""
    found = []
    for track in tracks:
        x0, y0, x1, y1 = (round(side) for side in track.spans[0].box)
        times = (float(track.first / rate), float(track.last / rate))
        texts = dict.fromkeys(reading.text for reading in track.readings if reading.readable)
        found += [Finding(text, *times, x0, y0, x1 - x0, y1 - y0) for text in texts]
    return tuple(found)


def _may_rewrap(job: Job, inspection: Inspection, source: Source) -> bool:
    untouched = not inspection.tracks and not job.device and job.audio is AudioPolicy.DROP
    return untouched and job.kind is Kind.VIDEO and may_copy(job.source, source.count)


def _rewrap(job: Job, inspection: Inspection, source: Source) -> Cleaned:
    copy_picture(job.source, job.destination)
    size = next(iter(VideoFrames(job.destination)))
    return Cleaned(
        width=size.width,
        height=size.height,
        frames=source.count,
        frames_inspected=inspection.frames_inspected,
        timeline=source.timeline.digest(beside_sound=job.keeps_sound),
        regions=0,
        coverage=0.0,
        copied=True,
        findings=(),
    )


def _write(job: Job, inspection: Inspection, first_pass: Source | None) -> Cleaned:
    source = open_frames(job)
    hidden = hidden_tracks(job, inspection)
    painter = _Painter(job, hidden)
    frames = ahead(_counted(source, job, passes_done=0 if first_pass is None else 1))
    painted = painter.paint(frames)
    _encode(job, source, painted)
    if first_pass is not None and source.timeline.digest() != first_pass.timeline.digest():
        # The masks belong to the frames of the first reading; these were others.
        raise Failed(Reason.FRAMES_MISSING, frames=source.count)
    return Cleaned(
        width=painter.width,
        height=painter.height,
        frames=source.count,
        frames_inspected=inspection.frames_inspected,
        timeline=source.timeline.digest(beside_sound=job.keeps_sound),
        regions=len(hidden),
        coverage=painter.covered / source.count,
        copied=False,
        findings=findings(inspection.tracks, source.rate),
    )


def _encode(job: Job, source: Source, frames: Iterator[Frame]) -> None:
    # The first frame is read before the writer opens: only then the source knows its clock.
    first = next(frames, None)
    if first is None:
        raise Failed(Reason.FRAME_EXTRACTION_FAILED)
    with VideoWriter(
        job.destination,
        time_base=source.time_base,
        rate=source.rate,
        colour=source.colour,
        aspect=source.aspect,
        sound=Sound(job.source) if job.keeps_sound else None,
    ) as writer:
        writer.write(first)
        for frame in frames:
            writer.write(frame)


class _Painter:
    """Paints each frame's masks and sums up what they cover; width and height are the first's."""

    def __init__(self, job: Job, tracks: list[Track]) -> None:
        self._job = job
        self._plan = MaskPlan([span for track in tracks for span in track.painted()])
        self.covered = 0.0
        self.width = self.height = 0

    def paint(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        cache: MaskCache | None = None
        for frame in frames:
            if frame.index == 0:
                self.width, self.height = even(frame.width), even(frame.height)
            if cache is None or cache.mask.shape != frame.luma.shape:
                cache = MaskCache(base_mask(self._job, frame.height, frame.width))
            mask = cache.draw(self._plan.quads_at(frame.index))
            self.covered += cache.share
            yield paint_frame(frame, mask) if cache.share else frame


def base_mask(job: Job, height: int, width: int) -> Mask:
    """What is masked on every frame: the device's panel, always so at ROI_MASK, else nothing."""
    if job.level is Level.FRAME_LEVEL and job.device is None:
        return np.zeros((height, width), dtype=np.uint8)
    return load_mask(job.device or GENERIC, job.masks).outside(height, width)


def _counted(source: Source, job: Job, passes_done: int) -> Iterator[Frame]:
    passes = 1 if job.level is Level.ROI_MASK else 2
    for frame in source:
        yield frame
        done = passes_done * job.frames_expected + frame.index + 1
        report_progress(done, passes * job.frames_expected)
