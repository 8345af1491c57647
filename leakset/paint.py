"""How clear text is laid onto each case's base: one small function a case."""

from collections.abc import Callable, Iterable

import numpy as np

from leakset import placing
from leakset.lettering import FONTS
from leakset.placing import Point, Shots
from leakset.scene import Course, Scene
from leakset.truth import Colour, Mark

Painter = Callable[[Scene], None]


def nothing(scene: Scene) -> None:
    """Leaves a control as it is."""


def panel(scene: Scene) -> None:
    """A dark panel with name, date of birth and case number beside the picture."""
    scene.panel(0.3)
    size = max(18, scene.height / 34)
    scene.lines(sheet(scene), (0.02, 0.1), size, colour=(235, 235, 235))


def inside(scene: Scene) -> None:
    """Name and number in the middle of the moving picture."""
    person = scene.person()
    scene.put("name", person.name, (0.55, 0.4), size_px=scene.height / 20)
    scene.put("case", person.case_number(scene.style), (0.5, 0.7), size_px=scene.height / 26)


def flash(length: int) -> Painter:
    """The whole name for `length` frames."""

    def draw(scene: Scene) -> None:
        _during(scene, scene.span(length))

    return draw


def flash_at(index: int) -> Painter:
    """The name on the first (0) or the last (-1) frame alone."""

    def draw(scene: Scene) -> None:
        _during(scene, [index % scene.count])

    return draw


def flicker(scene: Scene) -> None:
    """The name on every third frame."""
    _during(scene, range(1, scene.count, 3))


def moving(step: Point) -> Painter:
    """The name goes by `step` pixels a frame, for as long as it stays inside the picture."""

    def draw(scene: Scene) -> None:
        start = (0.05 if step[0] else 0.5, 0.05 if step[1] else 0.45)

        def course(matrix: np.ndarray) -> Shots:
            return placing.moving((matrix[0, 2], matrix[1, 2]), step, range(scene.count))

        scene.put("name", scene.person().name, start, size_px=scene.height / 18, course=course)

    return draw


def crossing(scene: Scene) -> None:
    """The name comes in over the left border and leaves over the right one."""
    line = scene.lettering(scene.person().name, scene.height / 20)
    width = line.ink.shape[1]
    start = (-0.8 * width, scene.height * scene.rng.uniform(0.3, 0.7))
    step = ((scene.width + 0.6 * width) / scene.count, 0.0)
    shots = placing.moving(start, step, range(scene.count))
    scene.marks.append(Mark("name", line, (255, 255, 255), shots, outline=(0, 0, 0)))


def lone(scene: Scene) -> None:
    """One small line in the corner of a large calm picture, from the first frame to the last."""
    for frame in scene.frames:
        frame[:] = 160 + scene.rng.integers(0, 6, frame.shape, np.uint8)
    scene.put("name", scene.person().name, (0.93, 0.95), size_px=17)


def small(*, capital: bool) -> Painter:
    """13 pixel text: either the font's size or the height of its capitals."""

    def draw(scene: Scene) -> None:
        person = scene.person()
        rows = (person.name, person.birth_date(scene.style), person.case_number(scene.style))
        for number, text in enumerate(rows):
            where = (0.3 + 0.15 * number, 0.2 + 0.3 * number)
            scene.put("name", text, where, size_px=13, capital=capital)

    return draw


def turned(degrees: float) -> Painter:
    """A name and a date turned clockwise."""

    def draw(scene: Scene) -> None:
        person = scene.person()
        lying = degrees % 180 < 45  # side by side they would overlap
        first, second = ((0.45, 0.3), (0.55, 0.7)) if lying else ((0.36, 0.5), (0.64, 0.5))
        scene.turn("name", person.name, degrees, first)
        scene.turn("birth_date", person.birth_date(scene.style), degrees, second)

    return draw


def late(scene: Scene) -> None:
    """Nothing until the last second."""
    _during(scene, range(scene.count - 25, scene.count))


