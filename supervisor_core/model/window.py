"""How many questions at once a model is asked, and how long each may take, by how it has answered.

The window grows by one place for each round in which it was full and nothing slowed down, and
shrinks at once when answers fail to come or come much later: additive increase, multiplicative
decrease, as networks do it. A server that answers one after the other stays at one. Pure functions
over what the store holds; times in seconds.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from supervisor_core.reasons import Reason

SLOWING = frozenset(
    {
        Reason.TIMEOUT,
        Reason.MODEL_BUSY,
        Reason.MODEL_ERROR,
        Reason.TRANSPORT_ERROR,
        Reason.OLLAMA_DOWN,
        Reason.OLLAMA_UNREACHABLE,
    }
)
"""What says that a server has more to do than it bears."""

_STEADY = 1.4  # up to this much slower than alone it is worth asking more at once
_SLOW = 2.0  # beyond this much asking several at once brings next to nothing
_SHRINK = 0.5
_EASE = 0.75
_BELIEVED = 0.3  # of what is seen alone, so that a server that became slower is believed
_ENOUGH = 5
_TIMES = 8.0  # a question may take so many medians
_IDLE_S = 240.0  # after this a server has put its model away, and loads it again


@dataclass(frozen=True)
class Window:
    """So many places, and how long one answer takes when the server has nothing else to do."""

    size: float = 1.0
    base_s: float | None = None

    @property
    def places(self) -> int:
        """How many questions at once."""
        return max(1, int(self.size))


@dataclass(frozen=True)
class Round:
    """What came of questions that were asked at once; `seconds` are those of whole answers."""

    asked: int
    seconds: tuple[float, ...] = ()
    failed: tuple[Reason, ...] = ()


def after(window: Window, seen: Round, largest: int) -> Window:
    """The window after a round; it stays between 1 and the largest."""
    base_s = _base(window.base_s, seen)
    if any(reason in SLOWING for reason in seen.failed):
        return Window(max(1.0, window.size * _SHRINK), base_s)
    slowness = statistics.median(seen.seconds) / base_s if seen.seconds and base_s else 1.0
    size = window.size
    if seen.asked > 1 and slowness > _SLOW:
        size = size * _EASE
    elif seen.asked >= window.places and slowness <= _STEADY:
        size = size + 1
    return replace(window, size=min(max(1.0, size), float(largest)), base_s=base_s)


def _base(known_s: float | None, seen: Round) -> float | None:
    """The time of one question alone: the shortest seen, or what questions take that are alone."""
    if not seen.seconds:
        return known_s
    median_s = statistics.median(seen.seconds)
    if known_s is None or median_s <= known_s:
        return median_s
    return known_s + _BELIEVED * (median_s - known_s) if seen.asked == 1 else known_s


def budget_s(taken: Sequence[float], idle_s: float | None, least_s: float, most_s: float) -> float:
    """How long the next question may take, after what such questions have taken lately.

    Those that were ended at their limit count with it, so that the budget grows again. While too
    few are known, or when the model must be loaded first, it is the most.
    """
    if len(taken) < _ENOUGH or idle_s is None or idle_s > _IDLE_S:
        return most_s
    return min(max(_TIMES * statistics.median(taken), min(least_s, most_s)), most_s)
