"""A frame that may be chosen: kept as a small picture and a JPEG, with what is measured on it.

Black counts nowhere, since cleaning paints its boxes black: neither as darkness while something is
left beside it, nor as sharpness at its edges, nor as sameness of two pictures that share it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from supervisor_core.media.picture import Picture
from supervisor_core.reasons import Failed, Reason

# Of 255; ringing of the codec around a black box stays below it.
BLACK_MAX = 20
# What an endoscope shows through a mask may be little; what is left of a black frame is less.
VISIBLE_SHARE_MIN = 0.03
PLAIN_DEVIATION_MAX = 4.0
# Sharpness is measured at one size, whatever the frame's is.
MEASURED_SIDE = 512
CELLS = 48
# A few cells (of 2304) that changed are a climber far away; noise changes none by as much.
CHANGED_CELLS, SAME_MAX = 3, 8.0
JPEG_QUALITY = 90

Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class Candidate:
    """One frame; `scene` counts the cuts before it, `jpeg` is empty when there is nothing to see.

    `sharpness` is the variance of the Laplacian over the variance of the picture, beside black.
    """

    index: int
    time_s: float
    scene: int
    cells: Picture
    sharpness: float
    jpeg: bytes

    @property
    def black(self) -> bool:
        """True for a frame that is black or of one colour."""
        return not self.jpeg

    def same_as(self, other: "Candidate") -> bool:
        """True when nothing of some size differs between the pictures, as in a frozen one."""
        visible = np.maximum(self.cells, other.cells).max(axis=2) > BLACK_MAX
        changes = cv2.absdiff(self.cells, other.cells).max(axis=2)[visible]
        if changes.size < CHANGED_CELLS:
            return True
        return float(np.partition(changes, -CHANGED_CELLS)[-CHANGED_CELLS]) <= SAME_MAX


def candidate_of(picture: Picture, index: int, time_s: float, scene: int, side: int) -> Candidate:
    """Measures a BGR picture and keeps it as a JPEG of at most `side` pixels a side.

    Raises `Failed(ENCODE_FAILED)` when it can't be written as a JPEG.
    """
    small = shrunk(picture, side)
    measured = shrunk(small, MEASURED_SIDE)
    grey = np.asarray(cv2.cvtColor(measured, cv2.COLOR_BGR2GRAY), np.uint8)
    cells = np.asarray(cv2.resize(measured, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.uint8)
    if not _shows_something(measured, grey):
        return Candidate(index, time_s, scene, cells, 0.0, b"")
    return Candidate(index, time_s, scene, cells, _sharpness(grey), _jpeg(small))


def shrunk(picture: Picture, side: int) -> Picture:
    """The picture with at most `side` pixels on its longest side; a smaller one as it is."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _shows_something(picture: Picture, grey: Grey) -> bool:
    """True when enough is not black, and that is not all of one colour."""
    visible = np.asarray(grey > BLACK_MAX, np.uint8)
    if cv2.countNonZero(visible) < VISIBLE_SHARE_MIN * grey.size:
        return False
    return _deviation(picture, visible) > PLAIN_DEVIATION_MAX


def _sharpness(grey: Grey) -> float:
    """The sharpness of what lies away from black (Pech-Pacheco et al. 2000), freed of contrast."""
    black = np.asarray(grey <= BLACK_MAX, np.uint8)
    beside = 1 - cv2.dilate(black, np.ones((7, 7), np.uint8))
    if cv2.countNonZero(beside) < VISIBLE_SHARE_MIN * grey.size:
        beside = 1 - black
    edges = cv2.Laplacian(grey, cv2.CV_32F)
    return _deviation(edges, beside) ** 2 / (_deviation(grey, beside) ** 2 + 1.0)


def _deviation(picture: MatLike, where: MatLike) -> float:
    """The largest standard deviation of any channel within a mask."""
    return float(cv2.meanStdDev(picture, mask=where)[1].max())


def _jpeg(picture: Picture) -> bytes:
    written, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not written:
        raise Failed(Reason.ENCODE_FAILED)
    return content.tobytes()
