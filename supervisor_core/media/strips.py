"""Stretches of videos as a small picture: one strip a video, over its time."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

WIDTH, ROW, AXIS = 480, 18, 18
STRIPS_MAX = 8
_MARGIN = 20
_INK, _PAPER, _FAINT, _MARKED = (0, 0, 0), (255, 255, 255), (225, 225, 225), (0, 114, 178)
_MARKS = 5
_FONT_SIZE = 11


@dataclass(frozen=True)
class Strip:
    """A video's length, and the spans (start, end) that are marked; all in seconds."""

    seconds: float
    spans: Sequence[tuple[float, float]]


def draw_strips(strips: Sequence[Strip]) -> bytes:
    """Draws the first eight strips as a PNG of a few kilobytes, all on the longest one's scale."""
    shown = strips[:STRIPS_MAX]
    longest_s = max((strip.seconds for strip in shown), default=0.0) or 1.0
    picture = Image.new("RGB", (WIDTH, ROW * len(shown) + AXIS), _PAPER)
    draw, per_s = ImageDraw.Draw(picture), (WIDTH - 2 * _MARGIN) / longest_s
    for number, strip in enumerate(shown):
        top, bottom = number * ROW + 2, (number + 1) * ROW - 3
        draw.rectangle((_MARGIN, top, _MARGIN + strip.seconds * per_s, bottom), _FAINT)
        for start_s, end_s in strip.spans:
            left, right = (_MARGIN + min(at_s, strip.seconds) * per_s for at_s in (start_s, end_s))
            draw.rectangle((left, top, max(right, left + 1), bottom), _MARKED)
    _write_axis(draw, longest_s, ROW * len(shown))
    output = io.BytesIO()
    picture.quantize(16).save(output, "PNG", optimize=True)
    return output.getvalue()


def _write_axis(draw: ImageDraw.ImageDraw, longest_s: float, top: int) -> None:
    font = ImageFont.load_default(_FONT_SIZE)
    for mark in range(_MARKS):
        part = mark / (_MARKS - 1)
        at = _MARGIN + part * (WIDTH - 2 * _MARGIN)
        draw.text((at, top), _said(part * longest_s, longest_s), _INK, font, anchor="mt")


def _said(at_s: float, longest_s: float) -> str:
    if longest_s < 60:
        return f"{at_s:.1f} s"
    minutes, seconds = divmod(round(at_s), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
