"""The cases of the leak set, and how each becomes a clip on disk.

    for case in cases(seed=1):
        clip = case.write(folder)      # clip.path, and clip.truth for the judge

The same seed always draws the same clips; another one varies fonts, places, names, sizes, colours.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leakset import encoding, footage, paint, paint_faint, paint_sudden
from leakset.encoding import Encoding
from leakset.scene import Scene
from leakset.truth import Clip, Truth, blend

SMALL, MEDIUM, LARGE, FULL = (640, 360), (854, 480), (1280, 720), (1920, 1080)
RATE = 25


@dataclass(frozen=True)
class Case:
    """One kind of trouble on one base; `control` cases carry no text at all."""

    name: str
    base: str
    size: tuple[int, int]
    paint: Callable[[Scene], None]
    encoding: Encoding = encoding.PLAIN
    count: int = 60
    control: bool = False
    seed: int = 1

    def write(self, folder: Path) -> Clip:
        """Draws the clip into `folder` as <name>.<suffix>, and its text-free twin beside it."""
        rng = np.random.default_rng([self.seed, zlib.crc32(self.name.encode())])
        scene = Scene(footage.load(self.base, self.size, self.count, rng), rng)
        self.paint(scene)
        path = folder / f"{self.name}{self.encoding.suffix}"
        base_path = folder / f"{self.name}.base.mkv"
        times = encoding.times(self.count, RATE, self.encoding)
        encoding.write(base_path, scene.frames, times, self._twin())
        encoding.write(path, _drawn(scene), times, self.encoding)
        marks = tuple(scene.marks)
        truth = Truth(self.name, path, base_path, *self.size, times, marks, self.control)
        return Clip(path, truth)

    def _twin(self) -> Encoding:
        odd = self.size[0] % 2 or self.size[1] % 2
        return Encoding(".mkv", pixel_format="yuv444p" if odd else "yuv420p", preset="ultrafast")


def _drawn(scene: Scene) -> list[np.ndarray]:
    pictures = [frame.copy() for frame in scene.frames]
    for mark in scene.marks:
        for index, shot in mark.shots.items():
            blend(pictures[index], mark, shot)
    return pictures


def cases(seed: int = 1) -> list[Case]:
    """All cases, controls last."""
    return [Case(*row[:4], **_extras(row), seed=seed) for row in _TABLE]


def _extras(row: tuple) -> dict:
    return row[4] if len(row) > 4 else {}


_CONTROL, _SHORT = {"control": True}, {"count": 44}
_TABLE: tuple[tuple, ...] = (
    ("static_panel", "laparoscopy", LARGE, paint.panel),
    ("inside_picture", "laparoscopy", LARGE, paint.inside),
    ("flash_1", "laparoscopy", LARGE, paint.flash(1)),
    ("flash_3", "meadow", MEDIUM, paint.flash(3)),
    ("flash_12", "bird", MEDIUM, paint.flash(12)),
    ("flash_first", "laparoscopy", SMALL, paint.flash_at(0)),
    ("flash_last", "gestures", SMALL, paint.flash_at(-1)),
    ("flicker", "laparoscopy", MEDIUM, paint.flicker),
    ("moving_slow", "laparoscopy", LARGE, paint.moving((0.6, 0.25))),
    ("moving_fast", "arms", MEDIUM, paint.moving((8, 0))),
    ("moving_down", "kitchen", MEDIUM, paint.moving((0, 5))),
    ("crossing", "bird", MEDIUM, paint.crossing),
    ("fading", "laparoscopy", LARGE, paint_faint.fading),
    ("low_contrast", "gradient", MEDIUM, paint_faint.low_contrast),
    ("low_contrast_panel", "tissue", MEDIUM, paint_faint.low_contrast_panel),
    ("translucent_35", "laparoscopy", LARGE, paint_faint.translucent(0.35)),
    ("translucent_20", "gradient", MEDIUM, paint_faint.translucent(0.2)),
    ("small_13", "laparoscopy", SMALL, paint.small(capital=False)),
    ("small_13_capital", "tissue", LARGE, paint.small(capital=True)),
    ("turned_90", "laparoscopy", LARGE, paint.turned(90)),
    ("turned_180", "meadow", MEDIUM, paint.turned(180)),
    ("turned_270", "floor", MEDIUM, paint.turned(270)),
    ("turned_15", "gestures", MEDIUM, paint.turned(15)),
    ("turned_45", "laparoscopy", LARGE, paint.turned(45)),
    ("late", "laparoscopy", MEDIUM, paint.late, {"count": 75}),
    ("patient_switch", "laparoscopy", LARGE, paint.switch),
    ("white_on_bright", "bright", MEDIUM, paint_faint.faint_grey(33)),
    ("black_on_dark", "dark", MEDIUM, paint_faint.faint_grey(-26)),
    ("outlined", "meadow", MEDIUM, paint.outlined),
    ("two_lines", "yard", MEDIUM, paint.two_lines),
    ("digits", "laparoscopy", SMALL, paint.digits),
    ("at_border", "tissue", MEDIUM, paint.at_border),
    ("on_texture", "foliage", LARGE, paint.inside),
    ("large", "laparoscopy", LARGE, paint.large),
    ("coloured", "kitchen", MEDIUM, paint.coloured),
    ("scene_cuts", "street", MEDIUM, paint.flash(12), {"count": 75}),
    ("full_hd", "laparoscopy", FULL, paint.panel, {"count": 40}),
    ("full_hd_flash", "floor", FULL, paint.flash(3), {"count": 40}),
    ("matroska", "laparoscopy", SMALL, paint.mixed, {"encoding": Encoding(".mkv")}),
    ("webm_vp9", "bird", SMALL, paint.mixed, {"encoding": Encoding(".webm", "libvpx-vp9")}),
    ("hevc", "gestures", SMALL, paint.mixed, {"encoding": Encoding(codec="libx265")}),
    ("flag_90", "laparoscopy", (480, 854), paint.mixed, {"encoding": Encoding(rotation=90)}),
    ("flag_180", "meadow", SMALL, paint.mixed, {"encoding": Encoding(rotation=180)}),
    ("variable_rate", "arms", SMALL, paint.mixed, {"encoding": Encoding(variable_rate=True)}),
    ("odd_size", "floor", (639, 359), paint.mixed, {"encoding": Encoding(pixel_format="yuv444p")}),
    ("ten_bit", "bird", SMALL, paint.mixed, {"encoding": Encoding(pixel_format="yuv420p10le")}),
    ("two_streams", "kitchen", SMALL, paint.mixed, {"encoding": Encoding(companions=True)}),
    ("beside_line", "meadow", SMALL, paint_sudden.beside_line, _SHORT),
    ("instead", "laparoscopy", SMALL, paint_sudden.instead, _SHORT),
    ("next_row", "tissue", SMALL, paint_sudden.next_row, _SHORT),
    ("small_flash", "laparoscopy", SMALL, paint_sudden.small_flash, _SHORT),
    ("turned_flash", "laparoscopy", MEDIUM, paint_sudden.turned_flash, _SHORT),
    ("at_cut", "gradient", MEDIUM, paint_sudden.at_cut, _SHORT),
    ("leaves_flash", "foliage", SMALL, paint_sudden.flash_bare, _SHORT),
    ("same_luma", "tissue", MEDIUM, paint_sudden.same_luma, _SHORT),
    ("jumping", "tissue", MEDIUM, paint_sudden.jumping, _SHORT),
    ("typed", "kitchen", MEDIUM, paint_sudden.typed, _SHORT),
    ("lone_full_hd", "gradient", FULL, paint.lone, {"count": 30}),
    ("lone_1440", "gradient", (2560, 1440), paint.lone, {"count": 25}),
    ("control_laparoscopy", "laparoscopy", LARGE, paint.nothing, _CONTROL),
    ("control_meadow", "meadow", LARGE, paint.nothing, _CONTROL),
    ("control_bird", "bird", LARGE, paint.nothing, _CONTROL),
    ("control_tissue", "tissue", MEDIUM, paint.nothing, _CONTROL),
)
