"""The clock inside a stream: 33 bits that wrap after 26.5 hours, stand still, jump, start anew."""

from dataclasses import dataclass

TICKS = 90_000  # a second
_WRAP = 2**33
_STEP_MAX_S = 1.0  # a longer step, and longer than usual, means that media are missing
_USUAL_STEPS = 3
_RESUMED_STEPS = 1.5  # after a break every frame that is missing counts
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
        self._usual_s = 0.0

    def is_now(self, stamp: int) -> bool:
        """True when the stamp is that of what came last."""
        return self.now is not None and unwrap(stamp, self.now) == self.now

    def is_before(self, stamp: int) -> bool:
        """True when the stamp may be of something that came, or could have come, earlier."""
        ahead = 1 if self.now is None else unwrap(stamp, self.now) - self.now
        return -_SAME_CLOCK_S * TICKS < ahead <= 0

    def is_later(self, stamp: int) -> bool:
        """True when the stamp is later than all that came."""
        return self.now is None or unwrap(stamp, self.now) > self.now

    def take(self, stamp: int) -> Jump | None:
        """Goes on to the next stamp; says so when it is not where the clock should be."""
        return self._go_on(stamp, max(_STEP_MAX_S, _USUAL_STEPS * self._usual_s))

    def resume(self, stamp: int) -> Jump:
        """Goes on after a break and says what is missing, which nobody knows of a first stamp."""
        if self.now is None:
            self.take(stamp)
            return Jump(None)
        return self._go_on(stamp, _RESUMED_STEPS * self._usual_s or _STEP_MAX_S) or Jump(0.0)

    def _go_on(self, stamp: int, longest_s: float) -> Jump | None:
        if self.now is None:
            self.now = stamp
            return None
        now, before = unwrap(stamp, self.now), self.now
        step_s, self.now = (now - before) / TICKS, now
        if step_s < 0 or step_s > _SAME_CLOCK_S:
            return Jump(None)
        if step_s > longest_s:
            self.elapsed_s += self._usual_s
            return Jump(step_s - self._usual_s)
        self.elapsed_s += step_s
        self._usual_s = step_s or self._usual_s
        return None
