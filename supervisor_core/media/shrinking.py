"""One small copy of a decoded still, from which all that is small is made.

It is averaged down by a power of two, which is fast and moves nothing, and turned upright then.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from supervisor_core.media.damage import damaged
from supervisor_core.media.picture import Picture
from supervisor_core.media.stills import visible_upright
from supervisor_core.reasons import Reason

# What can be averaged as it is; in other modes numbers are no colours, or some are not seen.
_PLAIN = ("RGB", "L")
# A fingerprint needs so many pixels a side.
_SIDE_MIN = 256
# For people to recognise a picture by; it is made anew whenever that is wanted.
_QUALITY = 88


@dataclass(frozen=True)
class Shrunk:
    """An upright picture, red-green-blue, as a viewer would show it."""

    pixels: Picture

    @property
    def luma(self) -> Picture:
        """How light each pixel is."""
        return np.asarray(cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY), np.uint8)

    def write(self, path: Path, side: int) -> None:
        """Writes a JPEG whose sides are at most `side` pixels; a smaller one stays as it is.

        Raises `Failed(ENCODE_FAILED)`.
        """
        with damaged(Reason.ENCODE_FAILED):
            Image.fromarray(_fitted(self.pixels, side)).save(path, "JPEG", quality=_QUALITY)


def shrink(image: Image.Image, side: int) -> Shrunk:
    """A copy with its longest side at least `side`, its shortest at least 256 pixels.

    A smaller picture stays as it is.
    """
    longest, shortest = max(image.size), min(image.size)
    by = 1
    while longest // (2 * by) >= side and shortest // (2 * by) >= _SIDE_MIN:
        by *= 2
    if by > 1 and image.mode in _PLAIN and "transparency" not in image.info:
        return Shrunk(np.asarray(visible_upright(image.reduce(by)), np.uint8))
    whole = np.asarray(visible_upright(image), np.uint8)
    return Shrunk(_averaged(whole, by) if by > 1 else whole)


def _averaged(picture: Picture, by: int) -> Picture:
    height, width = picture.shape[0] // by, picture.shape[1] // by
    even = picture[: height * by, : width * by]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _fitted(picture: Picture, side: int) -> Picture:
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Below one half each sample of the simple method would miss pixels between.
    method = cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)
