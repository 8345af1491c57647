"""What the canary is made of and looked at with, in the child: an examination with known texts."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supervisor_core.media.frames import Plane

# A covered place is one colour; encoding leaves a little noise in it.
FLAT_BELOW = 12.0


@dataclass(frozen=True)
class Overlay:
    """Where an identifier was drawn, and on which frames (the last one included)."""

    box: tuple[int, int, int, int]
    first: int
    last: int


def draw(path: Path) -> tuple[Overlay, ...]:
    """Writes the invented examination and says where its identifiers stand."""
    from supervisor_core.demo_clip import draw_demo_clip

    return tuple(Overlay(line.box, line.first, line.last) for line in draw_demo_clip(path).lines)


def uncovered(path: Path, overlays: tuple[Overlay, ...]) -> int:
    """On how many frames of a cleaned file an identifier's place is not one flat colour."""
    from supervisor_core.media.frames import VideoFrames

    left = 0
    for frame in VideoFrames(path):
        shown = [one for one in overlays if one.first <= frame.index <= one.last]
        left += any(_differs(frame.luma, one.box) for one in shown)
    return left


def _differs(luma: "Plane", box: tuple[int, int, int, int]) -> bool:
    x0, y0, x1, y1 = box
    return bool(luma[y0:y1, x0:x1].std() > FLAT_BELOW)