def switch(scene: Scene) -> None:
    """One patient's name and number give way to another's at the same place."""
    scene.panel(0.3)
    half, font = scene.count // 2, str(scene.rng.choice(FONTS))
    for indices in (range(half), range(half, scene.count)):
        size, course = scene.height / 26, _on(indices)
        scene.lines(sheet(scene), (0.03, 0.3), size, course, (225, 225, 225), font)


def outlined(scene: Scene) -> None:
    """White letters with a black rim, and black ones with a white rim."""
    person, size = scene.person(), scene.height / 16
    white, black = (255, 255, 255), (0, 0, 0)
    scene.put("name", person.name, (0.5, 0.3), size_px=size, colour=white, outline=black)
    number = person.case_number(scene.style)
    scene.put("case", number, (0.5, 0.7), size_px=size, colour=black, outline=white)


def two_lines(scene: Scene) -> None:
    """Name over date of birth, closely set."""
    person = scene.person()
    rows = [("name", person.name), ("birth_date", person.birth_date(scene.style))]
    scene.lines(rows, (0.3, 0.4), scene.height / 20)


def digits(scene: Scene) -> None:
    """A bare case number of twelve digits, and a short one."""
    long = f"{scene.person().number}{scene.person().number % 10_000:04}"
    scene.put("case", long, (0.6, 0.3), size_px=scene.height / 16)
    scene.put("case", f"{scene.person().number % 100_000:05}", (0.4, 0.75), size_px=22)


def at_border(scene: Scene) -> None:
    """Text in all four corners whose ink touches the picture's edge."""
    room = 4  # the lettering's own empty border, pushed outside
    person = scene.person()
    texts = (person.name, person.case_number(0), scene.person().name, person.birth_date(1))
    for number, text in enumerate(texts):
        line = scene.lettering(text, scene.height / 24)
        rows, columns = line.ink.shape
        left = scene.width - columns + room if number % 2 else -room
        top = scene.height - rows + room if number > 1 else -room
        shots = placing.still(placing.at(left, top), range(scene.count))
        scene.marks.append(Mark("name", line, (255, 255, 255), shots, outline=(0, 0, 0)))


def large(scene: Scene) -> None:
    """Letters a sixth of the picture high."""
    scene.put("name", scene.person().family, (0.5, 0.5), size_px=scene.height / 5)


def coloured(scene: Scene) -> None:
    """Red, green, yellow and cyan letters, as devices mark what matters."""
    inks: tuple[Colour, ...] = ((40, 40, 255), (60, 255, 60), (0, 255, 255), (255, 255, 0))
    person = scene.person()
    texts = (person.name, person.birth_date(1), person.case_number(2), scene.person().name)
    for number, (text, ink) in enumerate(zip(texts, inks, strict=True)):
        where = (0.2 + 0.2 * number, 0.1 + 0.26 * number)
        scene.put("name", text, where, size_px=scene.height / 18, colour=ink)


def mixed(scene: Scene) -> None:
    """A standing number and a name that shows for twelve frames: what a container must not lose."""
    scene.put("case", scene.person().case_number(scene.style), (0.1, 0.1), size_px=22)
    course = _on(scene.span(12))
    scene.put("name", scene.person().name, (0.5, 0.7), size_px=26, course=course)


def sheet(scene: Scene) -> list[tuple[str, str]]:
    """Kind and text of four rows: family name, given name, date of birth, number."""
    person = scene.person()
    return [
        ("name", f"{person.family},"),
        ("name", person.given),
        ("birth_date", person.birth_date(scene.style)),
        ("case", person.case_number(scene.style)),
    ]


def _on(indices: Iterable[int]) -> Course:
    return lambda matrix: placing.still(matrix, indices)


def _during(scene: Scene, indices: Iterable[int]) -> None:
    person = scene.person()
    indices = list(indices)
    size = scene.height / 18
    scene.put("name", person.name, (0.5, 0.35), size_px=size, course=_on(indices))
    number = person.case_number(scene.style)
    scene.put("case", number, (0.5, 0.7), size_px=0.8 * size, course=_on(indices))
