"""What a text region says: RapidOCR's recogniser on the region's straightened crop.

Reading serves three ends: to decide whether a doubtful region is text at all, to record which
identifiers a picture showed, and to prove that nothing readable is left. Masking itself never
waits for it.
"""

import re
from dataclasses import dataclass

import cv2
import numpy as np
from rapidocr import RapidOCR
from rapidocr.ch_ppocr_rec import TextRecOutput

from supervisor_core.cleaning.detector import Picture, Quad

CROP_HEIGHT = 48
CROP_WIDTH_MAX, PADDED_WIDTH = 1600, 96
# Masks are drawn wider than the line; the neighbouring line in the margin would disturb reading.
MASK_MARGIN = 0.18
READABLE_SCORE, CERTAIN_SCORE = 0.7, 0.85
READABLE_SIGNS = 3
# Latin, Greek and Cyrillic letters and digits: what texture is mistaken for is mostly none of them.
_SIGN = re.compile(r"[0-9A-Za-zÀ-ɏͰ-ӿ]")


@dataclass(frozen=True)
class Reading:
    """A text and how sure the recogniser is of it (0-1)."""

    text: str
    score: float

    @property
    def readable(self) -> bool:
        """True when a person could learn something from it: three signs or more, fairly sure."""
        return self.score >= READABLE_SCORE and self._says_something()

    @property
    def certain(self) -> bool:
        """True when it is readable beyond doubt, enough to call a finished file not clean."""
        return self.score >= CERTAIN_SCORE and self._says_something()

    def _says_something(self) -> bool:
        signs = _SIGN.findall(self.text)
        return len(signs) >= READABLE_SIGNS and len(set(signs)) > 1


NOTHING = Reading("", 0.0)


class TextReader:
    """Reads one region at a time; holds the loaded recogniser (about 100 MB)."""

    def __init__(self, *, threads: int = 1) -> None:
        self._engine = RapidOCR(
            params={
                "Global.log_level": "critical",
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                # Its 320 would fill up short crops with grey: slower, and first letters got lost.
                "Rec.rec_img_shape": [3, CROP_HEIGHT, PADDED_WIDTH],
            }
        )

    def read(self, picture: Picture, quad: Quad, *, both_ways: bool = True) -> Reading:
        """Returns the surest reading of a region of a BGR picture, also tried upside down."""
        crop = straightened(picture, quad)
        if crop is None:
            return NOTHING
        upright = self._read_line(crop)
        if upright.readable or not both_ways:
            return upright
        turned = self._read_line(crop[::-1, ::-1])
        return max(upright, turned, key=lambda reading: reading.score)

    def _read_line(self, crop: Picture) -> Reading:
        output = self._engine(
            np.ascontiguousarray(crop), use_det=False, use_cls=False, use_rec=True
        )
        if not isinstance(output, TextRecOutput) or not output.txts:
            return NOTHING
        return Reading(str(output.txts[0]), float(output.scores[0]))


def straightened(picture: Picture, quad: Quad) -> Picture | None:
    """Returns the region turned level and scaled to the recogniser's height, None when too thin."""
    center, (width, height), angle = cv2.minAreaRect(quad.astype(np.float32))
    if min(width, height) < 3:
        return None
    if width < height:
        width, height, angle = height, width, angle - 90
    # OpenCV's versions differ in the range of this angle; text is rather upright than upside down.
    angle = (angle + 90) % 180 - 90
    margin = MASK_MARGIN * height
    width, height = width - margin, height - margin
    scale = CROP_HEIGHT / height
    size = (min(max(round(width * scale), CROP_HEIGHT), CROP_WIDTH_MAX), CROP_HEIGHT)
    matrix = cv2.getRotationMatrix2D(center, angle, scale)
    matrix[:, 2] += np.array(size) / 2 - np.array(center)
    crop = cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, dtype=np.uint8)
