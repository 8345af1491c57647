"""Keeps the newest copy at hand, as long as somebody looks at the pages.

A copy is opened and its items are made in a thread, so that who asks for a page never waits for it
but in two cases: there is none yet, or the asker has just written something and wants to see it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from gallery.snapshot.copy import Closed, Copy
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store.database import Connection
from supervisor_core.store.published import PublishedStore

LOOK_S = 0.2
LATE_S = 60.0  # so old, a copy is good for looking something up, but not for showing it
_AWAKE_S = 20.0  # after the last reader nothing is prepared any more
_STALE_S = 3.0  # who comes after a long silence waits for the present
_FIRST_S, _NEWER_S = 10.0, 3.0  # longest waits
_POLL_S = 0.05
_STOP_S = 5.0
_REST = 2.0  # times what a copy took to make ready: so long the next one is left alone


class Snapshots:
    """The newest copy of a home's store; `close` ends its thread.

    `renew` has a new copy published; it is called when somebody has written something.
    """

    def __init__(self, place: PublishedStore, renew: Callable[[], object] = lambda: None) -> None:
        self.place = place
        self._renew, self._old = renew, False
        self._urged = False  # somebody waits
        self._copy: Copy | None = None
        self._changed = threading.Condition()
        self._wanted_s = -_AWAKE_S
        self._asked_s = 0.0  # since when somebody asks again and again
        self._reason: Reason | None = None
        self._over = False
        self._thread = threading.Thread(target=self._go_on, daemon=True, name="snapshots")
        self._thread.start()

    @contextmanager
    def reading(self, after_ns: int = 0) -> Iterator[Connection]:
        """A connection to the newest copy; see `remembering`."""
        with self.remembering(after_ns) as (connection, _):
            yield connection

    @contextmanager
    def recent(self) -> Iterator[Connection]:
        """The same for files: raises `Failed(NOT_PUBLISHED)` when the copy is too old.

        What it lets through may have been sent back since.
        """
        with self.reading() as connection:
            if (self.age_s() or 0.0) > LATE_S:
                raise Failed(Reason.NOT_PUBLISHED)
            yield connection

    @contextmanager
    def remembering(self, after_ns: int = 0) -> Iterator[tuple[Connection, dict[str, Any]]]:
        """The newest copy and its memo; waits for one that shows the store after a moment.

        Raises `Failed(NOT_PUBLISHED)` when there is none in time, or why it can't be read. A copy
        that is older than wished is better than none.
        """
        with ExitStack() as stack:
            copy, connection = self._read(after_ns, stack)
            yield connection, copy.memo

    def _read(self, after_ns: int, stack: ExitStack) -> tuple[Copy, Connection]:
        """The newest copy and a connection to it; it may be replaced just as it is handed out."""
        while True:
            copy = self._newest(after_ns)
            try:
                return copy, stack.enter_context(copy.reading())
            except Closed:
                if self._over:
                    raise Failed(Reason.CANCELLED) from None

    def renew_soon(self) -> None:
        """Somebody has written something: from now on the copy is an old one."""
        with self._changed:
            self._old = True
            self._changed.notify_all()

    def age_s(self) -> float | None:
        """For how long nobody has made sure that the store is as the pages show it."""
        copy = self._copy
        return None if copy is None else max(0.0, time.time() - self._shows_ns(copy) / 1e9)

    def close(self) -> None:
        """Ends the thread and closes the copy."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        self._thread.join(_STOP_S)
        if self._copy is not None:
            self._copy.close()

    def _newest(self, after_ns: int) -> Copy:
        began_s = time.monotonic()
        with self._changed:
            slept = began_s - self._wanted_s > _AWAKE_S
            self._wanted_s = began_s
            if slept:
                self._asked_s = began_s
            present_ns = time.time_ns() - int(_STALE_S * 1e9) if slept else 0
            while self._waits(max(after_ns, present_ns), time.monotonic() - began_s):
                self._urged = True
                self._changed.notify_all()
                self._changed.wait(_POLL_S)
            if self._copy is None:
                raise Failed(self._reason or Reason.NOT_PUBLISHED)
            return self._copy

    def _waits(self, after_ns: int, waited_s: float) -> bool:
        """True while it is worth waiting: for the first copy longer than for a newer one."""
        if self._over or self._reason is not None:
            return False
        if self._copy is None:
            # Who comes when others have waited in vain is not kept as long.
            alone_s = time.monotonic() - self._asked_s
            return waited_s < (_FIRST_S if alone_s < _FIRST_S else LOOK_S)
        return not self._shows(after_ns) and waited_s < _NEWER_S

    def _shows(self, after_ns: int) -> bool:
        return self._copy is not None and self._shows_ns(self._copy) >= after_ns

    def _shows_ns(self, copy: Copy) -> int:
        found = self.place.look()
        newest = found is not None and found.taken_ns == copy.taken_ns
        return found.shows_ns if found is not None and newest else copy.taken_ns

    def _go_on(self) -> None:
        while not self._over:
            if self._old:
                self._old = False
                with suppress(Failed, OSError):  # whoever publishes shows it a little later
                    self._renew()
            self._look()
            with self._changed:
                rest_s = max(LOOK_S, _REST * self._copy.build_s if self._copy else 0.0)
                self._changed.wait_for(lambda: self._old or self._urged or self._over, rest_s)
                self._urged = False

    def _look(self) -> None:
        found = self.place.look()
        awake = time.monotonic() - self._wanted_s <= _AWAKE_S
        if not awake or found is None:
            return
        if self._copy is not None and self._copy.taken_ns == found.taken_ns:
            return
        try:
            copy, reason = Copy(self.place), None
        except Failed as failed:
            copy, reason = None, failed.reason
        except Exception:  # noqa: BLE001 - the edge of a thread: the next copy may do
            copy, reason = None, Reason.INTERNAL_ERROR
        self._put(copy, reason)

    def _put(self, copy: Copy | None, reason: Reason | None) -> None:
        with self._changed:
            former = self._copy
            self._copy, self._reason = copy or former, reason
            self._changed.notify_all()
        if copy is not None and former is not None:
            former.close()
