"""Base pictures to draw on: real clips where the data folder is there, drawn ones anywhere else."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

Frames = list[np.ndarray]
"""Upright BGR uint8 pictures, all of one size."""

_REAL = {
    "laparoscopy": "medical/laparoscopy_rvim_endo.mp4",
    "tower": "medical/overlay_laparoscopy_derived.mp4",
    "meadow": "general/bbb_720p.mp4",
    "bird": "general/cockatoo.mp4",
    "street": "general/bikes.mp4",
    "gestures": "sports_people/asl_walk.mkv",
    "floor": "sports_people/one_by_one_person.mp4",
    "kitchen": "sports_people/pancake.mkv",
    "yard": "sports_people/vtest.avi",
    "arms": "sports_people/armwrestling.mp4",
}


def data_folder() -> Path:
    """Where real clips are looked for: $LEAKSET_FOOTAGE, else shared/data beside the clone."""
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    return Path(os.environ.get("LEAKSET_FOOTAGE", beside))


def is_real(name: str) -> bool:
    """True when this base is a real clip that can be read here."""
    return name in _REAL and (data_folder() / _REAL[name]).is_file()


def load(name: str, size: tuple[int, int], count: int, rng: np.random.Generator) -> Frames:
    """`count` pictures of `size` (width, height); an absent real clip becomes drawn tissue."""
    if is_real(name):
        return _read(data_folder() / _REAL[name], size, count)
    return _DRAWN.get(name, _tissue)(size, count, rng)


def _read(path: Path, size: tuple[int, int], count: int) -> Frames:
    frames: Frames = []
    with av.open(f"file:{path}") as container:
        for frame in container.decode(video=0):
            frames.append(_fill(frame.to_ndarray(format="bgr24"), size))
            if len(frames) == count:
                break
    while len(frames) < count:  # a short clip plays back and forth
        frames.append(frames[-2 * (len(frames) % 2) - 1].copy())
    return frames


def _fill(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scales and crops a picture so that it fills `size` without being distorted."""
    width, height = size
    scale = max(Fraction(width, picture.shape[1]), Fraction(height, picture.shape[0]))
    grown = (
        max(width, round(picture.shape[1] * scale)),
        max(height, round(picture.shape[0] * scale)),
    )
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = picture if scale == 1 else cv2.resize(picture, grown, interpolation=method)
    left, top = (scaled.shape[1] - width) // 2, (scaled.shape[0] - height) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width])


def _noise(shape: tuple[int, int], cell: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise in 0..1 whose blobs are about `cell` pixels wide."""
    height, width = shape
    coarse = rng.random((max(2, round(height / cell)), max(2, round(width / cell))), np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def _pan(canvas: np.ndarray, size: tuple[int, int], count: int, reach: int) -> Frames:
    width, height = size
    frames = []
    for index in range(count):
        angle = 2 * np.pi * index / 60
        left = int(reach * (1 + np.sin(angle)) / 2)
        top = int(reach * (1 + np.cos(angle)) / 2)
        frames.append(canvas[top : top + height, left : left + width].copy())
    return frames


def _tissue(size: tuple[int, int], count: int, rng: np.random.Generator) -> Frames:
    shape = (size[1] + 48, size[0] + 48)
    relief = (
        0.6 * _noise(shape, 180, rng) + 0.3 * _noise(shape, 40, rng) + 0.1 * _noise(shape, 6, rng)
    )
    light = 55 + 130 * relief
    canvas = np.stack([light * 0.42, light * 0.5, light * 1.05], axis=-1)
    return _pan(np.clip(canvas, 0, 255).astype(np.uint8), size, count, 48)


def _foliage(size: tuple[int, int], count: int, rng: np.random.Generator) -> Frames:
    """High detail at every scale, the hardest ground for text to be seen on."""
    shape = (size[1] + 24, size[0] + 24)
    layers = [weight * _noise(shape, cell, rng) for cell, weight in ((3, 0.4), (9, 0.3), (40, 0.3))]
    light = np.clip(20 + 215 * np.sum(layers, axis=0), 0, 255)
    canvas = np.stack([light * 0.4, light * 0.95, light * 0.7], axis=-1)
    return _pan(canvas.astype(np.uint8), size, count, 24)


def _gradient(size: tuple[int, int], count: int, rng: np.random.Generator) -> Frames:
    shape = (size[1] + 64, size[0] + 64)
    light = np.clip(40 + 150 * _noise(shape, 400, rng) + rng.normal(0, 1.5, shape), 0, 255)
    canvas = np.stack([light, light * 0.93, light * 0.88], axis=-1)
    return _pan(canvas.astype(np.uint8), size, count, 64)


def _flat(level: int) -> Callable[[tuple[int, int], int, np.random.Generator], Frames]:
    def draw(size: tuple[int, int], count: int, rng: np.random.Generator) -> Frames:
        frames = []
        for _ in range(count):
            grain = rng.normal(level, 1.0, (size[1], size[0], 1))
            frames.append(np.clip(np.repeat(grain, 3, axis=2), 0, 255).astype(np.uint8))
        return frames

    return draw


_DRAWN = {
    "tissue": _tissue,
    "foliage": _foliage,
    "gradient": _gradient,
    "bright": _flat(222),
    "dark": _flat(26),
}
