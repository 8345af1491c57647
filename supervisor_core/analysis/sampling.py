"""One pass over all frames of a video or still, from which a bounded number of candidates is kept.

How long a video is shows only at its end. So every frame is a candidate at first; whenever there
are too many, every other one is let go of, and from there on only each second, fourth, eighth frame
is looked at. Beside them one frame shortly after a cut is kept for each such stretch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from supervisor_core.analysis.candidates import Candidate, candidate_of
from supervisor_core.media.dicom import read_dicom
from supervisor_core.media.frames import Frame, VideoFrames
from supervisor_core.media.kinds import Kind, identify
from supervisor_core.media.picture import Picture
from supervisor_core.media.stills import read_still

# Candidates for each frame that will be chosen, and at least.
CANDIDATES_EACH, CANDIDATES_MIN = 12, 64
# The mean change of brightness at a cut: by itself, and against what was usual before.
CUT_MIN, CUT_TIMES, USUAL_WEIGHT = 10.0, 4.0, 0.25
# A codec needs some frames after a cut until the picture is good.
SETTLED_FRAMES = 6
# Every so many pixels each way are enough to see a cut.
GLANCE_PX = 16

Glance = NDArray[np.float32]


@dataclass(frozen=True)
class Sampled:
    """The candidates in order of time, and how many frames there are in all."""

    candidates: tuple[Candidate, ...]
    seen: int


def sample(path: Path, count: int, side: int) -> Sampled:
    """Reads a video, still or DICOM file once; keeps some dozens of frames for each of `count`.

    Raises `Failed` as reading the file does.
    """
    sampler = _Sampler(max(CANDIDATES_MIN, CANDIDATES_EACH * count), side)
    for view in _views(path):
        sampler.look(view)
    return Sampled(sampler.candidates(), sampler.seen)


@dataclass(frozen=True)
class _View:
    """A frame as it comes in; its colours are made only when somebody asks for them."""

    time_s: float
    shown: Frame | Picture

    def picture(self) -> Picture:
        """The frame in colour (BGR)."""
        return self.shown.bgr() if isinstance(self.shown, Frame) else self.shown

    def glance(self) -> Glance:
        """Some of its pixels' brightness."""
        plane = self.shown.luma if isinstance(self.shown, Frame) else self.shown[:, :, 1]
        return plane[::GLANCE_PX, ::GLANCE_PX].astype(np.float32)


def _views(path: Path) -> Iterator[_View]:
    match identify(path, name="").kind:
        case Kind.STILL:
            yield _View(0.0, read_still(path))
        case Kind.DICOM:
            # Its frames carry no time of their own: they are counted as if one came each second.
            for number, picture in enumerate(read_dicom(path).frames()):
                yield _View(float(number), picture)
        case Kind.VIDEO:
            frames = VideoFrames(path)
            for frame in frames:
                yield _View(float(frame.time * frames.time_base), frame)


class _Cuts:
    """Counts the scenes of a video by the change from each frame to the next."""

    def __init__(self) -> None:
        self.scene = 0
        self.age = 0
        self._before: Glance | None = None
        self._usual = 0.0

    def look(self, glance: Glance) -> None:
        """Takes in the next frame; `age` is how many frames of its scene came before it."""
        change = self._change(glance)
        self._before = glance
        is_cut = change > max(CUT_MIN, CUT_TIMES * self._usual)
        self.scene, self.age = (self.scene + 1, 0) if is_cut else (self.scene, self.age + 1)
        # Cuts count as usual too: in wild movement or flashing light they are no news.
        self._usual += USUAL_WEIGHT * (change - self._usual)

    def _change(self, glance: Glance) -> float:
        if self._before is None or self._before.shape != glance.shape:
            return 0.0
        return float(cv2.absdiff(glance, self._before).mean())


class _Sampler:
    """Keeps at most `limit` frames at equal distances, and as many after cuts."""

    def __init__(self, limit: int, side: int) -> None:
        self.seen = 0
        self._limit, self._side, self._stride = limit, side, 1
        self._even: dict[int, Candidate] = {}
        self._settled: dict[int, Candidate] = {}
        self._cuts = _Cuts()

    def look(self, view: _View) -> None:
        """Takes in the next frame."""
        index = self.seen
        self.seen += 1
        self._cuts.look(view.glance())
        if index % self._stride == 0:
            self._even[index] = self._candidate(view, index)
        elif self._after_cut() and index // self._stride not in self._settled:
            self._settled[index // self._stride] = self._candidate(view, index)
        if len(self._even) > self._limit:
            self._thin_out()

    def candidates(self) -> tuple[Candidate, ...]:
        """All that were kept, in order of time."""
        kept = [*self._even.values(), *self._settled.values()]
        return tuple(sorted(kept, key=lambda one: one.index))

    def _after_cut(self) -> bool:
        return self._cuts.scene > 0 and self._cuts.age == SETTLED_FRAMES

    def _candidate(self, view: _View, index: int) -> Candidate:
        return candidate_of(view.picture(), index, view.time_s, self._cuts.scene, self._side)

    def _thin_out(self) -> None:
        self._stride *= 2
        self._even = {i: one for i, one in self._even.items() if i % self._stride == 0}
        settled: dict[int, Candidate] = {}
        for one in self._settled.values():
            settled.setdefault(one.index // self._stride, one)
        self._settled = settled
