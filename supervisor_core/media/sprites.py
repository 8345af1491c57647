"""The scrub strip of a video: one picture with small frames of its whole length, in rows.

Where each tile lies and what it stands for follows from the video's size and length alone, so
whoever serves the strip writes its WebVTT without reading the picture.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from supervisor_core.media.info import MediaInfo

LONGEST_SIDE = 160
TILES_MAX = 100
COLUMNS = 10
EACH_MIN_S = 0.5
BYTES_MAX = 600_000


@dataclass(frozen=True)
class SpriteLayout:
    """Tiles of one size (pixels), row by row; each stands for `each_s` seconds of the video."""

    tile_width: int
    tile_height: int
    columns: int
    count: int
    each_s: float

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return -(-self.count // self.columns)

    @property
    def width(self) -> int:
        """Columns of the whole picture in pixels."""
        return self.columns * self.tile_width

    @property
    def height(self) -> int:
        """Rows of the whole picture in pixels."""
        return self.rows * self.tile_height

    def place(self, number: int) -> tuple[int, int]:
        """The left upper corner (x, y) of a tile."""
        row, column = divmod(number, self.columns)
        return column * self.tile_width, row * self.tile_height

    def span_s(self, number: int) -> tuple[float, float]:
        """The seconds (start, end) that a tile stands for."""
        return number * self.each_s, (number + 1) * self.each_s


def sprite_layout(width: int, height: int, seconds: float | None) -> SpriteLayout:
    """The layout for a video of this size (upright, in pixels) and length.

    At most 100 tiles of at most 160 pixels a side, each for half a second or more.
    """
    scale = min(1.0, LONGEST_SIDE / max(width, height, 1))
    length_s = seconds if seconds and math.isfinite(seconds) and seconds > 0 else EACH_MIN_S
    count = min(max(1, math.floor(length_s / EACH_MIN_S)), TILES_MAX)
    return SpriteLayout(
        tile_width=max(1, round(width * scale)),
        tile_height=max(1, round(height * scale)),
        columns=min(count, COLUMNS),
        count=count,
        each_s=length_s / count,
    )


def layout_of(info: MediaInfo) -> SpriteLayout:
    """The layout for a media, which holds for its cleaned file as well."""
    return sprite_layout(info.width, info.height, info.seconds)


def webvtt(layout: SpriteLayout, url: str) -> str:
    """WebVTT with a cue for each tile (`url#xywh=x,y,w,h`), together as long as the video.

    Raises `ValueError` for a URL that would break out of its line.
    """
    if not url or any(sign.isspace() for sign in url) or "-->" in url or "#" in url:
        raise ValueError("a URL without fragment and blanks is wanted")
    return "\n\n".join(("WEBVTT", *_cues(layout, url))) + "\n"


def _cues(layout: SpriteLayout, url: str) -> Iterator[str]:
    for number in range(layout.count):
        start_s, end_s = layout.span_s(number)
        x, y = layout.place(number)
        place = f"{x},{y},{layout.tile_width},{layout.tile_height}"
        yield f"{_clock(start_s)} --> {_clock(end_s)}\n{url}#xywh={place}"


def _clock(time_s: float) -> str:
    # Rounded up: no cue ends before the video does, and each begins where the last one ends.
    milliseconds = math.ceil(round(time_s * 1000, 3))
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def draw_sprite(source: Path, destination: Path, layout: SpriteLayout) -> tuple[float, ...]:
    """Draws the strip inside a worker child; see `sprite_drawing.write_sprite`."""
    from supervisor_core.media.sprite_drawing import write_sprite

    return write_sprite(source, destination, layout)
