"""Small pictures and clips of an invented examination, with the lines of text a test asks for."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from media_builders import write_video

INK = (235, 238, 240)


def picture(
    lines: Sequence[str], width: int = 480, height: int = 270, shift: int = 0, size: int = 22
) -> np.ndarray:
    """A BGR picture: a soft, moving ground with the lines of text from the top left downwards."""
    y, x = np.indices((height, width), np.float32)
    wave = np.sin((x + 5 * shift) / 53) + np.cos((y - 3 * shift) / 41)
    pixels = np.stack([50 + 12 * wave, 60 + 14 * wave, 110 + 22 * wave], axis=-1).astype(np.uint8)
    font = cv2.FontFace("sans")  # OpenCV's own: it has umlauts and needs no file
    for row, line in enumerate(lines, 1):
        cv2.putText(pixels, line, (16, 2 * size * row), INK, font, size, 400)
    return pixels


def clip(
    path: Path, lines: Sequence[str], frames: int = 8, *, title: str = "", width: int = 480
) -> Path:
    """A short MP4 with the lines on every frame, and a title in its container."""
    drawn = [picture(lines, width=width, shift=shift) for shift in range(frames)]
    return write_video(path, drawn, metadata={"title": title} if title else None)


def still(path: Path, lines: Sequence[str], shift: int = 0, **size: int) -> Path:
    """A PNG or JPEG, as its name says."""
    done, data = cv2.imencode(path.suffix, picture(lines, shift=shift, **size))
    assert done
    path.write_bytes(data.tobytes())
    return path
