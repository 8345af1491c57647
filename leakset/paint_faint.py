"""How text that is hard to see is laid on: fading, little contrast, translucent."""

import numpy as np

from leakset import placing
from leakset.paint import Painter, sheet
from leakset.placing import Shots
from leakset.scene import Scene
from leakset.truth import Colour


def fading(scene: Scene) -> None:
    """A name comes and goes over one second, another only comes."""
    rise = range(8, 34)

    def up_and_down(matrix: np.ndarray) -> Shots:
        return placing.fading(matrix, rise, placing.ramp)

    def up(matrix: np.ndarray) -> Shots:
        return placing.fading(matrix, range(30, scene.count), lambda progress: progress)

    size = scene.height / 18
    scene.put("name", scene.person().name, (0.5, 0.3), size_px=size, course=up_and_down)
    scene.put("name", scene.person().name, (0.5, 0.75), size_px=size, course=up)


def low_contrast(scene: Scene) -> None:
    """Grey letters 20 to 30 luma steps off a soft ground."""
    person, size = scene.person(), scene.height / 16
    for text, row in ((person.name, 0.3), (person.birth_date(scene.style), 0.65)):
        step = float(scene.rng.uniform(20, 30))
        scene.put("name", text, (0.5, row), size_px=size, contrast=step)


def low_contrast_panel(scene: Scene) -> None:
    """Dark grey letters on a darker panel."""
    scene.panel(0.42, 44)
    level = 44 + int(scene.rng.integers(20, 30))
    scene.lines(sheet(scene), (0.02, 0.2), scene.height / 22, colour=(level, level, level))


def translucent(opacity: float) -> Painter:
    """White letters of which only a part is laid on."""

    def draw(scene: Scene) -> None:
        person = scene.person()
        white: Colour = (255, 255, 255)
        for text, row in ((person.name, 0.35), (person.case_number(scene.style), 0.65)):
            scene.put(
                "name",
                text,
                (0.5, row),
                size_px=scene.height / 16,
                colour=white,
                course=lambda matrix: placing.still(matrix, range(scene.count), opacity),
            )

    return draw


def faint_grey(step: int) -> Painter:
    """Letters that many luma steps (signed) off a bright or dark flat ground."""

    def draw(scene: Scene) -> None:
        person = scene.person()
        level = int(np.clip(round(float(scene.frames[0].mean())) + step, 0, 255))
        colour = (level, level, level)
        scene.put("name", person.name, (0.4, 0.3), size_px=scene.height / 16, colour=colour)
        number = person.case_number(scene.style)
        scene.put("case", number, (0.6, 0.7), size_px=scene.height / 20, colour=colour)

    return draw
