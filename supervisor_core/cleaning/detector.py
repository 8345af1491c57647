"""Where text stands in a picture: every region, however it is turned.

The PP-OCRv6 detection network that RapidOCR ships gives each pixel a probability of lying in the
core of a text line. RapidOCR's own wrapper hides that map and drops weak regions, which is right
for reading and wrong for masking, so the map is taken from the same model file directly and read
with lower thresholds. Growing a core to its line follows the "unclip" step of differentiable
binarization (Liao et al. 2020, arXiv:1911.08947).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from pathlib import Path
from typing import Protocol

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
SIDE_MIN = 960
# The network judges a line beside all else it sees, and a small lone one drowns: of 72 on noise all
# were found in an input of 960x540, 61 in 800x800 and 30 in 960x960. What would be a larger input
# is seen smaller for its large letters, and for the small ones in tiles that share a margin.
INPUT_PIXELS = 960 * 544
TILE_OVERLAP = 0.2
# Two threads take twice the processor's time on a small input, and are no faster.
SHARED_FROM_PIXELS = 256 * 256
CORE_PROBABILITY = 0.2
MEAN_PROBABILITY = 0.35
UNCLIP_RATIO = 1.6
MARGIN_RATIO, MARGIN_PX = 0.12, 2.0
GIANT_SHARE = 0.2
COARSE_SHARE, COARSE_SIDE_MIN, COARSE_SIDE_MAX = 1 / 3, 96, 320


class PictureSource(Protocol):
    """A picture of which parts can be had, like `media.frames.Frame`."""

    @property
    def height(self) -> int:
        """Rows."""

    @property
    def width(self) -> int:
        """Columns."""

    def cut(self, rows: slice, columns: slice) -> "PictureSource":
        """A part of it."""

    def bgr(self) -> Picture:
        """The picture itself (height, width, 3), uint8."""


@dataclass(frozen=True, eq=False)
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

    def moved(self, right_px: int, down_px: int) -> "Region":
        """The same region in a picture that begins so much further left and up."""
        return Region(self.quad + np.array([right_px, down_px], np.float32), self.probability)


class TextDetector:
    """Finds text regions in one picture at a time.

    `scale` is the size of the network's input relative to the picture: verification looks at
    another scale than masking does, so that the two do not share a blind spot.
    """

    def __init__(self, *, scale: float = SCALE, side_min: int = SIDE_MIN) -> None:
        self._scale, self._side_min = scale, side_min

    def find(self, picture: Picture) -> list[Region]:
        """Returns the text regions of a BGR uint8 picture (height, width, 3)."""
        ratio = self._ratio(picture.shape)
        whole = self._find_whole(picture, _whole_side(picture.shape, ratio))
        if _fits(picture.shape, ratio):
            return whole
        return _distinct([*whole, *self._find_in_tiles(picture, ratio)])

    def find_in_part(
        self, whole: PictureSource, rows: slice, columns: slice
    ) -> list[Region] | None:
        """Returns the regions of a part of a picture, seen at the same scale as the whole.

        None when there is one so large that only a look at all of it can tell how far it goes.
        """
        part, shape = whole.cut(rows, columns).bgr(), (whole.height, whole.width)
        ratio = self._ratio(shape)
        regions = [region.moved(columns.start, rows.start) for region in self._see(part, ratio)]
        giants = [region for region in regions if _is_giant(region, shape)]
        if giants and self._confirming(whole.bgr(), giants, _whole_side(shape, ratio)):
            return None
        return [region for region in regions if not _is_giant(region, shape)]

    def _ratio(self, shape: tuple[int, ...]) -> float:
        """The size of the network's input relative to a picture of this shape."""
        return max(self._scale, self._side_min / max(shape[:2]))

    def _see(self, picture: Picture, ratio: float) -> list[Region]:
        if _fits(picture.shape, ratio):
            return self._find_at(picture, ratio * max(picture.shape[:2]))
        return list(self._find_in_tiles(picture, ratio))

    def _find_in_tiles(self, picture: Picture, ratio: float) -> Iterator[Region]:
        """What is giant in a tile is not its matter: the look at the whole sees that better."""
        for rows, columns in _tiles(picture.shape, ratio):
            tile = picture[rows, columns]
            for region in self._find_at(tile, ratio * max(tile.shape[:2])):
                if not _is_giant(region, tile.shape):
                    yield region.moved(columns.start, rows.start)

    def _find_whole(self, picture: Picture, side: float) -> list[Region]:
        regions = self._find_at(picture, side)
        giants = [region for region in regions if _is_giant(region, picture.shape)]
        if not giants:
            return regions
        kept = [region for region in regions if not _is_giant(region, picture.shape)]
        return kept + self._confirming(picture, giants, side)

    def _confirming(self, picture: Picture, giants: list[Region], side: float) -> list[Region]:
        """What a coarse look sees in the place of giant regions.

        Letters that large are still letters at a third of the size; a bright wall is not.
        """
        shown = min(side, max(picture.shape[:2]))
        coarse_side = min(max(shown * COARSE_SHARE, COARSE_SIDE_MIN), COARSE_SIDE_MAX)
        coarse = self._find_at(picture, coarse_side)
        return [found for found in coarse if any(_touch(found, giant) for giant in giants)]

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
        session = _network(threads=1 if size[0] * size[1] < SHARED_FROM_PIXELS else 2)
        output = session.run(None, {session.get_inputs()[0].name: blob})[0]
        return np.asarray(output[0, 0], dtype=np.float32)


