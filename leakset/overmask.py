"""How much of a picture was changed where nothing was drawn."""

from collections.abc import Iterable

import cv2
import numpy as np

from leakset.pictures import luma

STRONG = 20.0
"""Luma steps, averaged over 5x5 pixels, that no re-encoding of a picture causes but a mask does."""


def overmasked(
    base: np.ndarray, picture: np.ndarray, boxes: Iterable[tuple[int, int, int, int]]
) -> float:
    """Fraction of all pixels that changed strongly outside the drawn boxes and their margins.

    The margin is 12 pixels or 0.8 times the box's shorter side, whichever is more.
    """
    change = cv2.blur(np.abs(luma(picture) - luma(base)), (5, 5)) > STRONG
    for left, top, right, bottom in boxes:
        margin = int(max(12, 0.8 * min(right - left, bottom - top)))
        change[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin] = 0
    return float(change.mean())
