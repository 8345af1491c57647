"""The clock inside a stream: 33 bits that wrap after 26.5 hours, stand still, jump, start anew."""

from dataclasses import dataclass

TICKS = 90_000  # a second
_WRAP = 2**33
_STEP_MAX_S = 1.0  # a longer step, and longer than usual, means that media are missing
_USUAL_STEPS = 3
_SAME_CLOCK_S = 3600.0  # a jump further ahead than this is another clock


@dataclass(frozen=True)
class Jump:
    """Where the clock did not go on; `missing_s` is none when another clock began."""

    missing_s: float | None


def unwrap(stamp: int, near: int) -> int:
    """The time, in ticks that never wrap, that a stamp of 33 bits means near a known time."""
    return near + (stamp - near + _WRAP // 2) % _WRAP - _WRAP // 2


class Clock:
    """Follows the stamps of one stream of pictures; `elapsed_s` counts the media that came."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self.now: int | None = None
        self._before: int | None = None
        self._usual_s = 0.0

    def is_new(self, stamp: int) -> bool:
        """True when what has this stamp did not come completely: it is the last, or later."""
        return self._before is None or unwrap(stamp, self._before) > self._before

    def is_before(self, stamp: int) -> bool:
        """True when the stamp may be of something that came, or could have come, earlier."""
        ahead = 1 if self.now is None else unwrap(stamp, self.now) - self.now
        return -_SAME_CLOCK_S * TICKS < ahead <= 0

    def is_later(self, stamp: int) -> bool:
        """True when the stamp is later than all that came."""
        return self.now is None or unwrap(stamp, self.now) > self.now

    def take(self, stamp: int) -> Jump | None:
        """Goes on to the next stamp; says so when it is not where the clock should be."""
        if self.now is None:
            self.now = stamp
            return None
        now, self._before = unwrap(stamp, self.now), self.now
        step_s, self.now = (now - self.now) / TICKS, now
        if step_s < 0 or step_s > _SAME_CLOCK_S:
            return Jump(None)
        if step_s > max(_STEP_MAX_S, _USUAL_STEPS * self._usual_s):
            self.elapsed_s += self._usual_s
            return Jump(step_s - self._usual_s)
        self.elapsed_s += step_s
        self._usual_s = step_s or self._usual_s
        return None