@lru_cache(maxsize=2)
def _network(threads: int) -> onnxruntime.InferenceSession:
    """The loaded network, which all detectors of this process share."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    # Parts of a picture come in hundreds of sizes; a plan of its memory kept for each adds up.
    options.enable_mem_pattern = False
    # Threads that wait by spinning starve their neighbours when several runs share the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])


def _fits(shape: tuple[int, ...], ratio: float) -> bool:
    return bool(shape[0] * shape[1] * min(ratio, 1.0) ** 2 <= INPUT_PIXELS)


def _whole_side(shape: tuple[int, ...], ratio: float) -> float:
    """The longer side of the input for a whole picture, which is seen smaller when it is large."""
    return max(shape[:2]) * min(ratio, math.sqrt(INPUT_PIXELS / (shape[0] * shape[1])))


def _tiles(shape: tuple[int, ...], ratio: float) -> Iterator[tuple[slice, slice]]:
    """Yields the rows and columns of the fewest tiles that fit; the longer side is cut first."""
    counts = [1, 1]
    while not _fits(sides := tuple(map(_tile_px, shape, counts)), ratio):
        counts[int(sides[1] >= sides[0])] += 1
    for top, left in product(*map(_tile_starts, shape, sides, counts)):
        yield slice(top, top + sides[0]), slice(left, left + sides[1])


def _tile_px(length_px: int, count: int) -> int:
    return math.ceil(length_px / (count - (count - 1) * TILE_OVERLAP))


def _tile_starts(length_px: int, tile_px: int, count: int) -> list[int]:
    return [round(place) for place in np.linspace(0, length_px - tile_px, count)]


def _distinct(regions: list[Region]) -> list[Region]:
    """Leaves out regions that lie wholly inside a larger one."""
    kept: list[Region] = []
    for region in sorted(regions, key=_area, reverse=True):
        if not any(_inside(region, larger) for larger in kept):
            kept.append(region)
    return kept


def _area(region: Region) -> float:
    return float(cv2.contourArea(region.quad))


def _inside(region: Region, larger: Region) -> bool:
    return _touch(region, larger) and all(
        cv2.pointPolygonTest(larger.quad, (float(x), float(y)), False) >= 0 for x, y in region.quad
    )


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


def _is_giant(region: Region, shape: tuple[int, ...]) -> bool:
    return bool(region.thickness > GIANT_SHARE * min(shape[:2]))


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
