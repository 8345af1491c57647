"""When the media of several segments play in one file: one after the other, without a hole.

Where the stream's clock goes on, times go on. Where it jumps, what follows begins where the longest
of pictures and sound ends, so that both stay in step and none runs back.
"""

from dataclasses import dataclass

from supervisor_core.recording.clock import TICKS, Clock, Jump, unwrap
from supervisor_core.recording.footage import Footage, Span, Stretch

_PICTURES = -1  # among the numbers of streams
_USUAL_STEPS = 3
_OVERLAP_S = 60.0  # so far back a source that was opened again may begin


@dataclass(frozen=True)
class Break:
    """Where media are missing: the time in the file, and what the stream's clock says of it."""

    ticks: int
    missing_s: float | None


@dataclass(frozen=True)
class Placed:
    """One segment in the file: what to add to the ticks of each stretch, and where it begins.

    `follows` says that not even one picture is missing between the segment before it and this one.
    """

    shifts: tuple[int, ...]
    start: int
    follows: bool


class Splicer:
    """Places segments one after the other; `breaks` are found on the way."""

    def __init__(self) -> None:
        self.breaks: list[Break] = []
        self.end = 0  # of all that was placed
        self._ends: dict[int, int] = {}
        self._last: tuple[Stretch, int, int] | None = None  # with its shift and its step

    def follows(self, footage: Footage) -> bool:
        """True when not even one picture is missing before this segment."""
        if not self._last:
            return False
        before, _, step = self._last
        ahead = unwrap(footage.stretches[0].first, before.last) - before.last
        return 0 < ahead <= _USUAL_STEPS * step

    def place(self, footage: Footage) -> Placed:
        """Where the next segment goes."""
        first, *others = footage.stretches
        jump, follows = self._jump_to(first), self.follows(footage)
        shift = self._begin(first) if jump else self._go_on(first)
        shifts = [self._put(first, shift, footage.step, jump)]
        shifts += [
            self._put(stretch, self._begin(stretch), footage.step, stretch.jump)
            for stretch in others
        ]
        return Placed(tuple(shifts), _low(first) + shifts[0], follows)

    def _jump_to(self, stretch: Stretch) -> Jump | None:
        """How the clock gets from the segment before to this one; none when it just goes on."""
        if not self._last:
            return Jump(None)
        before, _, step = self._last
        clock = Clock()
        clock.take(before.last - step)
        clock.take(before.last)
        ahead = unwrap(stretch.first, before.last) - before.last
        if -_OVERLAP_S * TICKS < ahead <= 0:
            return Jump(0.0)
        return clock.take(stretch.first)

    def _put(self, stretch: Stretch, shift: int, step: int, jump: Jump | None) -> int:
        if self._last and jump:
            self.breaks.append(Break(_low(stretch) + shift, jump.missing_s))
        for stream, span in _spans(stretch).items():
            self._ends[stream] = max(self._ends.get(stream, 0), span.high + shift)
        self.end = max([self.end, *self._ends.values()])
        self._last = (stretch, shift, step)
        return shift

    def _go_on(self, stretch: Stretch) -> int:
        if not self._last:
            return self._begin(stretch)
        before, shift, _ = self._last
        return shift + unwrap(stretch.first, before.last) - stretch.first

    def _begin(self, stretch: Stretch) -> int:
        shift = max(
            (self._ends.get(stream, 0) - span.low for stream, span in _spans(stretch).items()),
            default=-stretch.first,
        )
        if self._last:
            before, former, step = self._last
            shift = max(shift, before.last + former + step - stretch.first)
        return shift


def _spans(stretch: Stretch) -> dict[int, Span]:
    pictures = {_PICTURES: stretch.shown} if stretch.shown else {}
    return {**stretch.sounds, **pictures}


def _low(stretch: Stretch) -> int:
    return stretch.shown.low if stretch.shown else stretch.first
