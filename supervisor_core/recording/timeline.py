"""A picture of a recording over the day's time: what was recorded, how it is, and what is missing.

Each kind has a colour and a pattern of its own, so that it can be told without seeing colours. The
colours are those of Okabe and Ito, which differ for all kinds of colour blindness.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum, auto

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 960, 64
_BAR = slice(19, 43)  # rows
_MARGIN = 8
_INK, _PAPER, _FAINT = (0, 0, 0), (255, 255, 255), (225, 225, 225)
_GAP_WIDTH_MIN = 2  # a second must be seen in a day
_MARK_WIDTH = 96  # between two times
_FONT_SIZE = 11
_EDGE = 26  # half the width of a time
_STEPS_S = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 21_600, 43_200),
    *(86_400, 172_800, 604_800, 2_592_000, 31_536_000),
)


class Kind(StrEnum):
    """What a stretch of time shows."""

    RECORDED = auto()
    FROZEN = auto()
    LOOPING = auto()
    DAMAGED = auto()
    MISSING = auto()


@dataclass(frozen=True)
class Bar:
    """A segment or a gap; times are seconds since 1970."""

    start_s: float
    end_s: float
    kind: Kind


_COLOURS = {
    Kind.RECORDED: (0, 114, 178),
    Kind.FROZEN: (230, 159, 0),
    Kind.LOOPING: (0, 158, 115),
    Kind.DAMAGED: (204, 121, 167),
    Kind.MISSING: (213, 94, 0),
}
Canvas = NDArray[np.uint8]


def draw_timeline(bars: Sequence[Bar], width: int = WIDTH) -> bytes:
    """Draws segments and gaps as a PNG of 64 rows; gaps lie over segments. Times are UTC."""
    canvas = np.full((HEIGHT, width, 3), _PAPER, np.uint8)
    canvas[_BAR, _MARGIN : width - _MARGIN] = _FAINT
    scale = _Scale(bars, width)
    for bar in sorted(bars, key=lambda bar: bar.kind is Kind.MISSING):
        _fill(canvas, bar, scale)
    picture = Image.fromarray(canvas)
    _write(picture, bars, scale)
    output = io.BytesIO()
    picture.quantize(64).save(output, "PNG", optimize=True)
    return output.getvalue()


class _Scale:
    """Turns times into columns."""

    def __init__(self, bars: Sequence[Bar], width: int) -> None:
        self.start_s = min((bar.start_s for bar in bars), default=0.0)
        self.end_s = max((max(bar.start_s, bar.end_s) for bar in bars), default=0.0)
        self.length_s = max(self.end_s - self.start_s, 1.0)
        self._width = width - 2 * _MARGIN

    def column(self, time_s: float) -> int:
        return _MARGIN + round((time_s - self.start_s) / self.length_s * self._width)

    def marks(self) -> tuple[int, Iterator[float]]:
        """The step between two marks, in seconds, and their times."""
        few = max(1, self._width // _MARK_WIDTH)
        step_s = next((step for step in _STEPS_S if self.length_s / step <= few), _STEPS_S[-1])
        first = -(-self.start_s // step_s) * step_s
        count = int((self.start_s + self.length_s - first) // step_s) + 1
        return step_s, (first + number * step_s for number in range(min(count, 4 * few)))


def _fill(canvas: Canvas, bar: Bar, scale: _Scale) -> None:
    left, right = scale.column(bar.start_s), scale.column(max(bar.start_s, bar.end_s))
    if bar.kind is Kind.MISSING:
        right = max(right, left + _GAP_WIDTH_MIN)
    canvas[_BAR, left:right] = _pattern(bar.kind, left, right)
    if right - left > 3:
        canvas[_BAR, left] = _PAPER


def _pattern(kind: Kind, left: int, right: int) -> Canvas:
    """The colour of a kind with its own white (for what is missing: coloured) lines or dots."""
    rows, columns = np.mgrid[_BAR, left:right]
    lines = {
        Kind.RECORDED: np.zeros_like(rows, bool),
        Kind.FROZEN: columns % 4 == 0,
        Kind.LOOPING: (rows % 4 == 0) & (columns % 4 < 2),
        Kind.DAMAGED: (rows + columns) % 5 == 0,
        Kind.MISSING: ((rows + columns) % 6 > 1) & ((rows - columns) % 6 > 1),
    }[kind]
    edge = (rows < _BAR.start + 2) | (rows >= _BAR.stop - 2)
    if kind is Kind.MISSING:
        lines &= ~edge
    return np.where(lines[..., None], _PAPER, _COLOURS[kind]).astype(np.uint8)


def _write(picture: Image.Image, bars: Sequence[Bar], scale: _Scale) -> None:
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(_FONT_SIZE)
    if not bars:
        draw.text((_MARGIN, 2), "nothing recorded", _INK, font)
        return
    step_s, times = scale.marks()
    for time_s in times:
        column = scale.column(time_s)
        draw.line([(column, _BAR.stop), (column, _BAR.stop + 4)], _INK)
        at = min(max(column, _EDGE), picture.width - _EDGE)
        draw.text((at, _BAR.stop + 5), _said(time_s, step_s), _INK, font, anchor="mt")
    at = _MARGIN
    draw.text((at, 2), f"{_day(scale.start_s)} UTC", _INK, font)
    at += 110
    for kind in [kind for kind in Kind if any(bar.kind is kind for bar in bars)]:
        picture.paste(Image.fromarray(_pattern(kind, at, at + 18)[:11]), (at, 4))
        draw.text((at + 22, 2), kind.value, _INK, font)
        at += 30 + round(draw.textlength(kind.value, font))


def _said(time_s: float, step_s: int) -> str:
    form = "%H:%M:%S" if step_s < 60 else "%H:%M" if step_s < 86_400 else "%m-%d"
    return f"{datetime.fromtimestamp(time_s, UTC):{form}}"


def _day(time_s: float) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d}"
