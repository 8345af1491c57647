"""Frozen and looping pictures are told from calm ones, whatever noise lies over them."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from supervisor_core.recording import watching
from supervisor_core.recording.looks import GRID, Look, Plane, alike, look_of
from supervisor_core.recording.progress import State
from supervisor_core.recording.watching import Judge, Repeats, Watch

HEIGHT, WIDTH = 360, 640
RATE = 5
FROZEN_S = 20.0


def scene(seed: int = 0) -> Plane:
    """A picture with bright and dark places, as footage has."""
    coarse = np.random.default_rng(seed).integers(30, 220, (18, 32), dtype=np.uint8)
    return np.kron(coarse, np.ones((20, 20), np.uint8))


def noisy(pictures: Iterable[Plane], levels: float = 8.0) -> Iterator[Plane]:
    random = np.random.default_rng(1)
    for picture in pictures:
        grain = random.normal(0, levels, picture.shape)
        yield np.clip(picture + grain, 0, 255).astype(np.uint8)


def watched(pictures: Iterable[Plane], keys_every: int = 10, start: int = 0) -> Watch:
    watch, time_s = Watch(), 0.0
    for index, picture in enumerate(pictures, start):
        time_s = index / RATE
        watch.see(picture, time_s, key=index % keys_every == 0)
    watch.end(time_s)
    return watch


def judged(judge: Judge, watch: Watch) -> State:
    return judge.judge(watch.samples, watch.turns)


def with_square(at: tuple[int, int], side: int = 24) -> Plane:
    picture = scene()
    row, column = at
    picture[row : row + side, column : column + side] ^= 0x80
    return picture


@pytest.mark.parametrize("levels", [0.0, 4.0, 8.0])
def test_a_still_under_noise_is_frozen(levels: float) -> None:
    pictures = [scene()] * int(FROZEN_S * RATE + 10)
    assert judged(Judge(FROZEN_S), watched(noisy(pictures, levels))) is State.FROZEN


def test_stillness_adds_up_over_segments() -> None:
    judge = Judge(FROZEN_S)
    part = [scene()] * int(FROZEN_S * RATE / 3)
    states = [judged(judge, watched(noisy(part), start=1000)) for _ in range(5)]
    assert states == [State.OK] * 3 + [State.FROZEN] * 2


def test_a_calm_picture_is_not_frozen() -> None:
    """A square of 24 pixels, 25 in 10,000 of the picture, moves once in 15 seconds."""
    places = [(40, 100), (200, 320), (300, 500), (60, 400)]
    pictures = [with_square(at) for at in places for _ in range(15 * RATE)]
    assert judged(Judge(FROZEN_S), watched(noisy(pictures))) is State.OK


def test_what_passes_between_two_key_frames_is_movement() -> None:
    still = [scene()] * 10 * RATE
    passing = [with_square((100, 100), 80)] * 2
    pictures = still + passing + still + passing + still
    assert judged(Judge(FROZEN_S), watched(noisy(pictures), keys_every=50)) is State.OK


def walk(seed: int, steps: int) -> list[Plane]:
    """A scene across which something large moves, never twice in the same way."""
    places = np.random.default_rng(seed).integers(0, (HEIGHT - 90, WIDTH - 90), (steps, 2))
    return [with_square((int(row), int(column)), 90) for row, column in places for _ in range(3)]


@pytest.mark.parametrize("keys_every", [10, 17])
def test_a_walk_that_comes_again_is_looping_wherever_the_key_frames_are(keys_every: int) -> None:
    judge = Judge(FROZEN_S)
    first = judged(judge, watched(noisy(walk(0, 30)), keys_every))
    other = judged(judge, watched(noisy(walk(1, 30)), keys_every))
    again = judged(judge, watched(noisy(walk(0, 30), 6.0), keys_every, start=1003))
    assert (first, other, again) == (State.OK, State.OK, State.LOOPING)


def test_two_pictures_in_turn_are_no_loop() -> None:
    pictures = ([scene(0)] * RATE + [scene(1)] * RATE) * 8
    assert judged(Judge(FROZEN_S), watched(noisy(pictures), RATE)) is State.OK


def test_nothing_at_all_is_nothing() -> None:
    assert Judge(FROZEN_S).judge([]) is State.OK


def looks(count: int) -> list[Look]:
    random = np.random.default_rng(2)
    return list(random.integers(0, 2**14, (count, GRID**2), dtype=np.int16))


def test_only_so_many_looks_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_HISTORY", 100)
    repeats, shown = Repeats(), looks(250)
    assert not any(repeats.see(look) for look in shown)
    assert repeats._looks.shape == (100, GRID**2)
    assert [repeats.see(look) for look in shown[-5:]] == [False, False, True, True, True]
    assert not any(repeats.see(look) for look in shown[:5])  # forgotten


def test_a_look_is_that_of_the_picture_at_any_size() -> None:
    large = np.kron(scene(), np.ones((3, 3), np.uint8))
    assert alike(look_of(scene()), look_of(large))
    assert alike(look_of(scene()), look_of(scene()[::2, ::2]))
    assert not alike(look_of(scene(0)), look_of(scene(1)))
