"""Where strokes have appeared: the cheap test that every frame goes through.

Letters are thin strokes, lighter or darker than what is on both sides of them. A morphological
top-hat (bright) and black-hat (dark) with a small square leaves just such strokes (Serra 1982); at
three sizes of the picture, and in its colour planes, they are summed up in cells. A cell in
which they have risen above what they were at the last look there has to be looked at again. Nothing
is compared to the frame before alone, so a text that fades in slowly adds up.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from supervisor_core.media.frames import Frame, Plane

# A glint is far brighter than a letter needs to be, and must not count for more.
STROKE_CAP = 48
RISE_MIN, RISE_SHARE = 2.0, 0.4
# Letters of a name touch more than one cell.
CELLS_MIN = 2
# What appears at once and in full: below half of what any flashing name of ours rises by, above
# four of five rises of glints on tissue. It may be a small part of the strokes of leaves.
STRONG_RISE_MIN, STRONG_SHARE, STRONG_CELLS_MIN = 18.0, 0.2, 3
# Of 490 frames of ten clips 486 are below it, of 55 cuts between eleven clips 53 above.
CUT_SHARE = 0.5
CHANGED_MIN = 2.0
LETTERS_SHARE, KEPT_SHARE = 0.5, 0.75
AROUND = np.ones((3, 3), np.uint8)
REACH = np.ones((5, 5), np.uint8)
SIZES, COLOUR_WEIGHT = 3, 2
FALL_SHARE = 0.5

Cells = NDArray[np.bool_]
Sums = NDArray[np.float32]


@dataclass(frozen=True)
class Eyes:
    """How to look; verification does it otherwise than masking, so they share no blind spot.

    `cell_px` is the side of a cell (a multiple of 8) and `stroke_px` how thick strokes may be.
    Strokes that rise a little at a time are looked at once they have lasted `faint_frames`. Every
    so many frames there is a look at known texts that have changed (`known_every`; what comes up
    wholly inside them waits for it too), at the mean of the frames in between (`mean_of`) and at
    everything (`look_every`); masks are held for longer than the first two.
    """

    cell_px: int = 16
    stroke_px: int = 7
    faint_frames: int = 6
    known_every: int = 4
    mean_of: int = 16
    look_every: int = 40


@dataclass(frozen=True)
class Patch:
    """A rectangle of cells: rows and columns from the first up to, without, the last."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """How many cells it holds."""
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def cells(self) -> tuple[slice, slice]:
        """Its place in an array of cells."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def pixels(self, cell_px: int) -> tuple[slice, slice]:
        """Its place in a plane; the last cells may reach beyond that."""
        rows = slice(self.top * cell_px, self.bottom * cell_px)
        return rows, slice(self.left * cell_px, self.right * cell_px)

    def touches(self, other: "Patch") -> bool:
        """True when both share a cell."""
        rows = self.top < other.bottom and other.top < self.bottom
        return rows and self.left < other.right and other.left < self.right

    def joined(self, other: "Patch") -> "Patch":
        """The smallest patch that holds both."""
        return Patch(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )


@dataclass(frozen=True)
class Risen:
    """The cells in which strokes have appeared; `strong` ones as a whole text does at once."""

    strong: Cells
    faint: Cells


@dataclass(frozen=True)
class Strokes:
    """The strokes of one frame: of every pixel at full size, and summed up (4, rows, columns)."""

    luma: Plane
    map: Plane
    sums: Sums


