"""Draws a short examination of a patient who does not exist: something to try the pipeline on.

A lit tunnel moves behind the round window of an endoscope, a panel beside it shows an invented
name, a date of birth, a case number and a running clock, and for a few frames the name flashes up
inside the picture. The file's own metadata names the patient too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, RATE, FRAMES = 1280, 720, 25, 90
PATIENT, BORN, CASE = "Grünwald, Rosalind", "geb. 14.07.1958", "Fall-Nr. 40718823"
FLASHED = "Rosalind Grünwald *1958"
TITLE = f"Untersuchung {PATIENT}"
FLASH = range(46, 51)
"""Frames that carry the name inside the picture."""

Picture = NDArray[np.uint8]
Plane = NDArray[np.float32]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""

_WINDOW = (410, 14, 1262, 706)  # the scope's picture
_INK = (232, 236, 238)
_LABEL = (150, 160, 165)


@dataclass(frozen=True)
class DemoLine:
    """One identifier: its text, where it stands and on which frames (last included)."""

    text: str
    box: Box
    first: int
    last: int


@dataclass(frozen=True)
class DemoTruth:
    """What a demo file holds: `strings` must not be readable in what comes out of cleaning."""

    path: Path
    width: int
    height: int
    frames: int
    lines: tuple[DemoLine, ...]
    title: str = ""

    @property
    def strings(self) -> tuple[str, ...]:
        """All identifiers drawn, without repeats."""
        return tuple(dict.fromkeys(line.text for line in self.lines))


def draw_demo_clip(path: Path) -> DemoTruth:
    """Writes the demo clip (MP4, 1280x720, 25 frames a second, 3.6 s) and says what is in it."""
    lines: list[DemoLine] = []
    with av.open(f"file:{path}", "w", format="mp4") as container:
        container.metadata["title"] = TITLE
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "17"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index, picture in enumerate(_tunnel(FRAMES)):
            _merge(lines, _write_text(picture, index), index)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return DemoTruth(path, WIDTH, HEIGHT, FRAMES, tuple(lines), TITLE)


def draw_demo_stills(folder: Path, count: int = 3) -> list[DemoTruth]:
    """Writes `count` PNG stills of the same examination into `folder`."""
    truths = []
    for number, picture in enumerate(_tunnel(count, stride=23)):
        drawn = _write_text(picture, FLASH[0] if number == count - 1 else 0)
        path = folder / f"demo_still_{number + 1}.png"
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        lines = tuple(DemoLine(text, box, 0, 0) for text, box in drawn)
        truths.append(DemoTruth(path, WIDTH, HEIGHT, 1, lines))
    return truths


def _merge(lines: list[DemoLine], drawn: Sequence[tuple[str, Box]], index: int) -> None:
    for text, box in drawn:
        known = next((line for line in lines if line.text == text and line.last == index - 1), None)
        if known is not None:
            lines.remove(known)
        lines.append(DemoLine(text, box, known.first if known else index, index))


def _write_text(picture: Picture, index: int) -> list[tuple[str, Box]]:
    """Lays the panel, and on some frames the name, over one picture; returns the identifiers."""
    second = 17 + index // RATE
    _put(picture, f"03.11.2025  10:42:{second:02}", 36, 60, 22, _LABEL)
    _put(picture, "Patient", 36, 118, 18, _LABEL)
    drawn = [_put(picture, PATIENT, 36, 150, 30), _put(picture, BORN, 36, 190, 26)]
    drawn.append(_put(picture, CASE, 36, 228, 26))
    for row, text in enumerate(("Koloskopie", "Licht auto 3/5", "Zoom x1.0", "NBI aus")):
        _put(picture, text, 36, 520 + 36 * row, 20, _LABEL)
    if index in FLASH:
        drawn.append(_put(picture, FLASHED, 640, 330, 40))
    return drawn


def _put(
    picture: Picture,
    text: str,
    left: int,
    base: int,
    size: int,
    ink: tuple[int, int, int] = _INK,
) -> tuple[str, Box]:
    font: Any = cv2.FontFace("sans")  # OpenCV's own font: has umlauts, needs no file
    empty = np.zeros_like(picture)
    cv2.putText(empty, text, (left, base), (255, 255, 255), font, size, 400)
    cv2.putText(picture, text, (left, base), ink, font, size, 400)
    x, y, width, height = cv2.boundingRect(empty[:, :, 0])
    return text, (x, y, x + width, y + height)


def _tunnel(count: int, stride: int = 1) -> Iterator[Picture]:
    """Pictures of a wet, folded wall, seen while moving forward, inside the scope's window."""
    wall, relief = _wall(np.random.default_rng(7))
    left, top, right, bottom = _WINDOW
    mask = _octagon(right - left, bottom - top)
    for index in range(count):
        half = ((right - left) // 2, (bottom - top) // 2)
        seen = _look_ahead(wall, relief, *half, index * stride / RATE)
        inner = cv2.resize(seen, (right - left, bottom - top), interpolation=cv2.INTER_CUBIC)
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        picture[top:bottom, left:right] = np.clip(inner * mask, 0, 255).astype(np.uint8)
        yield picture


def _wall(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """The unrolled wall, rows along the tunnel: its colour (BGR), and its relief with its slope."""
    size = 512
    folds = _noise(rng, size, 5, 3) * 0.6 + _noise(rng, size, 11, 9) * 0.4
    rings = 0.5 + 0.5 * np.cos(np.linspace(0, 10 * np.pi, size, endpoint=False))[:, None]
    relief = (0.62 * rings**2 + 0.5 * folds + 0.16 * _noise(rng, size, 44, 60)).astype(np.float32)
    around = cv2.GaussianBlur(np.pad(relief, 32, mode="wrap"), (0, 0), 5)
    slope = cv2.Sobel(around, cv2.CV_32F, 0, 1, ksize=5)[32:-32, 32:-32]
    shape = np.stack([relief, slope / np.abs(slope).max()], axis=-1).astype(np.float32)
    veins = np.exp(-((_noise(rng, size, 7, 9) - 0.5) ** 2) / 0.0004)
    veins += 0.7 * np.exp(-((_noise(rng, size, 14, 18) - 0.5) ** 2) / 0.0008)
    tone = 0.75 + 0.5 * _noise(rng, size, 24, 24) + 0.12 * _noise(rng, size, 120, 120)
    rose = np.array([88, 104, 205], np.float32) * tone[:, :, None]
    blood = np.array([62, 48, 150], np.float32)
    share = (np.clip(veins, 0, 1) * 0.55)[:, :, None]
    return (rose * (1 - share) + blood * share).astype(np.float32), shape


def _noise(rng: np.random.Generator, size: int, rows: int, columns: int) -> Plane:
    """Smooth noise in 0..1 that repeats without a seam in both directions."""
    cells = np.pad(rng.random((rows, columns), np.float32), 3, mode="wrap")
    whole = (round(size * (columns + 6) / columns), round(size * (rows + 6) / rows))
    grown = cv2.resize(cells, whole, interpolation=cv2.INTER_CUBIC)
    top, left = round(3 * size / rows), round(3 * size / columns)
    part = np.clip(grown[top : top + size, left : left + size], 0, 1)
    return cast(Plane, part)


def _look_ahead(wall: Plane, relief: Plane, width: int, height: int, time_s: float) -> Plane:
    """The wall as a lens sees it that moves forward and sways."""
    size = wall.shape[0]
    y, x = np.indices((height, width), np.float32)
    x -= width * (0.5 + 0.09 * np.sin(1.1 * time_s))
    y -= height * (0.48 + 0.1 * np.cos(0.8 * time_s))
    angle = np.arctan2(y, x) + 0.12 * np.sin(0.7 * time_s)
    radius = np.hypot(x, y) / height
    radius *= 1 + 0.09 * np.cos(3 * angle + 0.9 * time_s) + 0.05 * np.sin(5 * angle - time_s)
    depth = 0.24 / (radius + 0.07)
    columns = ((angle / (2 * np.pi)) % 1 * size).astype(np.float32)
    rows = ((0.36 * depth + 0.085 * time_s) % 1 * size).astype(np.float32)
    colour = cv2.remap(wall, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    bent = cv2.remap(relief, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    rise, facing = bent[:, :, 0], bent[:, :, 1]
    light = np.clip(1.12 - 0.47 * depth, 0.03, 1.05) * (0.78 + 0.42 * facing)
    wet = np.clip(facing * 2.4 - 1.2, 0, 1) * np.clip((rise - 0.62) * 9, 0, 1)
    gloss = wet * np.clip(1.2 - 0.5 * depth, 0, 1) * 130
    return cast(Plane, colour * light[:, :, None] + gloss[:, :, None])


def _octagon(width: int, height: int) -> Plane:
    """The scope's window: 1 inside, 0 outside, with cut corners and a soft edge."""
    cut = height // 5
    corners = [(cut, 0), (width - cut, 0), (width, cut), (width, height - cut)]
    corners += [(width - cut, height), (cut, height), (0, height - cut), (0, cut)]
    mask = cv2.fillPoly(np.zeros((height, width), np.uint8), [np.array(corners, np.int32)], 255)
    soft = cv2.GaussianBlur(mask, (0, 0), 1.2).astype(np.float32) / 255
    return cast(Plane, soft[:, :, None])
