"""Every frame is inspected, once, before any is written.

Cleaning reads the source twice: this pass finds what has to be masked on which frame, the next one
paints. A mask can so begin before the frame on which its text was first seen, with no frame held
back in memory, and a video in which nothing was found need not be encoded at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from supervisor_core.ahead import ahead
from supervisor_core.cleaning.detector import Picture, Quad, Region, TextDetector
from supervisor_core.cleaning.looking import Evened, Mean
from supervisor_core.cleaning.reader import NOTHING, Reading, TextReader, straightened
from supervisor_core.cleaning.strokes import Eyes, Strokes, StrokeTest
from supervisor_core.cleaning.tracks import Track, Tracker, overlap
from supervisor_core.cleaning.watching import Effort, Watch, part_around
from supervisor_core.media.frames import Frame

# Reading again pays when a part of the crop differs by more than this share of its contrast: below
# what separates any two of 300 pairs of names, above what noise does to letters that can be read.
CHANGED_BY, CONTRAST_FLOOR = 0.4, 6.0
GLANCE, GLANCE_PARTS = (96, 12), 8
KNOWN_OVERLAP = 0.2
# What can't be read is mostly texture, which changes all the time; it is tried again now and then.
READ_AGAIN_AT, READ_EVERY = frozenset({1, 3}), 10


@dataclass(frozen=True)
class Inspection:
    """What looking at every frame has found; `frames_inspected` counts those really tested."""

    frames_inspected: int
    tracks: tuple[Track, ...]


@dataclass
class _Glance:
    """A tiny copy of a text's crop as it was last read, to see when another text took its place."""

    crop: NDArray[np.float32] | None = None
    looks: int = 0

    def changed(self, picture: Picture, quad: Quad) -> bool:
        before, now = self.crop, _glance(picture, quad)
        if before is not None and now is not None and not _differ(before, now):
            return False
        self.crop = now
        return before is not now


def _glance(picture: Picture, quad: Quad) -> NDArray[np.float32] | None:
    crop = straightened(picture, quad)
    if crop is None:
        return None
    grey = cv2.resize(crop, GLANCE, interpolation=cv2.INTER_AREA).mean(axis=2, dtype=np.float32)
    return np.asarray(grey - grey.mean(), dtype=np.float32)


def _differ(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """True when some part of the line changed, however faint the letters are."""
    contrast = max(float(one.std()), float(other.std()), CONTRAST_FLOOR)
    parts = np.abs(one - other).reshape(GLANCE[1], GLANCE_PARTS, -1).mean(axis=(0, 2))
    return bool(parts.max() > CHANGED_BY * contrast)


class Inspector:
    """Looks at frame after frame; holds a few frames, one sum of frames and the tracks."""

    def __init__(self, detector: TextDetector, reader: TextReader, eyes: Eyes) -> None:
        self._reader = reader
        self._plain = Watch(detector, reader, StrokeTest(eyes))
        # One mean is many frames: what lasts for one of them has lasted.
        self._faint = Watch(
            detector, reader, StrokeTest(replace(eyes, faint_frames=1, known_every=1))
        )
        self._mean = Mean(eyes.mean_of)
        self._faint_read: dict[Region, Reading] = {}
        self._tracker = Tracker()
        self._glances: dict[int, _Glance] = {}
        self._last = 0
        self._inspected = 0

    @property
    def effort(self) -> Effort:
        """What the detector had to do so far."""
        return self._plain.effort + self._faint.effort

    def inspect(self, frames: Iterable[Frame]) -> Inspection:
        """Looks at all frames and returns what was found."""
        measure = self._plain.test.measure
        for frame, strokes in ahead((frame, measure(frame)) for frame in frames):
            self.look(frame, strokes)
        return self.finish()

    def look(self, frame: Frame, strokes: Strokes | None = None) -> None:
        """Looks at the next frame, plainly and, when a group of frames is full, for faint text."""
        regions = self._plain.look(frame, strokes)
        self._inspected += 1
        tracks = self._tracker.see(frame.index, regions)
        self._forget_ended()
        for track, region in zip(tracks, regions, strict=True):
            if region in self._plain.fresh:
                self._read(track, region, frame)
        evened = self._mean.add(frame)
        if evened is not None:
            self._look_for_faint(evened)
        self._last = frame.index

    def finish(self) -> Inspection:
        """Looks at what is left of the last group and returns what was found."""
        evened = self._mean.flush(self._last)
        if evened is not None:
            self._look_for_faint(evened)
        return Inspection(self._inspected, tuple(self._tracker.tracks))

    def _look_for_faint(self, evened: Evened) -> None:
        """Takes in what can be read in an evened-out picture and is not known plainly."""
        regions = self._faint.look(evened)
        known = self._plain.regions
        for region in regions:
            if region in self._faint.fresh and not _is_known(region, known):
                self._faint_read[region] = self._read_faint(evened, region)
        read = {one: self._faint_read.get(one, NOTHING) for one in regions}
        found = [one for one in regions if read[one].readable and not _is_known(one, known)]
        for track, region in zip(self._tracker.see(evened.index, found), found, strict=True):
            track.readings.append(read[region])
        self._faint_read = read

    def _forget_ended(self) -> None:
        # Only texts that may come again need a glance: memory stays flat over a day of video.
        if len(self._glances) > 2 * len(self._tracker.live) + 64:
            live = {id(track) for track in self._tracker.live}
            self._glances = {key: one for key, one in self._glances.items() if key in live}

    def _read(self, track: Track, region: Region, frame: Frame) -> None:
        picture, quad = part_around(frame, region)
        glance = self._glances.setdefault(id(track), _Glance())
        changed = glance.changed(picture, quad)
        glance.looks += 1
        readable = track.best.readable
        unread = not readable and (glance.looks in READ_AGAIN_AT or not glance.looks % READ_EVERY)
        if not (unread or (changed and readable)):
            return
        # Not the first time both ways up: most of what is seen but once is texture.
        reading = self._reader.read(picture, quad, both_ways=unread and glance.looks > 1)
        if all(reading.text != other.text for other in track.readings):
            track.readings.append(reading)

    def _read_faint(self, evened: Evened, region: Region) -> Reading:
        return self._reader.read(*part_around(evened, region))


def _is_known(region: Region, known: list[Region]) -> bool:
    return any(overlap(region.box, other.box) > KNOWN_OVERLAP for other in known)
