"""What was drawn into a clip: every letter, where it stands on every frame, and how strongly.

All positions are pixels of the upright display picture, whatever the file's rotation flag says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from leakset.lettering import Lettering

Colour = tuple[int, int, int]
"""Blue, green, red, 0..255."""


@dataclass(frozen=True)
class Shot:
    """One mark on one frame: 2x3 matrix from the lettering's pixels to the frame's, and opacity."""

    matrix: np.ndarray
    opacity: float = 1.0


@dataclass(frozen=True)
class Mark:
    """One line of text on all frames that carry it; `shots` maps frame index to Shot."""

    kind: str
    lettering: Lettering
    colour: Colour
    shots: Mapping[int, Shot]
    outline: Colour | None = None

    def outlined_ink(self) -> np.ndarray:
        """Ink grown by the outline's two pixels, float32 0..1."""
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
        return cv2.dilate(self.lettering.ink, disc)

    def box(self, index: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom around the ink on one frame; may reach beyond the picture."""
        return bounds(self.lettering.ink, self.shots[index])


def bounds(ink: np.ndarray, shot: Shot) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a lettering's picture where a shot puts it."""
    rows, columns = ink.shape
    corners = np.array([[0, 0, 1], [columns, 0, 1], [0, rows, 1], [columns, rows, 1]], float)
    x, y = shot.matrix @ corners.T
    lowest, highest = np.floor((x.min(), y.min())), np.ceil((x.max(), y.max()))
    return int(lowest[0]), int(lowest[1]), int(highest[0]), int(highest[1])


@dataclass(frozen=True)
class Truth:
    """Everything the judge needs about one clip.

    `base_path` is the same clip without the text, `path` the one with it; `times_s` are the
    frames' times from the first frame on.
    """

    name: str
    path: Path
    base_path: Path
    width: int
    height: int
    times_s: tuple[float, ...]
    marks: tuple[Mark, ...] = field(repr=False)
    control: bool = False

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.times_s)


@dataclass(frozen=True)
class Clip:
    """A clip on disk and what was drawn into it."""

    path: Path
    truth: Truth


def blend(picture: np.ndarray, mark: Mark, shot: Shot) -> None:
    """Draws one mark into a BGR uint8 picture in place."""
    if mark.outline is not None:
        _lay(picture, mark.outlined_ink(), mark.outline, shot)
    _lay(picture, mark.lettering.ink, mark.colour, shot)


def _lay(picture: np.ndarray, ink: np.ndarray, colour: Colour, shot: Shot) -> None:
    left, top, right, bottom = bounds(ink, shot)
    left, top = max(0, left - 1), max(0, top - 1)
    part = picture[top : max(top, bottom + 1), left : max(left, right + 1)]
    if not part.size:
        return
    matrix = shot.matrix - np.array([[0, 0, left], [0, 0, top]])
    cover = cv2.warpAffine(ink, matrix, part.shape[1::-1], flags=cv2.INTER_LINEAR)
    cover = cover[:, :, None] * shot.opacity
    mixed = part * (1 - cover) + np.array(colour, np.float32) * cover
    part[:] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
