"""Turning a stored picture upright, as a video's display matrix asks."""

import math
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame


@dataclass(frozen=True)
class Orientation:
    """First a flip from left to right, when mirrored, then quarter turns clockwise (0 to 3)."""

    quarter_turns: int = 0
    mirrored: bool = False

    @classmethod
    def of_matrix(cls, matrix: bytes) -> "Orientation":
        """Reads FFmpeg's display matrix (nine 32-bit integers, see libavutil/display.h).

        Angles between the right ones are rounded; a matrix without extent means upright.
        """
        a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
        mirrored = a * d - b * c < 0
        angle = math.atan2(-b, -a) if mirrored else math.atan2(b, a)
        return cls(round(angle / (math.pi / 2)) % 4, mirrored)

    @classmethod
    def of_frame(cls, frame: VideoFrame) -> "Orientation":
        """The orientation that a decoded frame carries, upright when it carries none."""
        matrix = frame.side_data.get("DISPLAYMATRIX")
        return cls.of_matrix(bytes(matrix)) if isinstance(matrix, SideData) else cls()

    @property
    def degrees(self) -> int:
        """The turn clockwise: 0, 90, 180 or 270."""
        return self.quarter_turns * 90

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the upright picture."""
        return (height, width) if self.quarter_turns % 2 else (width, height)

    def apply(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The upright picture of a plane (h, w) or of pixels (h, w, channels), as a view."""
        flipped = pixels[:, ::-1] if self.mirrored else pixels
        return np.rot90(flipped, -self.quarter_turns)
