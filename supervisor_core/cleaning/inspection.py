"""Every frame is looked at, once, before any is written.

Cleaning reads the source twice: this pass finds what has to be masked on which frame, the next one
paints. A mask can so begin before the frame on which its text was first seen, with no frame held
back in memory, and a video in which nothing was found need not be encoded at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from supervisor_core.cleaning.detector import Picture, Region, TextDetector
from supervisor_core.cleaning.looking import Find, SecondLook, plain_look
from supervisor_core.cleaning.reader import TextReader, straightened
from supervisor_core.cleaning.tracks import Track, Tracker
from supervisor_core.media.frames import Frame

# Reading again pays when a part of the crop differs by more than this share of its contrast: below
# what separates any two of 300 pairs of names, above what noise does to letters that can be read.
CHANGED_BY, CONTRAST_FLOOR = 0.4, 6.0
GLANCE, GLANCE_PARTS = (96, 12), 8
# A text that can't be read is tried again at these sightings.
READ_AGAIN_AT = frozenset({2, 4, 8, 16, 64, 256, 1024})


@dataclass(frozen=True)
class Inspection:
    """What looking at every frame has found; `frames_inspected` counts those really looked at."""

    frames_inspected: int
    tracks: tuple[Track, ...]


@dataclass
class _Glance:
    """A tiny copy of a text's crop as it was last read, to see when another text took its place."""

    crop: NDArray[np.float32] | None = None

    def changed(self, picture: Picture, region: Region) -> bool:
        before, now = self.crop, _glance(picture, region)
        if before is not None and now is not None and not _differ(before, now):
            return False
        self.crop = now
        return before is not now


def _glance(picture: Picture, region: Region) -> NDArray[np.float32] | None:
    crop = straightened(picture, region.quad)
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
    """Looks at frame after frame; holds one frame, one sum of frames and the tracks."""

    def __init__(self, detector: TextDetector, reader: TextReader) -> None:
        self._detector, self._reader = detector, reader
        self._second = SecondLook(detector, reader)
        self._tracker = Tracker()
        self._glances: dict[int, _Glance] = {}
        self._frame: Frame | None = None
        self._regions: list[Region] = []
        self._inspected = 0

    def inspect(self, frames: Iterable[Frame]) -> Inspection:
        """Looks at all frames and returns what was found."""
        for frame in frames:
            self.look(frame)
        return self.finish()

    def look(self, frame: Frame) -> None:
        """Looks at the next frame, plainly and, when a group of frames is full, for faint text."""
        repeated = frame.same_picture(self._frame)
        picture = frame.bgr()
        if not repeated:
            self._regions = plain_look(self._detector, self._reader, picture)
        self._inspected += 1
        evened = self._second.add(frame)
        self._take(frame.index, picture, [Find(region) for region in self._regions], repeated)
        if evened is not None:
            self._take_faint(frame.index, evened)
        self._frame = frame

    def finish(self) -> Inspection:
        """Looks at what is left of the last group and returns what was found."""
        evened = self._second.flush()
        if evened is not None and self._frame is not None:
            self._take_faint(self._frame.index, evened)
        return Inspection(self._inspected, tuple(self._tracker.tracks))

    def _take_faint(self, frame: int, evened: Picture) -> None:
        self._take(frame, evened, self._second.find(evened, self._regions), repeated=False)

    def _take(self, frame: int, picture: Picture, finds: list[Find], repeated: bool) -> None:
        tracks = self._tracker.see(frame, [find.region for find in finds])
        self._forget_ended()
        for track, find in zip(tracks, finds, strict=True):
            if find.reading is not None:
                track.readings.append(find.reading)
            elif not repeated:
                self._read(track, find.region, picture)

    def _forget_ended(self) -> None:
        # Only texts that may come again need a glance: memory stays flat over a day of video.
        if len(self._glances) > 2 * len(self._tracker.live) + 64:
            live = {id(track) for track in self._tracker.live}
            self._glances = {key: one for key, one in self._glances.items() if key in live}

    def _read(self, track: Track, region: Region, picture: Picture) -> None:
        changed = self._glances.setdefault(id(track), _Glance()).changed(picture, region)
        unread = not track.best.readable and track.sightings in READ_AGAIN_AT
        if not (changed or unread):
            return
        # Only now and then both ways up: reading is most of the work on pictures full of texture.
        reading = self._reader.read(picture, region.quad, both_ways=unread or not track.readings)
        if all(reading.text != other.text for other in track.readings):
            track.readings.append(reading)
