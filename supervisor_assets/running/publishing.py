"""Publishes the store while `up` runs, from a thread of its own; see `store.publishing`.

It runs beside the health page, in the one process that also knows how the parts are: so how it goes
is told even when the disk is too full to write it down. It does not load Dagster.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store.published import Published, PublishedStore
from supervisor_core.store.publishing import Publisher, Taken

EVERY_S = 0.5
LATE_S = 60.0
_PAUSES = 3  # times what copying took: where much has to be copied it is done less often
_WAIT_S = 4.0  # who gives up comes last again
_STOP_S = 5.0


class Publishing:
    """How publishing goes: how many copies, how many failures for which reason, the last ones."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self._publisher = Publisher(home, wait_s=_WAIT_S, reserve_bytes=settings.reserve_bytes)
        self._over = threading.Event()
        self.copies = 0
        self.failures: Counter[Reason] = Counter()
        self.reason: Reason | None = None

    @property
    def place(self) -> PublishedStore:
        """Where the copy is."""
        return self._publisher.place

    @property
    def last(self) -> Taken | None:
        """What the last copy cost; None before the first of this process."""
        return self._publisher.last

    @property
    def told(self) -> dict[str, object]:
        """Age of the copy in seconds, and why there is no younger one, for the health page."""
        found = self.place.look()
        return {"age_s": round(found.age_s(), 1) if found else None, "reason": self.reason}

    @property
    def late(self) -> Reason | None:
        """Why readers see what was more than a minute ago, or nothing; None while all is well."""
        found = self.place.look()
        if found is None:
            return self.reason
        if found.age_s() <= LATE_S:
            return None
        return self.reason or Reason.TIMEOUT  # it hangs

    @property
    def pause_s(self) -> float:
        """Seconds until the next copy: the more the last one cost, the longer."""
        last = self.last
        return max(EVERY_S, _PAUSES * (last.prepared_s + last.held_s)) if last else EVERY_S

    def publish(self) -> Published | None:
        """Publishes once, and takes note of how it went."""
        before = self.last
        try:
            found = self._publisher.publish()
        except Failed as failed:
            self._note(failed.reason)
            return None
        except Exception:  # noqa: BLE001 - the edge of a thread; what ends here ends unseen
            self._note(Reason.INTERNAL_ERROR)
            return None
        self.copies += self.last is not before
        self.reason = None
        return found

    def go_on(self) -> None:
        """Publishes again and again until `stop` is called."""
        while not self._over.is_set():
            self.publish()
            self._over.wait(self.pause_s)

    def stop(self) -> None:
        """Has `go_on` end soon."""
        self._over.set()

    def _note(self, reason: Reason) -> None:
        self.failures[reason] += 1
        self.reason = reason


@contextmanager
def published(home: Home, settings: Settings) -> Iterator[Publishing]:
    """Publishes the store of a home while the block runs."""
    publishing = Publishing(home, settings)
    thread = threading.Thread(target=publishing.go_on, daemon=True, name="publishing")
    thread.start()
    try:
        yield publishing
    finally:
        publishing.stop()
        thread.join(_STOP_S)  # one that hangs on a broken disk holds up nobody
