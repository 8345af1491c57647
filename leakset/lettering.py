"""Letters as exact masks: how much of every pixel the ink covers, and where each letter stands."""

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from leakset.people import plain

_OPENCV = {
    "sans": ("sans", 400),
    "light": ("sans", 300),
    "bold": ("sans", 800),
    "italic": ("italic", 400),
    "universal": ("uni", 400),
}
FONTS = (*_OPENCV, "aileron", "bitmap", "spaced")
_ROOM = 4  # pixels around the ink, for outlines and for the edge of rotated letters


@dataclass(frozen=True)
class Lettering:
    """One line of text as a picture of its ink.

    `ink` is float32 0..1 (height, width) with a border of a few empty pixels; `spans` holds for
    every visible letter its first and last+1 column; `top` and `bottom` bound the ink's rows.
    """

    text: str
    ink: np.ndarray
    spans: tuple[tuple[int, int], ...]
    top: int
    bottom: int

    @property
    def height(self) -> int:
        """Rows from the highest to the lowest ink."""
        return self.bottom - self.top


def write(text: str, font: str, size_px: float) -> Lettering:
    """Renders `text` in one of FONTS at a font size (em) in pixels."""
    if font == "aileron":
        return _finish(plain(text), *_with_pillow(plain(text), size_px))
    if font == "bitmap":
        return _finish(text, *_with_blocks(text, size_px))
    if font == "spaced":
        return _finish(text, *_with_opencv(text, "universal", size_px, gap=0.18))
    return _finish(text, *_with_opencv(text, font, size_px))


def write_capital(text: str, font: str, capital_px: int) -> Lettering:
    """Renders `text` so that a capital letter is `capital_px` rows high."""
    for size in range(capital_px, 3 * capital_px):
        if write("H", font, size).height >= capital_px:
            return write(text, font, size)
    return write(text, font, 3 * capital_px)


@functools.cache
def _face(name: str) -> "cv2.FontFace":
    return cv2.FontFace(name)


def _with_opencv(
    text: str, font: str, size_px: float, gap: float = 0.0
) -> tuple[np.ndarray, list[float]]:
    """Ink of a whole line, and the pen's column before each letter and after the last."""
    name, weight = _OPENCV[font]
    size = round(size_px)
    sheet = np.zeros((2 * size + 8, (len(text) + 2) * 2 * size, 1), np.uint8)
    pen, columns = size, []
    pieces = list(text) if gap else [text]
    for piece in pieces:
        pen = cv2.putText(sheet, piece, (pen, int(1.4 * size)), 255, _face(name), size, weight)[0][
            0
        ]
        pen += round(gap * size)
        columns.append(float(pen))
    if gap:
        return sheet[:, :, 0] / np.float32(255), [float(size), *columns]
    starts = [
        float(size + cv2.getTextSize((0, 0), text[:i], (0, 0), _face(name), size, weight)[2])
        for i in range(1, len(text) + 1)
    ]
    return sheet[:, :, 0] / np.float32(255), [float(size), *starts]


def _with_pillow(text: str, size_px: float) -> tuple[np.ndarray, list[float]]:
    font = ImageFont.load_default(size_px)
    margin = int(size_px)
    sheet = Image.new("L", (int(font.getlength(text)) + 2 * margin, 3 * margin))
    ImageDraw.Draw(sheet).text((margin, margin // 2), text, fill=255, font=font)
    columns = [margin + font.getlength(text[:i]) for i in range(len(text) + 1)]
    return np.asarray(sheet, np.float32) / 255, columns


def _with_blocks(text: str, size_px: float) -> tuple[np.ndarray, list[float]]:
    """Hard-edged letters on a coarse grid, as older processors burn them in."""
    factor = max(1, round(size_px / 16))
    ink, columns = _with_opencv(text, "universal", size_px / factor)
    hard = (ink > 0.42).astype(np.float32)
    return np.kron(hard, np.ones((factor, factor), np.float32)), [c * factor for c in columns]


def _finish(text: str, ink: np.ndarray, columns: list[float]) -> Lettering:
    rows = np.flatnonzero(ink.max(axis=1) > 0.1)
    cols = np.flatnonzero(ink.max(axis=0) > 0.1)
    top, left = rows[0] - _ROOM, cols[0] - _ROOM
    cut = ink[top : rows[-1] + 1 + _ROOM, left : cols[-1] + 1 + _ROOM]
    spans = []
    for letter, start, stop in zip(text, columns, columns[1:], strict=False):
        first, last = round(start - left), round(stop - left)
        inside = np.flatnonzero(cut[:, max(0, first) : last].max(axis=0, initial=0) > 0.1)
        if not letter.isspace() and inside.size:
            spans.append((max(0, first) + int(inside[0]), max(0, first) + int(inside[-1]) + 1))
    return Lettering(
        text, np.ascontiguousarray(cut, np.float32), tuple(spans), _ROOM, cut.shape[0] - _ROOM
    )
