"""Pictures drawn from a seed, and edits of pictures whose strength is drawn from a seed too."""

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Drawing = Callable[[Pixels, np.random.Generator], Pixels]


def shapes(seed: int, width: int = 640, height: int = 480) -> Pixels:
    """Soft colours with hard shapes over them."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (7, 9, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(12):
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        colour = [int(part) for part in rng.integers(0, 255, 3)]
        cv2.circle(picture, centre, int(rng.integers(8, height // 6)), colour, -1, cv2.LINE_AA)
    return np.asarray(picture, np.uint8)


def panel(seed: int) -> Pixels:
    """One of many pictures that share three fifths of the screen: hard to tell from each other."""
    screen = shapes(-seed % 5 + 1_000_000)
    rows, columns = slice(24, 360), slice(230, 610)
    inside = shapes(seed, columns.stop - columns.start, rows.stop - rows.start)
    screen[rows, columns] = inside
    return screen


def _scaled(picture: Pixels, rng: np.random.Generator) -> Pixels:
    by = float(rng.uniform(0.2, 1.5))
    how = cv2.INTER_AREA if by < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, None, fx=by, fy=by, interpolation=how), np.uint8)


def _squeezed(picture: Pixels, rng: np.random.Generator) -> Pixels:
    size = int(rng.integers(200, 500)), int(rng.integers(200, 500))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _packed(picture: Pixels, rng: np.random.Generator) -> Pixels:
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 90))]
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], 1), np.uint8)


def _cropped_by(most: float) -> Drawing:
    def crop(picture: Pixels, rng: np.random.Generator) -> Pixels:
        height, width = picture.shape[:2]
        part = float(rng.uniform(most / 3, most))
        rows, columns = int(height * part), int(width * part)
        top, left = int(rng.integers(0, rows + 1)), int(rng.integers(0, columns + 1))
        return picture[top : top + height - rows, left : left + width - columns]

    return crop


def _mirrored(picture: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001
    return np.ascontiguousarray(picture[:, ::-1])


def _lit(picture: Pixels, rng: np.random.Generator) -> Pixels:
    gain, lift = float(rng.uniform(0.7, 1.3)), float(rng.uniform(-25, 25))
    return np.asarray(cv2.convertScaleAbs(picture, alpha=gain, beta=lift), np.uint8)


def _written(picture: Pixels, rng: np.random.Generator) -> Pixels:
    height, width = picture.shape[:2]
    size = width * float(rng.uniform(0.0015, 0.003))
    place = int(width * rng.uniform(0.02, 0.4)), int(height * rng.uniform(0.1, 0.95))
    font, text = cv2.FONT_HERSHEY_SIMPLEX, "sample text 2026"
    return np.asarray(cv2.putText(picture.copy(), text, place, font, size, (255,) * 3, 2), np.uint8)


def _turned_by(most: float) -> Drawing:
    def turn(picture: Pixels, rng: np.random.Generator) -> Pixels:
        height, width = picture.shape[:2]
        angle = float(rng.uniform(most / 2, most)) * (1 if rng.random() < 0.5 else -1)
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
        turned = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
        return np.asarray(turned, np.uint8)

    return turn


def _stored_anew(picture: Pixels, rng: np.random.Generator) -> Pixels:
    return _packed(_lit(_scaled(_mirrored(picture, rng), rng), rng), rng)


# What should be found, and beside it what is known to be beyond this kind of fingerprint.
EDITS: Mapping[str, Drawing] = {
    "scaled 0.2-1.5": _scaled,
    "squeezed": _squeezed,
    "JPEG quality 15-90": _packed,
    "cropped 2-5 %": _cropped_by(0.05),
    "mirrored": _mirrored,
    "light and contrast": _lit,
    "text over it": _written,
    "mirrored, scaled, lit, packed": _stored_anew,
}
HARD: Mapping[str, Drawing] = {
    "cropped 3-10 %": _cropped_by(0.10),
    "turned 1-2 degrees": _turned_by(2),
    "turned 5-10 degrees": _turned_by(10),
}
