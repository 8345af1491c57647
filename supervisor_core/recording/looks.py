"""What a picture looks like, in 256 numbers that hardly change with coding and noise.

A look is the mean brightness (0 to 255) of the squares of a grid of 16 by 16. The limits are
measured: see docs/recording.md.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
Look = NDArray[np.int16]

STILL = 3.0  # levels that a picture that stands still may change by
AGAIN = 4.5  # and one that is shown again, whose coding is another each time
_SCALE = 64  # of a level; a look fits into 16 bits with its sign
_SIDE = 64  # of the picture that looks are made of
GRID = 16
_LARGE = 4 * _SIDE


def look_of(luma: Plane) -> Look:
    """The look of a picture, whose brightness has shape (rows, columns)."""
    height, width = luma.shape
    if min(height, width) >= _LARGE:  # in two steps, the first of which is quick
        luma = _scaled(luma, width // 4, height // 4)
    small = _scaled(luma, _SIDE, _SIDE).astype(np.float32)
    step = _SIDE // GRID
    means: Look = small.reshape(GRID, step, GRID, step).mean(axis=(1, 3)).ravel() * _SCALE
    return np.rint(means).astype(np.int16)


def alike(first: Look, second: Look, levels: float = STILL) -> bool:
    """True when no square differs by more than so many levels."""
    return bool(nearness(first, second) <= levels * _SCALE)


def near(looks: Look, look: Look, levels: float) -> NDArray[np.bool_]:
    """Which of many, one in each row, are alike to a look."""
    return np.asarray(nearness(looks, look) <= levels * _SCALE)


def nearness(looks: Look, look: Look) -> NDArray[np.int16]:
    """The largest difference of any two squares, in parts of a level."""
    return np.asarray(np.abs(looks - look).max(axis=-1))


def difference(first: Look, second: Look) -> float:
    """How many levels two looks differ by on average."""
    return float(np.abs(first - second).mean()) / _SCALE


def _scaled(luma: Plane, width: int, height: int) -> Plane:
    scaled = cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(scaled, dtype=np.uint8)
