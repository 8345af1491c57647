"""Whether a stream shows anything new, by the looks of its pictures.

Frozen is what stays alike for too long. Looping is what shows three pictures that differ from each
other in the same order as before. Those are looked for among the key pictures, and among the turns
of the content: pictures at which it changes more than within half a second before and after. They
are the same ones whenever the same content comes again, wherever its key frames are then.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from supervisor_core.recording.looks import (
    AGAIN,
    GRID,
    Look,
    Plane,
    alike,
    difference,
    look_of,
    near,
)
from supervisor_core.recording.progress import State

_SAMPLE_S = 5.0  # a stream with few key frames is looked at so often
_TURN_S = 0.5
_TURN_LEVELS = 0.3  # less is noise
_LOOP = 3
_HISTORY = 20_000  # looks: 10 MB, some hours
_COARSE = 16


@dataclass(frozen=True)
class Sample:
    """The look of one picture; `moved` when any since the last one was not alike to that."""

    time_s: float
    look: Look
    key: bool = True
    moved: bool = False


@dataclass
class Watch:
    """Looks at all pictures of a segment in their order and keeps what tells them from others."""

    samples: list[Sample] = field(default_factory=list)
    turns: list[Look] = field(default_factory=list)
    _moved: bool = False
    _last: Look | None = None
    _near: "deque[_Change]" = field(default_factory=deque)
    _undecided: "deque[_Change]" = field(default_factory=deque)

    def see(self, luma: Plane, time_s: float, *, key: bool) -> None:
        """Takes in the next picture."""
        look = look_of(luma)
        self._sample(look, time_s, key=key)
        levels = 0.0 if self._last is None else difference(look, self._last)
        self._last = look
        change = _Change(time_s, levels, look)
        self._near.append(change)
        self._undecided.append(change)
        self._decide(time_s - _TURN_S)

    def end(self, time_s: float) -> None:
        """There are no more pictures."""
        if self._last is not None and self.samples:
            moved = self._moved or not alike(self._last, self.samples[-1].look)
            self.samples.append(Sample(time_s, self._last, key=False, moved=moved))
        self._decide(float("inf"))

    def _sample(self, look: Look, time_s: float, *, key: bool) -> None:
        before = self.samples[-1] if self.samples else None
        self._moved = self._moved or (before is not None and not alike(look, before.look))
        if key or before is None or time_s - before.time_s >= _SAMPLE_S:
            self.samples.append(Sample(time_s, look, key, self._moved))
            self._moved = False

    def _decide(self, until_s: float) -> None:
        """Keeps those up to a time that are turns."""
        while self._undecided and self._undecided[0].time_s <= until_s:
            change = self._undecided.popleft()
            while self._near[0].time_s < change.time_s - _TURN_S:
                self._near.popleft()
            most = max(one.levels for one in self._near if one.time_s <= change.time_s + _TURN_S)
            if change.levels >= max(_TURN_LEVELS, most):
                self.turns.append(change.look)


@dataclass(frozen=True)
class _Change:
    """How many levels a picture differs by from the one before."""

    time_s: float
    levels: float
    look: Look


class Stillness:
    """Has it been the same picture for too long?"""

    def __init__(self, frozen_s: float) -> None:
        self._frozen_s = frozen_s
        self._look: Look | None = None
        self._since_s = 0.0
        self.still_s = 0.0

    def see(self, sample: Sample) -> bool:
        """Takes in what is shown; true when that has not changed for so long."""
        if self._look is None or sample.moved or not alike(sample.look, self._look):
            self._look, self._since_s = sample.look, sample.time_s
        self.still_s = sample.time_s - self._since_s
        return self.still_s >= self._frozen_s


class Repeats:
    """Remembers looks in their order, to tell what is shown again in the same order."""

    def __init__(self) -> None:
        self._looks, self._coarse = _room(0, GRID**2), _room(0, _COARSE)
        self._count = 0
        self._before: Look | None = None
        self._runs: dict[int, tuple[Look, ...]] = {}

    def see(self, look: Look) -> bool:
        """Takes in the next look; true when it goes on with something that was shown before."""
        if self._before is not None and alike(look, self._before, AGAIN):
            return False
        self._before = look
        self._runs = {
            at: _longer(self._runs.get((at - 1) % _HISTORY, ()), look) for at in self._find(look)
        }
        if not self._runs:
            self._remember(look)
        return any(len(run) >= _LOOP for run in self._runs.values())

    def _find(self, look: Look) -> Iterable[int]:
        """Where looks that are alike were remembered."""
        if not self._count:
            return ()
        kept = min(self._count, _HISTORY)
        places = np.flatnonzero(near(self._coarse[:kept], _coarse(look), AGAIN))
        return (int(place) for place in places[near(self._looks[places], look, AGAIN)])

    def _remember(self, look: Look) -> None:
        if self._count == len(self._looks) and len(self._looks) < _HISTORY:
            more = min(max(256, self._count), _HISTORY - self._count)
            self._looks = np.concatenate([self._looks, _room(more, GRID**2)])
            self._coarse = np.concatenate([self._coarse, _room(more, _COARSE)])
        self._looks[self._count % _HISTORY] = look
        self._coarse[self._count % _HISTORY] = _coarse(look)
        self._count += 1


class Judge:
    """Says of one part of a stream after the other what it shows, and remembers all of them."""

    def __init__(self, frozen_s: float) -> None:
        self._stillness = Stillness(frozen_s)
        self._keys, self._turns = Repeats(), Repeats()
        self._elapsed_s = 0.0

    @property
    def still_s(self) -> float:
        """For how long what was shown last has not changed."""
        return self._stillness.still_s

    def judge(self, samples: Sequence[Sample], turns: Iterable[Look] = ()) -> State:
        """What the next segment shows, by its samples in order and its turns."""
        if not samples:
            return State.OK
        base_s = self._elapsed_s - samples[0].time_s
        self._elapsed_s += samples[-1].time_s - samples[0].time_s
        return self.glance([replace(one, time_s=one.time_s + base_s) for one in samples], turns)

    def glance(self, samples: Iterable[Sample], turns: Iterable[Look] = ()) -> State:
        """What these samples show, whose times are those of the whole stream."""
        still = again = False
        for sample in samples:
            still = self._stillness.see(sample) or still
            again = (sample.key and self._keys.see(sample.look)) or again
        for look in turns:
            again = self._turns.see(look) or again
        if still:
            return State.FROZEN
        return State.LOOPING if again else State.OK


def _longer(run: tuple[Look, ...], look: Look) -> tuple[Look, ...]:
    """A run counts pictures that differ from each other."""
    return run if any(alike(look, one, AGAIN) for one in run) else (*run, look)[-_LOOP:]


def _coarse(look: Look) -> Look:
    """The same in fewer numbers, to compare at first."""
    step = GRID // 4
    means: Look = look.reshape(4, step, 4, step).mean(axis=(1, 3)).ravel()
    return np.rint(means).astype(np.int16)


def _room(rows: int, columns: int) -> Look:
    return np.zeros((rows, columns), np.int16)
