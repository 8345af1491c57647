"""Painting masks into pictures: solid, so that nothing of what was there is left to guess."""

import cv2
import numpy as np
from numpy.typing import NDArray

from supervisor_core.cleaning.detector import Picture, Quad
from supervisor_core.media.frames import Frame

Mask = NDArray[np.uint8]
# Black in video range (BT.601 and BT.709 alike).
BLACK_LUMA, BLACK_CHROMA = 16, 128


def add_quads(mask: Mask, quads: list[Quad]) -> Mask:
    """Returns a copy of the mask that is also 1 wherever a quad touches a pixel."""
    mask = mask.copy()
    for quad in quads:
        cv2.fillPoly(mask, [np.round(quad).astype(np.int32)], 1)
    return mask


def paint_frame(frame: Frame, mask: Mask) -> Frame:
    """Returns the frame with every masked sample black; the frame given is left as it was."""
    half = _half(mask)
    return Frame(
        frame.index,
        frame.time,
        np.where(mask, np.uint8(BLACK_LUMA), frame.luma),
        np.where(half, np.uint8(BLACK_CHROMA), frame.blue),
        np.where(half, np.uint8(BLACK_CHROMA), frame.red),
    )


def paint_picture(picture: Picture, mask: Mask) -> Picture:
    """Returns the BGR picture with every masked pixel black."""
    return np.where(mask[:, :, None], np.uint8(0), picture)


def _half(mask: Mask) -> Mask:
    # A chroma sample lies under up to four pixels; one masked pixel among them blackens it.
    height, width = mask.shape
    padded = np.pad(mask, ((0, height % 2), (0, width % 2)))
    half: Mask = padded.reshape(padded.shape[0] // 2, 2, -1, 2).max(axis=(1, 3))
    return half


class MaskCache:
    """Draws the mask of a frame, and draws it anew only when its quads change."""

    def __init__(self, base: Mask) -> None:
        self._base = base
        self._quads: list[int] | None = None
        self.mask = base
        self.share = 0.0

    def draw(self, quads: list[Quad]) -> Mask:
        """Returns the base mask with these quads; `share` is the part of the picture it covers."""
        identity = [id(quad) for quad in quads]
        if identity != self._quads:
            self._quads = identity
            self.mask = add_quads(self._base, quads)
            self.share = float(self.mask.mean())
        return self.mask
