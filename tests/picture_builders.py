"""Draws pictures that differ from each other as photographs do, edits of them, and short films."""

import cv2
import numpy as np

Pixels = np.ndarray


def painted(seed: int, width: int = 480, height: int = 360) -> Pixels:
    """A picture of soft and hard shapes, the same for the same seed."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (7, 9, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(12):
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        colour = tuple(int(part) for part in rng.integers(0, 255, 3))
        cv2.circle(picture, centre, int(rng.integers(8, height // 6)), colour, -1, cv2.LINE_AA)
    return picture


def scaled(picture: Pixels, by: float) -> Pixels:
    return cv2.resize(picture, None, fx=by, fy=by, interpolation=cv2.INTER_AREA)


def recompressed(picture: Pixels, quality: int) -> Pixels:
    _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(packed, cv2.IMREAD_COLOR)


def cropped(picture: Pixels, part: float) -> Pixels:
    """Without a border; `part` of the width and of the height is lost."""
    rows, columns = (round(side * part / 2) for side in picture.shape[:2])
    return picture[rows : picture.shape[0] - rows, columns : picture.shape[1] - columns]


def signed(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    place = width // 20, height - height // 12
    font, white = cv2.FONT_HERSHEY_SIMPLEX, (255, 255, 255)
    return cv2.putText(picture.copy(), "(c) 2026 Somebody", place, font, width / 600, white, 2)


def panned(seconds: float, rate: int = 10, seed: int = 0) -> list[Pixels]:
    """A film that pans over a wide picture at 24 pixels a second."""
    count = round(seconds * rate)
    wide = painted(seed, 160 + round(24 * seconds) + 8, 120)
    starts = (round(24 * number / rate) for number in range(count))
    return [np.ascontiguousarray(wide[:, start : start + 160]) for start in starts]