class StrokeTest:
    """Remembers the strokes and the brightness of every cell at the last look there."""

    def __init__(self, eyes: Eyes) -> None:
        self.eyes = eyes
        self.cell_px = eyes.cell_px
        self._stroke = np.ones((eyes.stroke_px, eyes.stroke_px), np.uint8)
        self._strokes: Sums | None = None
        self._age: NDArray[np.int32] = np.zeros((0, 0), np.int32)
        nothing = np.zeros((0, 0), np.uint8)
        self._now = Strokes(nothing, nothing, np.zeros((0, 0, 0), np.float32))
        self._luma_seen = self._map_seen = nothing

    def measure(self, frame: Frame) -> Strokes:
        """The strokes of a frame: the larger part of the test, which needs nothing remembered."""
        full = self._strokes_in(frame.luma)
        return Strokes(frame.luma, full, self._sums(frame, full))

    def test(self, now: Strokes, known: Cells | None = None) -> Risen | None:
        """Returns where strokes have appeared; None when all may be new.

        `known` are the cells of known texts.
        """
        self._now = now
        if self._strokes is None or self._luma_seen.shape != now.luma.shape:
            return None
        gain = now.sums - self._strokes
        both = float((now.sums[0] + self._strokes[0]).mean())
        if np.abs(gain[0]).mean() > max(RISE_MIN, CUT_SHARE * both):
            return None
        # Strokes that moved over from the next cell are missing there, and are no new ones. What a
        # text lost excuses nothing: another may have come up beside it.
        missing = np.maximum(-gain, 0)
        if known is not None:
            missing[:, known] = 0
        lost = np.stack([cv2.dilate(one, REACH) for one in missing])
        rise = gain - lost
        self._strokes += FALL_SHARE * np.minimum(gain, lost)
        return Risen(self._strong(rise), self._lasting(rise))

    def _strong(self, rise: Sums) -> Cells:
        # Letters stand out at two neighbouring sizes, or in colour.
        together = np.maximum((rise[:-2] + rise[1:-1]).max(axis=0), rise[-1])
        risen = self._risen(rise, STRONG_SHARE)
        enough = together > STRONG_RISE_MIN
        return np.asarray(risen & enough & _in_company(risen, STRONG_CELLS_MIN), np.bool_)

    def _lasting(self, rise: Sums) -> Cells:
        risen = self._risen(rise, RISE_SHARE)
        self._age = np.where(risen, self._age + 1, 0)
        lasting = self._age >= self.eyes.faint_frames
        return np.asarray(lasting & _in_company(risen, CELLS_MIN), np.bool_)

    def _risen(self, rise: Sums, share: float) -> Cells:
        least = np.maximum(RISE_MIN, share * np.asarray(self._strokes))
        return np.asarray((rise > least).any(axis=0), dtype=np.bool_)

    def changed(self) -> Cells:
        """The cells whose brightness is not what it was at the last look there."""
        return pooled(cv2.absdiff(self._now.luma, self._luma_seen), self.cell_px) > CHANGED_MIN

    def stands(self, box: tuple[float, float, float, float]) -> bool:
        """True when the strokes that were in a box (x0, y0, x1, y1) at the last look still are.

        So a text is still there whatever moves behind it; one that went on by two pixels is not.
        """
        x0, y0, x1, y1 = (max(int(side), 0) for side in box)
        place = slice(y0, y1 + 1), slice(x0, x1 + 1)
        now, before = self._now.map[place], self._map_seen[place]
        letters = before > LETTERS_SHARE * before.max(initial=0)
        kept, there = np.minimum(now, before)[letters].sum(), before[letters].sum()
        return bool(there and kept > KEPT_SHARE * there)

    def looked_at_all(self) -> None:
        """Remembers the whole frame as looked at."""
        now = self._now
        self._strokes, self._age = now.sums.copy(), np.zeros(now.sums.shape[1:], np.int32)
        self._luma_seen, self._map_seen = now.luma.copy(), now.map.copy()

    def looked_at(self, patch: Patch) -> None:
        """Remembers a part of the frame as looked at."""
        if self._strokes is not None:
            self._strokes[:, *patch.cells] = self._now.sums[:, *patch.cells]
            self._age[patch.cells] = 0
        place = patch.pixels(self.cell_px)
        self._luma_seen[place] = self._now.luma[place]
        self._map_seen[place] = self._now.map[place]

    def _sums(self, frame: Frame, full: Plane) -> Sums:
        """The mean strokes of every cell (4, rows, columns): at three sizes, and in the colours."""
        smaller: MatLike = frame.luma
        cell_px = self.cell_px
        maps = [pooled(full, cell_px)]
        for _ in range(SIZES - 1):
            size = (-(-smaller.shape[1] // 2), -(-smaller.shape[0] // 2))
            smaller = cv2.resize(smaller, size, interpolation=cv2.INTER_AREA)
            cell_px //= 2
            maps.append(pooled(self._strokes_in(smaller), cell_px))
        colour = cv2.max(self._strokes_in(frame.blue), self._strokes_in(frame.red))
        maps.append(COLOUR_WEIGHT * pooled(colour, self.cell_px // 2))
        rows, columns = maps[0].shape
        return np.stack([one[:rows, :columns] for one in maps])

    def _strokes_in(self, plane: MatLike) -> Plane:
        """How far every pixel stands out of its surroundings as a part of a thin stroke."""
        stands_out = cv2.max(*hats(plane, self._stroke))
        capped = cv2.threshold(stands_out, STROKE_CAP, 0, cv2.THRESH_TRUNC)[1]
        return np.asarray(capped, dtype=np.uint8)


def hats(plane: MatLike, stroke: MatLike) -> tuple[MatLike, MatLike]:
    """How much brighter, and how much darker, every pixel is as a part of a thin stroke."""
    bright = cv2.morphologyEx(plane, cv2.MORPH_TOPHAT, stroke)
    return bright, cv2.morphologyEx(plane, cv2.MORPH_BLACKHAT, stroke)


def _in_company(cells: Cells, least: int) -> Cells:
    """Where a cell and its neighbours are enough for a name."""
    crowd = cv2.filter2D(cells.astype(np.uint8), -1, AROUND, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(crowd >= least, dtype=np.bool_)


def pooled(plane: MatLike, cell_px: int) -> Sums:
    """The mean of every cell of a plane; its last row and column fill up the last cells."""
    bottom, right = (-length % cell_px for length in plane.shape[:2])
    if bottom or right:
        plane = cv2.copyMakeBorder(plane, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    size = (plane.shape[1] // cell_px, plane.shape[0] // cell_px)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
