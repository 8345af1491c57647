"""Whether a recording comes on, judged by the time stamps of its media; pictures: `watching`."""

from collections.abc import Callable
from enum import StrEnum, auto

_LONGEST_FACTOR = 2
_PAUSES_KEPT_S = 600.0  # a stall of an hour does not make the next one normal
_START_S = 20.0  # for a new source to begin, on a busy machine


class State(StrEnum):
    """What a recording does at this moment, or what a segment shows."""

    OK = auto()
    FROZEN = auto()
    LOOPING = auto()


class Pace:
    """How long media may stay away: the setting, or twice the longest pause that passed by itself.

    `now` tells a monotonic time in seconds.
    """

    def __init__(self, stall_s: float, now: Callable[[], float]) -> None:
        self._stall_s, self._now = stall_s, now
        self._longest_s = 0.0
        self._media_s = 0.0
        self._starting = True
        self.moved_at = now()

    @property
    def limit_s(self) -> float:
        """How long nothing new may come."""
        longest_s = _LONGEST_FACTOR * min(self._longest_s, _PAUSES_KEPT_S)
        return max(self._stall_s, longest_s) + (_START_S if self._starting else 0.0)

    @property
    def stalled(self) -> bool:
        """True when media have stayed away for longer than that."""
        return self._now() - self.moved_at > self.limit_s

    def start(self) -> None:
        """A source was opened: its first media may take as long as any pause."""
        self._starting, self.moved_at = True, self._now()

    def see(self, media_s: float) -> bool:
        """Takes in how many seconds of media have come by now; true when there are new ones."""
        if media_s <= self._media_s:
            return False
        now = self._now()
        if self._media_s:
            self._longest_s = max(self._longest_s, now - self.moved_at)
        self._media_s, self.moved_at, self._starting = media_s, now, False
        return True
