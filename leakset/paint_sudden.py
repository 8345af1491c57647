"""How text is laid on that comes and goes at once, beside, over or instead of something else."""

from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np

from leakset import placing
from leakset.lettering import Lettering
from leakset.scene import Course, Scene, luma
from leakset.truth import Colour, Mark

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)


def beside_line(scene: Scene) -> None:
    """A number that stands; names under it for two frames and on its right for one."""
    size = scene.height / 18
    line = scene.lettering(scene.person().case_number(scene.style), size)
    left, top = round(0.1 * scene.width), round(0.4 * scene.height)
    _lay(scene, "case", line, (left, top), range(scene.count))
    under = scene.lettering(scene.person().name, size)
    _lay(scene, "name", under, (left, top + line.ink.shape[0] - 4), (15, 16))
    right = scene.lettering(scene.person().given, size)
    _lay(scene, "name", right, (left + line.ink.shape[1] + 4, top), (33,))


def instead(scene: Scene) -> None:
    """A short word that stands gives way to a long name, at its place, for one frame."""
    size, place = scene.height / 16, (0.2 * scene.width, 0.45 * scene.height)
    line = scene.lettering("REC", size)
    other = scene.lettering(scene.person().name, size)
    _lay(scene, "case", line, place, [index for index in range(scene.count) if index != 21])
    _lay(scene, "name", other, place, (21,))


def next_row(scene: Scene) -> None:
    """A name leaves its row and stands in the row below, for one frame."""
    size, left = scene.height / 16, 0.3 * scene.width
    for number, first in enumerate((9, 27)):
        top = (0.15 + 0.4 * number) * scene.height
        line = scene.lettering(scene.person().name, size)
        _lay(scene, "name", line, (left, top), range(first - 6, first))
        _lay(scene, "name", line, (left, top + 1.4 * size), (first,))


def small_flash(scene: Scene) -> None:
    """A name of 13 pixels for two frames, another for one."""
    for number, indices in enumerate(((17, 18), (35,))):
        where = (0.3 + 0.4 * number, 0.3 + 0.4 * number)
        text = scene.person().name
        scene.put("name", text, where, size_px=13, course=_on(indices))


def turned_flash(scene: Scene) -> None:
    """A name turned by 45 degrees for one frame."""
    mark = scene.turn("name", scene.person().name, 45)
    scene.marks[-1] = replace(mark, shots={23: mark.shots[23]})


def at_cut(scene: Scene) -> None:
    """From rustling leaves to a calm picture; a name on the first frame after the cut alone."""
    half = scene.count // 2 + 1
    chance = scene.rng
    for frame in scene.frames[:half]:
        grain = chance.integers(0, 160, (scene.height // 3 + 1, scene.width // 3 + 1), np.uint8)
        coarse = cv2.resize(grain, frame.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        frame[:] = cv2.addWeighted(frame, 0.5, cv2.merge([coarse] * 3), 0.9, 0)
    scene.put("name", scene.person().name, size_px=scene.height / 18, course=_on((half,)))


def flash_bare(scene: Scene) -> None:
    """A white name with no rim for one frame, a black one on another."""
    size = scene.height / 18
    for row, index, colour in ((0.3, 13, WHITE), (0.7, 31, BLACK)):
        text = scene.person().name
        scene.put("name", text, (0.5, row), size_px=size, course=_on((index,)), colour=colour)


def same_luma(scene: Scene) -> None:
    """Letters as bright as their ground, told from it by colour alone, for three frames."""
    mark = scene.put(
        "name", scene.person().name, size_px=scene.height / 14, course=_on((20, 21, 22))
    )
    ground = scene.ground_luma(mark.lettering, dict(mark.shots))
    share = min(ground / luma((20, 255, 20)), 1.0)
    scene.marks[-1] = replace(
        mark, colour=(round(20 * share), round(255 * share), round(20 * share))
    )


def jumping(scene: Scene) -> None:
    """A name that stands a row further down on every frame."""
    size = scene.height / 18
    line = scene.lettering(scene.person().name, size)
    left = 0.5 * (scene.width - line.ink.shape[1])
    for number in range(12):
        _lay(scene, "name", line, (left, 1.3 * size * (number + 0.5)), (7 + number,))


def typed(scene: Scene) -> None:
    """A name that appears one letter after the other, a new one on every frame."""
    line = scene.lettering(scene.person().name, scene.height / 18)
    place = (0.2 * scene.width, 0.4 * scene.height)
    letters = len(line.spans)
    for number in range(1, letters + 1):
        last = scene.count if number == letters else 4 + number
        _lay(scene, "name", _beginning(line, number), place, range(3 + number, last))


def _on(indices: Iterable[int]) -> Course:
    return lambda matrix: placing.still(matrix, indices)


def _beginning(line: Lettering, letters: int) -> Lettering:
    ink = line.ink.copy()
    ink[:, line.spans[letters - 1][1] :] = 0
    return replace(line, ink=ink, spans=line.spans[:letters])


def _lay(
    scene: Scene,
    kind: str,
    line: Lettering,
    place: placing.Point,
    indices: Iterable[int],
) -> None:
    """Puts white letters at a place on some frames."""
    shots = placing.still(placing.at(*place), indices)
    scene.marks.append(Mark(kind, line, WHITE, shots))
