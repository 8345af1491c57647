"""Draws the scrub strip of a video, decoding as little of it as that takes.

A tile shows a key frame of its span where there is one, so a long video is decoded for as many
frames as there are tiles. Where key frames lie further apart than tiles, it is the frame that
stands in the middle of the span, and all frames up to it from the key frame on are decoded once.
Where seeking does not lead to the times that it should, the whole file is decoded in one pass.
"""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from supervisor_core.media.damage import damaged
from supervisor_core.media.moments import Film, Shown
from supervisor_core.media.one_frame import upright
from supervisor_core.media.picture import Picture
from supervisor_core.media.sprites import BYTES_MAX, SpriteLayout
from supervisor_core.reasons import Failed, Reason

# The first that keeps the strip small enough; noise in colour needs the last ones.
_QUALITIES = (80, 65, 50, 35, 20, 10, 5)


def write_sprite(source: Path, destination: Path, layout: SpriteLayout) -> tuple[float, ...]:
    """Writes the strip as a JPEG of at most 600 kB; returns when each tile's frame is shown (s).

    What is damaged or missing at the end is shown by the last frame before it. Raises `Failed` as
    reading the file does when there is not even one frame.
    """
    try:
        return write_tiles(destination, layout, sought(source, layout))
    except (Astray, Failed):
        return write_tiles(destination, layout, passed(source, layout))


class Astray(Exception):
    """Seeking has led somewhere else than it should."""


def write_tiles(
    destination: Path, layout: SpriteLayout, frames: Iterator[Shown]
) -> tuple[float, ...]:
    """Draws these frames, one for each tile, and writes the strip; returns their times (s)."""
    strip = np.zeros((layout.height, layout.width, 3), np.uint8)
    times = []
    tile, drawn = None, None
    for number, shown in enumerate(frames):
        if tile is None or drawn is not shown:
            tile, drawn = _tile(shown, layout), shown
        x, y = layout.place(number)
        strip[y : y + layout.tile_height, x : x + layout.tile_width] = tile
        times.append(float(shown.time_s))
    _save(destination, strip)
    return tuple(times)


def _tile(shown: Shown, layout: SpriteLayout) -> Picture:
    picture = upright(shown.decoded, 2 * max(layout.tile_width, layout.tile_height))
    size = layout.tile_width, layout.tile_height
    small = Image.fromarray(picture[:, :, ::-1]).resize(size, Image.Resampling.BOX)
    return np.asarray(small, np.uint8)


def _save(destination: Path, strip: Picture) -> None:
    picture = Image.fromarray(strip)
    for quality in _QUALITIES:
        with damaged(Reason.ENCODE_FAILED):
            picture.save(destination, "JPEG", quality=quality, optimize=True)
        if destination.stat().st_size <= BYTES_MAX:
            return


def _spans(layout: SpriteLayout) -> Iterator[tuple[Fraction, Fraction, Fraction]]:
    """Start, middle and end of each tile's span."""
    each_s = Fraction(layout.each_s)
    for number in range(layout.count):
        yield number * each_s, (number + Fraction(1, 2)) * each_s, (number + 1) * each_s


def sought(source: Path, layout: SpriteLayout) -> Iterator[Shown]:
    """The frame of each tile, by seeking; raises `Astray` where that can't be trusted."""
    with Film(source, threads="SLICE") as scout, Film(source) as film:
        if not film.one_clock:
            raise Astray
        run = _Run(film)
        for start_s, middle_s, end_s in _spans(layout):
            key_s = scout.key_before(middle_s)
            shown = scout.key_frame() if key_s is not None and key_s >= start_s else None
            if shown is None:
                later_s = scout.key_before(end_s)
                if later_s is not None and start_s <= later_s < end_s:
                    shown = scout.key_frame()
            yield shown or run.standing_at(middle_s, key_s)


class _Run:
    """Decodes a film forward from key frame to key frame, none of it twice."""

    def __init__(self, film: Film) -> None:
        self._film = film
        self._frames: Iterator[Shown] = iter(())
        self._held: Shown | None = None
        self._next: Shown | None = None

    def standing_at(self, time_s: Fraction, key_s: Fraction | None) -> Shown:
        """The frame that stands at a time, for which decoding would begin with a key frame."""
        if key_s is None:
            raise Astray
        if self._held is None or key_s > self._held.time_s:
            self._begin(time_s)
        while self._next is not None and self._next.time_s <= time_s:
            self._held, self._next = self._next, self._following()
        if self._held is None:
            raise Astray
        return self._held

    def _begin(self, time_s: Fraction) -> None:
        self._frames = self._film.from_key(time_s)
        self._held, self._next = None, self._following()

    def _following(self) -> Shown | None:
        try:
            return next(self._frames, None)
        except Failed:
            raise Astray from None


def passed(source: Path, layout: SpriteLayout) -> Iterator[Shown]:
    """The frames that stand in the middle of each span, by decoding everything."""
    with Film(source) as film:
        frames = film.all()
        held = next(frames)
        following: Shown | None = held
        for _, middle_s, _ in _spans(layout):
            while following is not None and following.time_s <= middle_s:
                held, following = following, None
                with suppress(Failed):
                    following = next(frames, None)
            yield held
