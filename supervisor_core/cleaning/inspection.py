"""Every frame is looked at, once, before any is written.

Cleaning reads the source twice: this pass finds what has to be masked on which frame, the next one
paints. A mask can so begin before the frame on which its text was first seen, with no frame held
back in memory, and a video in which nothing was found need not be encoded at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from supervisor_core.cleaning.detector import Picture, Region, TextDetector
from supervisor_core.cleaning.looking import Find, SecondLook, plain_look
from supervisor_core.cleaning.reader import TextReader, straightened
from supervisor_core.cleaning.tracks import Track, Tracker
from supervisor_core.media.frames import Frame

# Reading again pays when the crop differs by more than coding noise.
CHANGED_BY = 16.0
GLANCE = (96, 12)
# A text that can't be read is tried again at these sightings.
READ_AGAIN_AT = frozenset({2, 4, 8, 16, 64, 256, 1024})


@dataclass(frozen=True)
class Inspection:
    """What looking at every frame has found; `frames_inspected` counts those really looked at."""

    frames_inspected: int
    tracks: tuple[Track, ...]


@dataclass
class _Glance:
    """A tiny copy of a text's crop, to see when another text took its place."""

    crop: Picture | None = None

    def changed(self, picture: Picture, region: Region) -> bool:
        before, self.crop = self.crop, _glance(picture, region)
        if before is None or self.crop is None:
            return before is not self.crop
        return float(np.abs(before.astype(np.int16) - self.crop).mean()) > CHANGED_BY


def _glance(picture: Picture, region: Region) -> Picture | None:
    crop = straightened(picture, region.quad)
    if crop is None:
        return None
    return np.asarray(cv2.resize(crop, GLANCE, interpolation=cv2.INTER_AREA), dtype=np.uint8)


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
