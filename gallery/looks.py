"""Writes down who has looked at what, so that nobody who looks waits for it.

A look counts when its page was made. What could not be written yet is tried again and again; a
decision that rests on a look writes them first.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from supervisor_core.keys import MediaKey
from supervisor_core.store import Store, looks
from supervisor_core.store.looks import Glance

_EVERY_S = 2.0  # each time the store changes, a new copy of it is made
_MOST = 1000
_STOP_S = 5.0


class Looks:
    """The looks that are not written yet; `close` writes them and ends the thread."""

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._new: list[Glance] = []
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._some = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._go_on, daemon=True, name="looks")
        self._thread.start()

    def add(self, media: MediaKey, output: str, who: str, *, reviewing: bool) -> None:
        """Somebody looks at a file now."""
        with self._lock:
            self._new.append(Glance(media, output, who, datetime.now(UTC), reviewing))
            del self._new[:-_MOST]
        self._some.set()

    def write(self) -> None:
        """Writes what is not written yet; raises `Failed(STORE_BUSY)`, after which it still is."""
        with self._writing:  # whoever comes meanwhile wants those written that are under way
            with self._lock:
                taken, self._new = self._new, []
            try:
                if taken:
                    with self._store().write() as connection:
                        looks.add(connection, taken)
            except BaseException:
                with self._lock:
                    self._new[:0] = taken
                    del self._new[:-_MOST]
                raise

    def close(self) -> None:
        """Writes the last ones."""
        self._over = True
        self._some.set()
        self._thread.join(_STOP_S)

    def _go_on(self) -> None:
        pause = threading.Event()
        while not self._over:
            self._some.wait()
            self._some.clear()
            pause.wait(0.0 if self._over else _EVERY_S)
            try:
                self.write()
            except Exception:  # noqa: BLE001 - the edge of a thread: the next time it may go well
                self._some.set()
