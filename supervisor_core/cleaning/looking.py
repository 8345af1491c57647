"""What is looked at for text: a picture as it is, or a mean of many for what is hard to see.

Faint text (translucent, or near its background's brightness) often escapes a look at one frame, so
every few frames the mean of the last ones is looked at too, its contrast evened out: what stands
still over a moving picture comes forward there. Two of the three colours that the network is shown
are what of it is thin strokes: so letters come forward that have the very colour of their ground,
and of which only an outline shows. A find there counts only when it can be read, since evened-out
noise looks like writing to the network.
"""

from dataclasses import dataclass, replace
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from supervisor_core.cleaning.detector import Picture, Region, TextDetector
from supervisor_core.cleaning.reader import TextReader
from supervisor_core.cleaning.strokes import hats
from supervisor_core.media.frames import Frame, Plane

LOCAL_SIZE, SPREAD_SIZE = (31, 31), (63, 63)
SPREAD_FLOOR, SPREAD_TO = 4.0, 50.0
# Of 60 words of which only an outline shows 13 were found in the evened-out picture and 39 with its
# strokes, of 192 faint ones 186 and 191 (`benchmarks.hidden_words`).
STROKE = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
FILLING_SHARE = 0.5


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


class Mean:
    """Sums up the luma of frames; gives their evened-out mean once a group is full."""

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._sum: NDArray[np.float32] | None = None
        self._count = 0

    def add(self, frame: Frame) -> "Evened | None":
        """Takes in a frame; returns the evened-out mean of a group that is complete.

        A group ends early where the picture's size changes.
        """
        ended = None
        if self._sum is None or self._sum.shape != frame.luma.shape:
            ended = self.flush(frame.index)
            self._sum = np.zeros(frame.luma.shape, np.float32)
        cv2.accumulate(frame.luma, self._sum)
        self._count += 1
        return self.flush(frame.index) if self._count == self._frames else ended

    def flush(self, index: int) -> "Evened | None":
        """Returns the evened-out mean of the frames so far, None when there are none."""
        if self._sum is None or self._count == 0:
            return None
        mean = self._sum / np.float32(self._count)
        self._sum, self._count = np.zeros_like(mean), 0
        return Evened.of(mean, index)


@dataclass(frozen=True, eq=False)
class Evened(Frame):
    """A picture in which every neighbourhood has the same brightness and contrast.

    `strokes` (height, width) is the same of its thin strokes alone.
    """

    strokes: Plane

    @classmethod
    def of(cls, luma: Plane | NDArray[np.float32], index: int = 0) -> "Evened":
        """The evened-out picture of a luma plane."""
        even = evened_out(luma)
        flat = np.full([-(-side // 2) for side in even.shape], 128, np.uint8)
        return cls(index, 0, even, flat, flat, evened_out(strokes_of(luma)))

    def cut(self, rows: slice, columns: slice) -> Self:
        """A part of the picture (a view); the slices begin at even places."""
        return replace(super().cut(rows, columns), strokes=self.strokes[rows, columns])

    def bgr(self) -> Plane:
        """The picture as BGR uint8 (height, width, 3): itself, and twice its strokes."""
        return np.asarray(cv2.merge([self.luma, self.strokes, self.strokes]), dtype=np.uint8)


def strokes_of(luma: Plane | NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns what of luma is thin strokes; those that are darker than around are negative."""
    bright, dark = hats(luma.astype(np.float32), STROKE)
    return np.asarray(bright - dark, dtype=np.float32)


def evened_out(luma: Plane | NDArray[np.float32]) -> Plane:
    """Returns luma in which every neighbourhood has the same brightness and contrast."""
    values = luma.astype(np.float32)
    detail = values - cv2.blur(values, LOCAL_SIZE)
    # The filter's running sums may leave a tiny negative variance where the picture is flat.
    variance = np.maximum(cv2.blur(detail * detail, SPREAD_SIZE), 0)
    spread = np.sqrt(variance) + SPREAD_FLOOR
    return np.clip(128 + detail / spread * SPREAD_TO, 0, 255).astype(np.uint8)
