"""Looking at a quarter of the key frames finds what all of them show, a little later."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from supervisor_core.recording.looks import GRID, Look
from supervisor_core.recording.pieces import Place
from supervisor_core.recording.progress import State
from supervisor_core.recording.rhythm import Rhythm
from supervisor_core.recording.watching import Judge, Sample

FROZEN_S, BEAT_S, GROUP_S = 120, 10, 2.0
PAUSE_S = FROZEN_S / 3
LOOKS = 8
SHOWN = np.random.default_rng(3).integers(0, 2**14, (4000, GRID**2), dtype=np.int16)


def look(number: int) -> Look:
    return np.asarray(SHOWN[number])


def watched(
    shows: Callable[[float], int], length_s: int, group_s: float = GROUP_S
) -> Iterator[tuple[int, State, int]]:
    """At every heartbeat: when it is, what is said of the stream, how many pictures were looked at.

    `shows` tells the number of the picture at a time.
    """
    keys = list(np.arange(0.3, length_s, group_s))
    rhythm, judge, state = Rhythm(FROZEN_S), Judge(FROZEN_S), State.OK
    for now_s in range(BEAT_S, length_s, BEAT_S):
        places = [Place(Path("a"), 0, 0, at) for at in keys if now_s - BEAT_S <= at < now_s]
        chosen = rhythm.choose(places, LOOKS)
        samples = rhythm.marked([Sample(one.media_s, look(shows(one.media_s))) for one in chosen])
        if samples:
            state = judge.glance(samples)
            rhythm.saw(samples[-1].time_s, judge.still_s)
        yield now_s, state, len(samples)


def told(
    shows: Callable[[float], int], state: State, length_s: int = 3600, group_s: float = GROUP_S
) -> int | None:
    found = watched(shows, length_s, group_s)
    return next((now for now, said, _ in found if said is state), None)


def moving(at_s: float) -> int:
    return int(at_s)


def test_a_quarter_of_what_moves_is_looked_at() -> None:
    looks = sum(count for _, state, count in watched(moving, 3600) if state is State.OK)
    assert 0.2 < looks / (3600 / GROUP_S) < 0.27


@pytest.mark.parametrize("group_s", [1.0, 1.92, 4.0, 8.3, 12.5])
@pytest.mark.parametrize("stops_s", [0, 15, 25, 40, 59, 61, 100, 333])
def test_a_picture_that_stops_is_told_soon_and_not_too_soon(stops_s: int, group_s: float) -> None:
    found = told(lambda at_s: int(min(at_s, stops_s)), State.FROZEN, 1200, group_s)
    assert found is not None
    assert FROZEN_S <= found - stops_s <= FROZEN_S + PAUSE_S + 2 * BEAT_S + 2 * group_s


def test_what_moves_again_is_told_at_the_next_heartbeat() -> None:
    said = {
        now: state for now, state, _ in watched(lambda at_s: 0 if at_s < 400 else int(at_s), 600)
    }
    assert said[400] is State.FROZEN
    assert said[410] is State.OK


@pytest.mark.parametrize("every_s", [7, 25, 45, 60, 75, 110])
def test_a_picture_that_changes_now_and_then_is_not_frozen(every_s: int) -> None:
    assert told(lambda at_s: int(at_s // every_s), State.FROZEN) is None


@pytest.mark.parametrize("length_s", [6, 10, 18, 30, 46, 60, 90, 120, 200, 300])
def test_a_loop_is_told_after_some_rounds(length_s: int) -> None:
    found = told(lambda at_s: int(at_s % length_s), State.LOOPING)
    assert found is not None
    assert found <= max(150, 5 * length_s)
