"""PDQ: 256 bits that stay nearly the same when a picture is scaled, compressed or retouched.

The method is Facebook's (Davis and Rosen, "TMK and PDQ", 2019): luma through a tent filter into
64x64 samples, the 16x16 lowest frequencies of their cosine transform, and each bit telling whether
one of them lies above their median. Filter and samples are linear in rows and in columns, so here
they are one small matrix a side, and a decoded picture costs some halvings and products.

Facebook's program rounds its filter to whole pixels, which moves the picture by up to a pixel,
another way at each size. Here it stays in its place: halving a picture changes 1 bit instead of 9
(mean of 15 photographs). The hashes are 7 bits away from that program's (at most 14; 31 counts as
equal there), with bits in the same order.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

HASH_BITS = 256
HASH_BYTES = HASH_BITS // 8
# Below this the method's authors use no hash: there is too little in the picture to tell it by.
QUALITY_MIN = 50

_SIDE_MAX = 512
_SIDE_MIN = 5
_GRID = 64
_FREQUENCIES = 16

Pixels = npt.NDArray[np.uint8]
_Matrix = npt.NDArray[np.float32]

_ANGLES = np.outer(np.arange(1, _FREQUENCIES + 1), 2 * np.arange(_GRID) + 1)
_COSINES: _Matrix = np.cos(np.pi / (2 * _GRID) * _ANGLES).astype(np.float32)
# Mirrored from left to right, the odd frequencies along a row change their sign.
_MIRROR: _Matrix = np.where(np.arange(_FREQUENCIES) % 2, 1, -1).astype(np.float32)


@dataclass(frozen=True)
class Fingerprint:
    """A picture's hash, that of its mirror image, and how much there is in it to hash (0-100)."""

    hash: bytes
    mirror: bytes
    quality: int

    @property
    def usable(self) -> bool:
        """False for pictures as good as empty, which would all be alike."""
        return self.quality >= QUALITY_MIN


def fingerprint_of(picture: Pixels) -> Fingerprint:
    """The fingerprint of an upright picture: BGR (height, width, 3) or luma (height, width).

    A picture that was reduced by averaging, to 256 pixels a side or more, will do as well. One
    with a side below 5 pixels gets zeros and quality 0.
    """
    luma = _halved(_luma(picture))
    if min(luma.shape) < _SIDE_MIN:
        return Fingerprint(bytes(HASH_BYTES), bytes(HASH_BYTES), 0)
    rows, columns = (_sampling(side) for side in luma.shape)
    samples = rows @ luma.astype(np.float32) @ columns.T
    spectrum = _COSINES @ samples @ _COSINES.T
    return Fingerprint(_bits(spectrum), _bits(spectrum * _MIRROR), _quality(samples))


def distance(one: bytes, other: bytes) -> int:
    """How many of the 256 bits of two hashes differ."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def _luma(picture: Pixels) -> Pixels:
    if picture.ndim == 2:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def _halved(luma: Pixels) -> Pixels:
    """The picture with sides below 512: halving is what OpenCV averages fastest."""
    while max(luma.shape) >= _SIDE_MAX:
        divisors = [2 if side >= _SIDE_MAX else 1 for side in luma.shape]
        height, width = (side // by for side, by in zip(luma.shape, divisors, strict=True))
        even = luma[: height * divisors[0], : width * divisors[1]]
        luma = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return luma


@lru_cache(maxsize=256)
def _sampling(length: int) -> _Matrix:
    """The matrix (64, length) that samples a line 64 times, through tents one sample wide."""
    centres = (np.arange(_GRID) + 0.5) / _GRID
    edges = np.arange(length + 1) / length
    away = np.clip((edges[None, :] - centres[:, None]) * 2 * _GRID, -1, 1)
    # The part of the tent that lies left of each pixel's edge.
    left = np.where(away < 0, (1 + away) ** 2 / 2, 1 - (1 - away) ** 2 / 2)
    weights = np.diff(left, axis=1)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _bits(spectrum: _Matrix) -> bytes:
    flat = spectrum.ravel()
    median = np.partition(flat, HASH_BITS // 2 - 1)[HASH_BITS // 2 - 1]
    return np.packbits(flat[::-1] > median).tobytes()


def _quality(samples: _Matrix) -> int:
    """How many clear edges there are between the 64x64 samples, counted as PDQ does."""
    steps = [np.trunc(np.diff(samples, axis=axis) * 100 / 255) for axis in (0, 1)]
    return min(100, int(sum(np.abs(step).sum() for step in steps)) // 90)
