"""One small copy of a decoded still, from which all that is small is made.

It is averaged down by whole numbers, which is fast and moves nothing, and turned upright then.
"""

import cv2
import numpy as np
from PIL import Image

from supervisor_core.media.picture import Picture
from supervisor_core.media.stills import upright

# What can be averaged as it is; in other modes numbers are no colours, or some are not seen.
_PLAIN = ("RGB", "L")
# A fingerprint needs so many pixels a side.
_SIDE_MIN = 256


def shrunk(image: Image.Image, side: int) -> Picture:
    """The upright picture, its longest side at least `side`, its shortest at least 256 pixels.

    A smaller one stays as it is.
    """
    longest, shortest = max(image.size), min(image.size)
    by = 1
    while longest // (2 * by) >= side and shortest // (2 * by) >= _SIDE_MIN:
        by *= 2
    plain = image.mode in _PLAIN and "transparency" not in image.info
    if by == 1 or plain:
        return upright(image.reduce(by) if by > 1 else image)
    return _averaged(upright(image), by)


def _averaged(picture: Picture, by: int) -> Picture:
    height, width = picture.shape[0] // by, picture.shape[1] // by
    even = picture[: height * by, : width * by]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def fitted(picture: Picture, side: int) -> Picture:
    """The picture with sides of at most `side` pixels; a smaller one stays as it is."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Below one half each sample of the simple method would miss pixels between.
    method = cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)
