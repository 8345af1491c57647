"""A picture file as it is sent to a model: small enough, and with nothing in it but its pixels."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from supervisor_core.media.stills import read_still
from supervisor_core.reasons import Failed, Reason

TRIES = 6
_QUALITY = 90
_SMALLER = 0.7  # each side, from one try to the next
_SIDE_MIN = 32  # below this no model sees anything


def prepared(path: Path, longest_side: int, size_bytes_max: int) -> bytes:
    """The picture as a JPEG of at most these pixels on its longest side and these bytes.

    Raises `Failed(TOO_LARGE_FOR_VISION)` when six tries, each smaller, don't bring it there, and
    what `read_still` raises.
    """
    return shrunk(read_still(path), longest_side, size_bytes_max)


def shrunk(pixels: NDArray[np.uint8], longest_side: int, size_bytes_max: int) -> bytes:
    """The same for a decoded picture, BGR."""
    picture = Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))
    side = min(longest_side, max(picture.size))
    for _ in range(TRIES):
        content = _jpeg(picture, side)
        if len(content) <= size_bytes_max:
            return content
        side = int(side * _SMALLER)
        if side < _SIDE_MIN:
            break
    raise Failed(Reason.TOO_LARGE_FOR_VISION, bytes=len(content), limit_bytes=size_bytes_max)


def _jpeg(picture: Image.Image, side: int) -> bytes:
    scale = side / max(picture.size)
    if scale < 1:
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=_QUALITY)
    return target.getvalue()
