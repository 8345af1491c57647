"""Where text stands in a picture: every region, however it is turned.

The PP-OCRv6 detection network that RapidOCR ships gives each pixel a probability of lying in the
core of a text line. RapidOCR's own wrapper hides that map and drops weak regions, which is right
for reading and wrong for masking, so the map is taken from the same model file directly and read
with lower thresholds. Growing a core to its line follows the "unclip" step of differentiable
binarization (Liao et al. 2020, arXiv:1911.08947).
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import rapidocr
from cv2.typing import MatLike
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Quad = NDArray[np.float32]

MODEL = Path(rapidocr.__file__).parent / "models" / "PP-OCRv6_det_small.onnx"
SCALE = 0.75
SIDE_MIN, SIDE_MAX = 960, 2560
CORE_PROBABILITY = 0.2
MEAN_PROBABILITY = 0.35
UNCLIP_RATIO = 1.6
MARGIN_RATIO, MARGIN_PX = 0.12, 2.0
GIANT_SHARE = 0.2
COARSE_SHARE, COARSE_SIDE_MIN, COARSE_SIDE_MAX = 1 / 3, 96, 320


@dataclass(frozen=True)
class Region:
    """One text line: a turned rectangle of 4 corners (x, y) in pixels, and its mean probability."""

    quad: Quad
    probability: float

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """The upright rectangle around the region: x0, y0, x1, y1 in pixels."""
        (x0, y0), (x1, y1) = self.quad.min(axis=0), self.quad.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    @cached_property
    def thickness(self) -> float:
        """The shorter side of the rectangle in pixels: the height of the line."""
        return float(np.linalg.norm(self.quad - np.roll(self.quad, 1, axis=0), axis=1).min())


class TextDetector:
    """Finds text regions in one picture at a time; holds the loaded network (about 100 MB).

    `scale` is the size of the network's input relative to the picture: verification looks at
    another scale than masking does, so that the two do not share a blind spot.
    """

    def __init__(self, *, scale: float = SCALE, side_min: int = SIDE_MIN, threads: int = 2) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        # Threads that wait by spinning starve their neighbours when several runs share the cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._scale, self._side_min = scale, side_min
        self._session = onnxruntime.InferenceSession(
            str(MODEL), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def find(self, picture: Picture) -> list[Region]:
        """Returns the text regions of a BGR uint8 picture (height, width, 3)."""
        side = min(max(self._scale * max(picture.shape[:2]), self._side_min), SIDE_MAX)
        regions = self._find_at(picture, side)
        giants = [region for region in regions if _is_giant(region, picture)]
        if not giants:
            return regions
        shown = min(side, max(picture.shape[:2]))
        coarse_side = min(max(shown * COARSE_SHARE, COARSE_SIDE_MIN), COARSE_SIDE_MAX)
        return _confirmed(regions, giants, self._find_at(picture, coarse_side))

    def _find_at(self, picture: Picture, side: float) -> list[Region]:
        probability = self.probability(picture, side)
        height, width = picture.shape[:2]
        scale = np.array(
            [width / probability.shape[1], height / probability.shape[0]], dtype=np.float32
        )
        return _grown_regions(probability, scale)

    def probability(self, picture: Picture, side: float) -> NDArray[np.float32]:
        """Returns the network's map for the picture scaled down to at most `side` pixels."""
        height, width = picture.shape[:2]
        ratio = min(1.0, side / max(height, width))
        size = (_multiple_of_32(width * ratio), _multiple_of_32(height * ratio))
        interpolation = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
        small = cv2.resize(picture, size, interpolation=interpolation)
        blob = cv2.dnn.blobFromImage(small, 1 / 127.5, mean=(127.5, 127.5, 127.5))
        output = self._session.run(None, {self._input: blob})[0]
        return np.asarray(output[0, 0], dtype=np.float32)


def _multiple_of_32(length: float) -> int:
    return max(32, round(length / 32) * 32)


def _grown_regions(probability: NDArray[np.float32], scale: NDArray[np.float32]) -> list[Region]:
    cores = cv2.dilate((probability > CORE_PROBABILITY).astype(np.uint8), np.ones((2, 2), np.uint8))
    # With holes told apart, a word inside the ring of another region is found as well.
    contours, ranks = cv2.findContours(cores, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    regions = []
    parents = np.asarray(ranks)[0, :, 3] if contours else ()
    for contour, parent in zip(contours, parents, strict=True):
        if parent >= 0:
            continue
        center, (width, height), angle = cv2.minAreaRect(contour)
        mean = _mean_inside(probability, contour)
        if min(width, height) < 2 or mean < MEAN_PROBABILITY:
            continue
        grown = _grown_size(width, height)
        corners = cv2.boxPoints((center, grown, angle)) + 0.5
        regions.append(Region((corners * scale).astype(np.float32), mean))
    return regions


def _grown_size(width: float, height: float) -> tuple[float, float]:
    unclip = width * height * UNCLIP_RATIO / (2 * (width + height))
    margin = MARGIN_RATIO * (min(width, height) + 2 * unclip) + MARGIN_PX
    growth = 2 * (unclip + margin)
    return width + growth, height + growth


def _mean_inside(probability: NDArray[np.float32], contour: MatLike) -> float:
    x, y, width, height = cv2.boundingRect(contour)
    inside = np.zeros((height, width), dtype=np.uint8)
    cv2.drawContours(inside, [contour - np.array([x, y])], 0, 1, -1)
    return float(cv2.mean(probability[y : y + height, x : x + width], inside)[0])


def _is_giant(region: Region, picture: Picture) -> bool:
    height, width = picture.shape[:2]
    return bool(region.thickness > GIANT_SHARE * min(height, width))


def _confirmed(regions: list[Region], giants: list[Region], coarse: list[Region]) -> list[Region]:
    """Replaces giant regions by what a coarse look sees in their place.

    Letters that large are still letters at a third of the size; a bright wall is not.
    """
    kept = [region for region in regions if not any(region is giant for giant in giants)]
    return kept + [found for found in coarse if any(_touch(found, giant) for giant in giants)]


def _touch(one: Region, other: Region) -> bool:
    x0, y0 = max(one.box[0], other.box[0]), max(one.box[1], other.box[1])
    x1, y1 = min(one.box[2], other.box[2]), min(one.box[3], other.box[3])
    return x0 < x1 and y0 < y1


def cover(regions: list[Region], height: int, width: int) -> NDArray[np.uint8]:
    """Returns a mask (height, width) that is 1 inside any of the regions, else 0."""
    mask = np.zeros((height, width), dtype=np.uint8)
    for region in regions:
        cv2.fillPoly(mask, [np.round(region.quad).astype(np.int32)], 1)
    return mask
