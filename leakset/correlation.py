"""How much of a known letter a picture still shows.

For a window of a few letters the picture's luma is explained by least squares as

    luma = level + slope + gain * (base footage) + step * (letters' ink) + rest

and two figures say what is left of the letters: `likeness`, the partial correlation of the luma
with the ink once level, slope and base are taken out of both (1: the letters and nothing else,
0: not the letters), and `step`, how many luma steps the ink stands off its ground. Taking the base
out is what makes the measure fair on high detail: grass that looks like strokes is in the base too,
and so counts neither for nor against. Small shifts of the picture are tried as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from leakset.lettering import Lettering
from leakset.pictures import LUMA
from leakset.truth import Colour, Shot

REACH = 2
"""Shifts of up to this many pixels are tried in both directions."""
LETTERS = 3
"""Letters in a window: as many of a name as must not stay readable."""
_QUANTUM = 0.5  # luma noise (standard deviation) below which correlation means nothing


@dataclass(frozen=True)
class Window:
    """Columns and rows of one run of letters in its lettering's picture."""

    rows: slice
    columns: slice


@dataclass(frozen=True)
class Trace:
    """What is left of the letters in one window: `likeness` -1..1, `step` in luma steps."""

    likeness: float
    step: float


NOTHING = Trace(0.0, 0.0)


def windows(line: Lettering) -> Iterator[Window]:
    """All runs of LETTERS neighbouring letters, whole and the upper half of a longer run.

    Letters can be read by their upper halves alone, so a mask that leaves those leaves the name.
    """
    middle = (line.top + line.bottom) // 2
    yield from _runs(line, LETTERS, slice(line.top - 1, line.bottom + 1))
    yield from _runs(line, LETTERS + 1, slice(line.top - 1, middle + 1))


def _runs(line: Lettering, length: int, rows: slice) -> Iterator[Window]:
    for first in range(max(1, len(line.spans) - length + 1)):
        run = line.spans[first : first + length]
        yield Window(rows, slice(max(0, run[0][0] - 1), run[-1][1] + 1))


def cut_out(luma: np.ndarray, shape: tuple[int, int], shot: Shot) -> np.ndarray:
    """The picture under a lettering, turned back upright, with REACH pixels more on every side."""
    rows, columns = shape
    matrix = shot.matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ (-REACH, -REACH)
    return cv2.warpAffine(
        luma,
        matrix,
        (columns + 2 * REACH, rows + 2 * REACH),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def inside(shape: tuple[int, int], shot: Shot, picture_shape: tuple[int, ...]) -> np.ndarray:
    """Which pixels of a lettering lie within the picture, as booleans of its shape."""
    y, x = np.indices(shape)
    places = np.tensordot(shot.matrix, np.stack([x, y, np.ones_like(x)]), axes=1)
    limits = np.array(picture_shape[1::-1])[:, None, None] - 1
    return np.all((places >= -0.01) & (places <= limits + 0.01), axis=0)


def views(window: Window, ground: np.ndarray, ink: Colour) -> tuple[np.ndarray, np.ndarray]:
    """Channel weights to look through: luma, and the colour in which ink and ground differ most."""
    mean = ground[REACH:-REACH, REACH:-REACH][window.rows, window.columns].mean(axis=(0, 1))
    apart = np.array(ink, np.float32) - mean
    return LUMA, (apart / max(1.0, float(np.abs(apart).sum()))).astype(np.float32)


class Probe:
    """One window of one mark on one frame, ready to be compared with pictures.

    `base` and the pictures are float32 patches from `cut_out`, `seen` is from `inside`.
    """

    def __init__(self, window: Window, ink: np.ndarray, base: np.ndarray, seen: np.ndarray) -> None:
        self._rows, self._columns = window.rows, window.columns
        patch = ink[window.rows, window.columns]
        inner = base[REACH:-REACH, REACH:-REACH][window.rows, window.columns]
        self._seen = seen[window.rows, window.columns]
        self.visible = bool(self._seen.mean() > 0.9)
        if self.visible:
            self._basis = _basis(inner, self._seen)
            ink_inside = patch[self._seen]
            self._ink = ink_inside - self._basis @ (self._basis.T @ ink_inside)
            self._norm = float(np.linalg.norm(self._ink))

    def trace(self, picture: np.ndarray) -> Trace:
        """The strongest trace over all small shifts; likeness is positive for either polarity."""
        height, width = self._seen.shape
        top, left = self._rows.start, self._columns.start
        area = picture[top : top + height + 2 * REACH, left : left + width + 2 * REACH]
        shifted = np.lib.stride_tricks.sliding_window_view(area, (height, width))
        values = shifted.reshape(-1, height, width)[:, self._seen]
        rest = values - (values @ self._basis) @ self._basis.T
        along = rest @ self._ink
        spread = np.sqrt((rest**2).sum(axis=1) + values.shape[1] * _QUANTUM**2)
        likeness = np.abs(along) / (self._norm * spread)
        best = int(np.argmax(likeness))
        return Trace(float(likeness[best]), float(abs(along[best]) / self._norm**2))


def _basis(base: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Orthonormal columns: level, slope in both directions, and the base footage."""
    y, x = np.indices(base.shape)
    columns = [np.ones(seen.sum()), x[seen], y[seen], base[seen]]
    matrix = np.stack(columns, axis=1).astype(np.float32)
    matrix[:, 1:] -= matrix[:, 1:].mean(axis=0)
    return np.linalg.qr(matrix)[0]
