"""When something was masked in a video: spans of seconds, without a word of what was read."""

import json
from collections.abc import Iterable

from supervisor_core.store.outputs import Output

Span = tuple[float, float]
SPANS_MAX = 200
_JOINED_S = 0.5


def joined(spans: Iterable[Span], most: int = SPANS_MAX) -> list[Span]:
    """The spans in order, those that touch or nearly do as one; more nearly while too many."""
    ordered, apart_s = sorted(spans), _JOINED_S
    found = _joined(ordered, apart_s)
    while len(found) > most:
        apart_s *= 2
        found = _joined(found, apart_s)
    return found


def _joined(ordered: Iterable[Span], apart_s: float) -> list[Span]:
    found: list[Span] = []
    for start_s, end_s in ordered:
        if found and start_s - found[-1][1] <= apart_s:
            found[-1] = found[-1][0], max(found[-1][1], round(end_s, 2))
        else:
            found.append((round(start_s, 2), round(end_s, 2)))
    return found


def masked_times(output: Output) -> list[Span]:
    """When texts were masked in a cleaned file; nothing for one of an older version."""
    return [(start, end) for start, end in json.loads(output.report).get("masked_s", ())]
