"""The figures of the queue, kept for a moment: many may look, they are counted once a second.

Whoever wants no more than the sums never waits: they are those that were counted last, and are
counted anew beside.
"""

import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from gallery.queue.figures import Figures, figures
from gallery.queue.unbegun import Unbegun, asked_for, unbegun
from supervisor_core.reasons import Failed, Reason

if TYPE_CHECKING:
    from gallery.house import House

_FRESH_S = 1.0
_UNBEGUN_S = 15.0
_PUBLISHING_S = 10.0
_SEEN_NS = 5_000_000_000


class Held:
    """The figures of one house."""

    def __init__(self, house: "House") -> None:
        self._house = house
        self._counting = threading.Lock()
        self._beside = threading.Lock()
        self._found: Figures | None = None
        self._made_ns, self._made_s = 0, 0.0
        self._unbegun: dict[str, Unbegun] = {}
        self._unbegun_s = -_UNBEGUN_S
        self._reason: Reason | None = None
        self._wrote_ns: dict[str, int] = {}

    def wrote(self, who: str) -> None:
        """Remembers that somebody has just written, who is to see it next."""
        now_ns = time.time_ns()
        late = {one: ns for one, ns in self._wrote_ns.items() if now_ns - ns < _SEEN_NS}
        self._wrote_ns = {**late, who: now_ns}

    def after_ns(self, who: str) -> int:
        """The moment from which on this one is to be shown the store; 0 after a few seconds."""
        wrote_ns = self._wrote_ns.get(who, 0)
        return wrote_ns if time.time_ns() - wrote_ns < _SEEN_NS else 0

    def figures(self, after_ns: int = 0) -> Figures:
        """The figures of now, or of a second ago; they show what was written before a moment.

        Raises `Failed` as `Snapshots.reading`.
        """
        with self._counting:
            fresh = time.monotonic() - self._made_s < _FRESH_S and self._made_ns >= after_ns
            if self._found is None or not fresh:
                self._found = self._count(after_ns)
            return self._found

    def light(self) -> dict[str, Any]:
        """The last sums, at once: from memory alone, while they are counted anew beside."""
        self._wake()
        found, copy = self._found, self._house.snapshots.place.look()
        age_s = copy.age_s() if copy else None
        return {
            "counts": found.light if found else None,
            "counted": found.now.isoformat() if found else None,
            "models": [{"name": one.name, "state": one.state} for one in found.models]
            if found
            else [],
            "paused": sorted(found.pauses) if found else [],
            "reason": self._reason.value if self._reason else None,
            "copy_age_s": None if age_s is None else round(age_s, 3),
            "publishing": age_s is not None and age_s < _PUBLISHING_S,
        }

    def _wake(self) -> None:
        """Has somebody count, unless somebody does or has just done so."""
        if time.monotonic() - self._made_s < _FRESH_S or not self._beside.acquire(blocking=False):
            return
        threading.Thread(target=self._refresh, daemon=True, name="queue figures").start()

    def _refresh(self) -> None:
        try:
            self.figures()
        except Failed as failed:
            self._reason = failed.reason
        finally:
            self._beside.release()

    def _count(self, after_ns: int) -> Figures:
        made_ns = time.time_ns()
        with self._house.snapshots.reading(after_ns) as connection:
            if time.monotonic() - self._unbegun_s >= _UNBEGUN_S:
                asked = asked_for(self._profiles())
                self._unbegun = unbegun(connection, asked)
                self._unbegun_s = time.monotonic()
            found = figures(connection, datetime.now(UTC), self._unbegun)
        self._made_ns, self._made_s, self._reason = made_ns, time.monotonic(), None
        return found

    def _profiles(self) -> Any:
        house = self._house
        return house.settings.profiles_folder or house.home.root / "profiles"


_HELD: "WeakKeyDictionary[House, Held]" = WeakKeyDictionary()
_MAKING = threading.Lock()


def held(house: "House") -> Held:
    """The figures of a house."""
    with _MAKING:
        with suppress(KeyError):
            return _HELD[house]
        _HELD[house] = Held(house)
        return _HELD[house]
