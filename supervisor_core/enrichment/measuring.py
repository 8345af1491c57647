"""What can be said of a picture's quality without any model: blur, exposure, resolution.

Measured on luma of at most 1024 pixels a side, so that one limit holds for every size. Called in
the worker's child: NumPy and OpenCV are imported when it runs.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 1024
SHORT_SIDE_MIN = 480
SHARPNESS_MIN = 0.009
"""Variance of the edges over that of the luma; see docs/enrichments.md for what was measured."""
CLIPPED = 0.35
"""Above this share of black (or white) pixels the middle of the picture's range decides too."""
DARK_MEAN = 45.0
BRIGHT_MEAN = 210.0


@dataclass(frozen=True)
class Measured:
    """Size in pixels, sharpness, and the shares of nearly black and nearly white pixels."""

    width: int
    height: int
    sharpness: float
    mean: float
    dark: float
    bright: float

    @property
    def flags(self) -> list[str]:
        """The words of the quality mode's list that these numbers justify."""
        found = {
            "blur": self.sharpness < SHARPNESS_MIN,
            "lowres": min(self.width, self.height) < SHORT_SIDE_MIN,
            "underexposed": self.mean < DARK_MEAN and self.dark > CLIPPED,
            "overexposed": self.mean > BRIGHT_MEAN and self.bright > CLIPPED,
        }
        return [name for name, holds in found.items() if holds]

    def told(self) -> dict[str, Any]:
        """As it stands in a result."""
        numbers = {name: round(float(value), 4) for name, value in vars(self).items()}
        return {**numbers, "width": self.width, "height": self.height, "flags": self.flags}


def measure(picture: "NDArray[np.uint8]") -> Measured:
    """Measures a decoded picture, BGR."""
    import cv2

    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    # Noise is no sharpness: what it adds to the Laplacian goes with a light blur.
    edges = cv2.Laplacian(cv2.GaussianBlur(luma, (3, 3), 0), cv2.CV_32F)
    return Measured(
        width=width,
        height=height,
        sharpness=float(edges.var() / max(float(luma.var()), 1.0)),
        mean=float(luma.mean()),
        dark=float((luma < 20).mean()),
        bright=float((luma > 235).mean()),
    )


def typical(measured: list[Measured]) -> Measured:
    """Of several frames of one video the one of middle sharpness: one blurred frame says little."""
    return sorted(measured, key=lambda one: one.sharpness)[len(measured) // 2]
