"""How long work of many equal parts will take: a range that narrows, or nothing as yet."""

from collections.abc import Sequence
from math import sqrt

ENOUGH = 3


def seconds_left(
    ended: int, began_s: float, now_s: float, left: int, last_ends_s: Sequence[float]
) -> tuple[float, float] | None:
    """From how many seconds to how many the rest will take; None before three parts have ended.

    `last_ends_s` are the moments at which the last parts ended, on the clock of `now_s`. The range
    spans the pace since the beginning and that of late, wider the fewer have ended. While none ends
    any more the pace falls, and the range moves on.
    """
    if left <= 0:
        return 0.0, 0.0
    if ended < ENOUGH:
        return None
    paces = [max(now_s - began_s, 0.0) / ended]
    if len(last_ends_s) > 1:
        paces.append(max(now_s - min(last_ends_s), 0.0) / (len(last_ends_s) - 1))
    doubt = 1 / sqrt(ended)
    return left * min(paces) * (1 - doubt), left * max(paces) * (1 + doubt)


def in_words(expected: tuple[float, float] | None) -> str:
    """The range as people say it: in seconds, minutes or hours."""
    if expected is None:
        return "unknown"
    low_s, high_s = expected
    size, unit = next((one for one in _UNITS if high_s >= 2 * one[0]), _UNITS[-1])
    low, high = int(low_s // size), max(1, int(-(-high_s // size)))
    return f"{low}-{high} {unit}" if low < high else f"{high} {unit}"


_UNITS = ((3600, "h"), (60, "min"), (1, "s"))
