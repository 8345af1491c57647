"""Where a line of text stands over time: still, flashing, moving, fading, turned."""

from collections.abc import Callable, Iterable

import numpy as np

from leakset.truth import Shot

Shots = dict[int, Shot]
Point = tuple[float, float]


def at(left: float, top: float) -> np.ndarray:
    """Matrix that puts the lettering's upper left corner at a point."""
    return np.array([[1, 0, left], [0, 1, top]], float)


def turned(shape: tuple[int, ...], centre: Point, degrees: float) -> np.ndarray:
    """Matrix that puts the lettering's centre at a point, turned clockwise; exact at 90 degrees."""
    rows, columns = shape[:2]
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if degrees % 90 == 0:
        turn = np.rint(turn)
    shift = np.array(centre) - turn @ np.array([(columns - 1) / 2, (rows - 1) / 2])
    if degrees % 90 == 0:
        shift = np.rint(shift)
    return np.hstack([turn, shift[:, None]])


def still(matrix: np.ndarray, indices: Iterable[int], opacity: float = 1.0) -> Shots:
    """The same place on all given frames."""
    return {index: Shot(matrix, opacity) for index in indices}


def moving(start: Point, step: Point, indices: Iterable[int], opacity: float = 1.0) -> Shots:
    """Upper left corner moves by `step` pixels a frame."""
    return {
        index: Shot(at(start[0] + step[0] * number, start[1] + step[1] * number), opacity)
        for number, index in enumerate(indices)
    }


def fading(matrix: np.ndarray, indices: range, strength: Callable[[float], float]) -> Shots:
    """The same place, opacity given by `strength` of the progress 0..1; empty frames left out."""
    last = max(1, len(indices) - 1)
    shots = {index: Shot(matrix, strength(number / last)) for number, index in enumerate(indices)}
    return {index: shot for index, shot in shots.items() if shot.opacity > 0}


def ramp(progress: float) -> float:
    """Up from nothing to full at the middle, and down again."""
    return 1 - abs(2 * progress - 1)
