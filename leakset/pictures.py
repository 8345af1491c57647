"""Reading files the way a viewer sees them: upright pictures, one after the other, with times."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

LUMA = np.array((0.114, 0.587, 0.299), np.float32)
"""Weights of blue, green and red in brightness (ITU-R BT.601)."""


def upright(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Seconds since the first frame and BGR uint8 picture of every frame of the first video."""
    start = None
    with av.open(f"file:{path}") as container:
        for frame in container.decode(video=0):
            seconds = float(frame.time or 0)
            start = seconds if start is None else start
            picture = frame.to_ndarray(format="bgr24")
            turns = (frame.rotation // 90) % 4
            yield seconds - start, np.ascontiguousarray(np.rot90(picture, turns))


def stray_streams(path: Path) -> int:
    """Streams beside the one picture: further video, sound, subtitles, data, attachments."""
    with av.open(f"file:{path}") as container:
        return len(container.streams) - 1


def luma(picture: np.ndarray) -> np.ndarray:
    """Brightness of a BGR picture, float32 0..255."""
    return picture @ LUMA
