"""When a part that ended is started again: at once at first, then less and less often."""

from dataclasses import dataclass

FIRST_S = 1.0
LONGEST_S = 60.0
WELL_S = 60.0
MANY = 3
_DOUBLINGS = 10  # enough for the longest wait; a larger power would not fit a number


@dataclass
class Restarts:
    """Counts how often a part has ended in a row, without having run well in between."""

    deaths: int = 0

    def ended(self, ran_s: float) -> float:
        """Takes note of an end after so many seconds; returns how long to wait."""
        self.runs(ran_s)
        self.deaths += 1
        return min(FIRST_S * 2.0 ** min(self.deaths - 1, _DOUBLINGS), LONGEST_S)

    def runs(self, ran_s: float) -> None:
        """Forgets what was, once the part has run well for a while."""
        if ran_s >= WELL_S:
            self.deaths = 0

    @property
    def keeps_ending(self) -> bool:
        """True when waiting alone will hardly help."""
        return self.deaths >= MANY
