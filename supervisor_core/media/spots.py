"""Which frame of a media is meant, and what was drawn of it.

The functions run inside a worker child; what is heavy is imported there alone.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True)
class Spot:
    """Which frame is meant: by its number from 0, else by a time in seconds from the start.

    Behind the end it is the last one; without either, the first.
    """

    at_s: float | None = None
    index: int | None = None

    @property
    def time_s(self) -> Fraction:
        """The time, exactly."""
        return Fraction(self.at_s or 0.0)


@dataclass(frozen=True)
class Drawn:
    """A frame as a JPEG, when it is shown (s), and its number where that was counted."""

    jpeg: bytes
    time_s: float = 0.0
    index: int | None = None


def draw_spot(path: Path, spot: Spot, longest_side: int) -> Drawn:
    """Draws one frame; see `one_frame.draw`."""
    from supervisor_core.media.one_frame import draw

    return draw(path, spot, longest_side)


def draw_spots(raw: Path, cleaned: Path, spot: Spot, longest_side: int) -> tuple[Drawn, Drawn]:
    """Draws the same frame of two files; see `one_frame.draw_pair`."""
    from supervisor_core.media.one_frame import draw_pair

    return draw_pair(raw, cleaned, spot, longest_side)
