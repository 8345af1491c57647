"""Times of pictures and of sound that only rise, whatever the clock of a recording does."""

from fractions import Fraction

# So far back only another clock goes: what is less is disorder.
_BACK_S = 1
# Further ahead MP4 can't say: its 32 bits must hold a step and how much later it is shown.
_AHEAD_TICKS = 2**30


class Stamps:
    """Follows the stamps of one stream, in ticks of its time base.

    A gap stays a gap; where another clock begins, what comes plays right after what came.
    """

    def __init__(self, time_base: Fraction) -> None:
        self._time_base = time_base
        self._last: int | None = None
        self._follows = self._shift = 0

    def take(self, stamp: int | None, length: int) -> int:
        """The time of what is stamped so and lasts so long; it follows what came if unstamped."""
        time = self._follows if stamp is None else stamp + self._shift
        if self._last is not None:
            if self._is_another_clock(time - self._last):
                self._shift += self._follows - time
                time = self._follows
            # Stamps that stand still or run backwards can't be written; one tick keeps the order.
            time = max(time, self._last + 1)
        self._last, self._follows = time, time + max(1, length)
        return time

    def _is_another_clock(self, ticks: int) -> bool:
        return ticks * self._time_base < -_BACK_S or ticks > _AHEAD_TICKS
