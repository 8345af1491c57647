"""A clip being drawn: base pictures, chance, and the marks put on so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from leakset import placing
from leakset.footage import Frames
from leakset.lettering import FONTS, Lettering, write, write_capital
from leakset.people import Person, invent
from leakset.truth import Colour, Mark

Where = tuple[float, float]
"""Place in the picture as fractions of the room the text leaves: (0, 0) upper left corner."""
Course = Callable[[np.ndarray], placing.Shots]
"""From the matrix of the first place to a mark's shots."""

PALETTE: tuple[Colour, ...] = (
    (255, 255, 255), (235, 235, 235), (0, 255, 255), (90, 255, 120), (255, 220, 120),
    (60, 170, 255), (20, 20, 20), (0, 0, 0), (120, 20, 10),
)  # fmt: skip
CLEAR_CONTRAST = 80


@dataclass
class Scene:
    """Base pictures of one case; `put` and `lines` add text to `marks`."""

    frames: Frames
    rng: np.random.Generator
    marks: list[Mark] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.count = len(self.frames)
        self.height, self.width = self.frames[0].shape[:2]
        self.style = int(self.rng.integers(5))

    def person(self) -> Person:
        """A new invented patient."""
        return invent(self.rng)

    def panel(self, share: float, level: int = 0) -> None:
        """Covers the left part of every picture, as a tower's overlay does."""
        for frame in self.frames:
            frame[:, : int(self.width * share)] = level

    def span(self, length: int) -> range:
        """A run of `length` frames that touches neither the first nor the last frame."""
        first = int(self.rng.integers(5, self.count - length - 5))
        return range(first, first + length)

    def lettering(
        self, text: str, size_px: float, font: str = "", capital: bool = False
    ) -> Lettering:
        """Writes text in a font (any, when not named), smaller when it would not fit."""
        font = font or str(self.rng.choice(FONTS))
        while True:
            line = (
                write_capital(text, font, int(size_px)) if capital else write(text, font, size_px)
            )
            if line.ink.shape[1] <= 0.94 * self.width or size_px < 12:
                return line
            size_px *= 0.9

    def corner(self, line: Lettering, where: Where, jitter: float = 0.06) -> np.ndarray:
        """Matrix for a place given as fractions, moved a little by chance, inside the picture."""
        shares = np.clip(np.array(where) + self.rng.uniform(-jitter, jitter, 2), 0.0, 1.0)
        rows, columns = line.ink.shape
        left, top = np.rint(shares * (self.width - columns, self.height - rows))
        return placing.at(left, top)

    def put(
        self,
        kind: str,
        text: str,
        where: Where = (0.5, 0.5),
        *,
        size_px: float = 28,
        font: str = "",
        capital: bool = False,
        course: Course | None = None,
        colour: Colour | None = None,
        contrast: float = 0,
        outline: Colour | None = None,
    ) -> Mark:
        """Adds one line; without a course it stands still on all frames.

        `contrast` asks for grey letters that many luma steps off their ground; 0 for clear ones.
        """
        line = self.lettering(text, size_px, font, capital)
        matrix = self.corner(line, where)
        shots = course(matrix) if course else placing.still(matrix, range(self.count))
        colour = colour or self._ink_colour(line, shots, contrast)
        self.marks.append(Mark(kind, line, colour, shots, outline))
        return self.marks[-1]

    def turn(self, kind: str, text: str, degrees: float, where: Where = (0.5, 0.5)) -> Mark:
        """Adds one line turned clockwise around a place given as fractions of the picture."""
        line = self.lettering(text, 0.045 * self.height + 8)
        centre = (where[0] * self.width, where[1] * self.height)
        shots = placing.still(placing.turned(line.ink.shape, centre, degrees), range(self.count))
        self.marks.append(Mark(kind, line, self._ink_colour(line, shots, 0), shots))
        return self.marks[-1]

    def lines(
        self,
        rows: Sequence[tuple[str, str]],
        where: Where,
        size_px: float = 26,
        course: Course | None = None,
        colour: Colour | None = None,
        font: str = "",
    ) -> None:
        """Adds (kind, text) rows under each other, flush left at a fraction of the picture."""
        font = font or str(self.rng.choice(FONTS))
        left, top = round(where[0] * self.width), round(where[1] * self.height)
        for number, (kind, text) in enumerate(rows):
            line = self.lettering(text, size_px, font)
            matrix = placing.at(left, top + round(number * 1.45 * size_px))
            shots = course(matrix) if course else placing.still(matrix, range(self.count))
            colour = colour or self._ink_colour(line, shots, 0)
            self.marks.append(Mark(kind, line, colour, shots))

    def _ink_colour(self, line: Lettering, shots: placing.Shots, contrast: float) -> Colour:
        ground = self.ground_luma(line, shots)
        if contrast:
            level = round(ground + contrast if ground < 128 else ground - contrast)
            return (level, level, level)
        fitting = [c for c in PALETTE if abs(luma(c) - ground) >= CLEAR_CONTRAST]
        return fitting[int(self.rng.integers(len(fitting)))]

    def ground_luma(self, line: Lettering, shots: placing.Shots) -> float:
        """Mean luma under a line, over three of its frames."""
        indices = sorted(shots)
        means = []
        for index in {indices[0], indices[len(indices) // 2], indices[-1]}:
            patch = cv2.warpAffine(
                self.frames[index],
                shots[index].matrix,
                line.ink.shape[::-1],
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
            means.append(float(np.mean(patch.reshape(-1, 3) @ (0.114, 0.587, 0.299))))
        return float(np.mean(means))


def luma(colour: Colour) -> float:
    """Brightness 0..255 of a colour (ITU-R BT.601 weights)."""
    blue, green, red = colour
    return 0.114 * blue + 0.587 * green + 0.299 * red
