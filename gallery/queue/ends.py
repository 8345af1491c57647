"""How fast each stage ends its work, by the ends that there were; nothing is made up.

The window is the shortest of an hour, six and a day that holds enough ends.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from supervisor_core.store.database import Connection
from supervisor_core.time_left import seconds_left

WINDOWS_S = (3600.0, 6 * 3600.0, 24 * 3600.0)
ENOUGH = 10
_LAST = 20
_COUNTS = ", ".join(
    f"count(*) FILTER (ended >= ${at}), min(started) FILTER (ended >= ${at})"
    for at in range(1, len(WINDOWS_S) + 1)
)
_ENDS = f"""
    SELECT step, level, {_COUNTS}
    FROM attempt WHERE ended >= ${len(WINDOWS_S)} AND outcome = 'done' GROUP BY ALL
"""  # noqa: S608
# Of stages with enough ends in the shortest window no others are looked at: there may be many.
_LAST_ENDS = f"""
    SELECT step, level, max(epoch(ended), {_LAST}) FROM attempt
    WHERE ended >= ? AND outcome = 'done' GROUP BY ALL
"""  # noqa: S608

Stage = tuple[str, str]
"""A step, and of analyses and enrichments their profile or mode."""


@dataclass(frozen=True)
class Ends:
    """So many ends in a window up to `now_s`; moments in seconds of the wall clock."""

    count: int
    window_s: float
    began_s: float
    last_s: tuple[float, ...]
    now_s: float

    @property
    def per_hour(self) -> float:
        """The rate over the part of the window in which there was work."""
        return 3600 * self.count / max(self.now_s - self.began_s, 1.0)

    def left(self, items: int) -> tuple[float, float] | None:
        """From how many seconds to how many so many items will take; None: nobody can say."""
        return seconds_left(self.count, self.began_s, self.now_s, items, self.last_s)


def ends(connection: Connection, now: datetime) -> Mapping[Stage, Ends]:
    """The ends of every stage that had some within a day."""
    since = [now - timedelta(seconds=window_s) for window_s in WINDOWS_S]
    counted: dict[Stage, list[Counted]] = {}
    for step, level, *numbers in connection.execute(_ENDS, since).fetchall():
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
        name = name_of(step, level)
        known = counted.get(name, [(0, None)] * len(WINDOWS_S))
        counted[name] = [_sum(one, other) for one, other in zip(known, pairs, strict=True)]
    last, older = _last(connection, since[0]), None
    found = {}
    for name, windows in counted.items():
        enough = (at for at, (count, _) in enumerate(windows) if count >= ENOUGH)
        at = next(enough, len(windows) - 1)
        if at and older is None:
            older = _last(connection, since[-1])
        ends_s = (older or {}).get(name, ()) if at else last.get(name, ())
        found[name] = _ends(windows[at], at, ends_s, now)
    return found


def name_of(step: str, level: str | None) -> Stage:
    """The stage of an attempt; cleaning is one stage, whatever the level."""
    return step, (level or "") if step in ("analyse", "enrich") else ""


def _ends(counted: "Counted", at: int, ends_s: Iterable[float], now: datetime) -> Ends:
    count, first = counted
    opened_s = now.timestamp() - WINDOWS_S[at]
    began_s = max(first.timestamp(), opened_s) if first else opened_s
    last_s = tuple(sorted((one for one in ends_s if one >= opened_s), reverse=True)[:_LAST])
    return Ends(count, WINDOWS_S[at], began_s, last_s, now.timestamp())


Counted = tuple[int, datetime | None]


def _sum(one: Counted, other: Counted) -> Counted:
    firsts = [first for _, first in (one, other) if first is not None]
    return one[0] + other[0], min(firsts, default=None)


def _last(connection: Connection, since: datetime) -> dict[Stage, list[float]]:
    found: dict[Stage, list[float]] = {}
    for step, level, last in connection.execute(_LAST_ENDS, [since]).fetchall():
        found.setdefault(name_of(step, level), []).extend(last)
    return found
