"""Looking for text in pictures: a plain look at every one, a second look for what is faint.

The plain look runs on each frame. Faint text (translucent, or near its background's brightness)
often escapes it on a single frame, so every few frames the mean of the last ones is looked at too,
its contrast evened out: what stands still over a moving picture comes forward there. Such a find
counts only when it can be read, since evened-out noise looks like writing to the network.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from supervisor_core.cleaning.detector import Picture, Region, TextDetector
from supervisor_core.cleaning.reader import Reading, TextReader
from supervisor_core.cleaning.tracks import overlap
from supervisor_core.media.frames import Frame, Plane

GROUP_FRAMES = 8
LOCAL_SIZE, SPREAD_SIZE = (31, 31), (63, 63)
SPREAD_FLOOR, SPREAD_TO = 4.0, 50.0
KNOWN_OVERLAP = 0.2
FILLING_SHARE = 0.5


@dataclass(frozen=True)
class Find:
    """A region, and its reading when it had to be read to count."""

    region: Region
    reading: Reading | None = None


def plain_look(detector: TextDetector, reader: TextReader, picture: Picture) -> list[Region]:
    """Returns the text regions of a BGR picture; one that fills it counts only when it can be read.

    A face or a wall that nearly fills the picture now and then passes for a single huge letter.
    """
    limit = FILLING_SHARE * min(picture.shape[:2])
    return [
        region
        for region in detector.find(picture)
        if region.thickness <= limit or reader.read(picture, region.quad).readable
    ]


class SecondLook:
    """Collects frames and looks at their evened-out mean once a group is full."""

    def __init__(self, detector: TextDetector, reader: TextReader) -> None:
        self._detector, self._reader = detector, reader
        self._sum: NDArray[np.float32] | None = None
        self._count = 0

    def add(self, frame: Frame) -> Picture | None:
        """Takes in a frame; returns the evened-out mean picture when it completes a group."""
        luma = frame.luma.astype(np.float32)
        if self._sum is None or self._sum.shape != luma.shape:
            self._sum, self._count = np.zeros_like(luma), 0
        self._sum += luma
        self._count += 1
        return self.flush() if self._count == GROUP_FRAMES else None

    def flush(self) -> Picture | None:
        """Returns the evened-out mean of the frames so far, None when there are none."""
        if self._sum is None or self._count == 0:
            return None
        mean = self._sum / np.float32(self._count)
        self._sum, self._count = np.zeros_like(mean), 0
        return evened_out(mean)

    def find(self, picture: Picture, known: list[Region]) -> list[Find]:
        """Returns the readable regions of an evened-out picture that are not known yet."""
        finds = []
        for region in self._detector.find(picture):
            if any(overlap(region.box, other.box) > KNOWN_OVERLAP for other in known):
                continue
            reading = self._reader.read(picture, region.quad)
            if reading.readable:
                finds.append(Find(region, reading))
        return finds


def evened_out(luma: Plane | NDArray[np.float32]) -> Picture:
    """Returns a BGR picture in which every neighbourhood has the same brightness and contrast."""
    values = luma.astype(np.float32)
    detail = values - cv2.blur(values, LOCAL_SIZE)
    # The filter's running sums may leave a tiny negative variance where the picture is flat.
    variance = np.maximum(cv2.blur(detail * detail, SPREAD_SIZE), 0)
    spread = np.sqrt(variance) + SPREAD_FLOOR
    even = np.clip(128 + detail / spread * SPREAD_TO, 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(even, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
