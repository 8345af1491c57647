"""Writes down who has looked at what, so that nobody who looks waits for it.

A look counts when its page was made. What could not be written yet is tried again and again; a
decision that rests on a look writes them first.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from supervisor_core.keys import MediaKey
from supervisor_core.reasons import Failed
from supervisor_core.store import Store, reviews

_EVERY_S = 0.5
_MOST = 1000
_STOP_S = 5.0


@dataclass(frozen=True)
class _Look:
    media: MediaKey
    output: str
    who: str
    reviewing: bool
    when: datetime


class Looks:
    """The looks that are not written yet; `close` writes them and ends the thread."""

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._new: list[_Look] = []
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._some = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._go_on, daemon=True, name="looks")
        self._thread.start()

    def add(self, media: MediaKey, output: str, who: str, *, reviewing: bool) -> None:
        """Somebody looks at a file now."""
        with self._lock:
            self._new.append(_Look(media, output, who, reviewing, datetime.now(UTC)))
            del self._new[:-_MOST]
        self._some.set()

    def write(self) -> None:
        """Writes what is not written yet; raises `Failed(STORE_BUSY)`, after which it still is."""
        with self._writing:  # whoever comes meanwhile wants those written that are under way
            with self._lock:
                taken, self._new = self._new, []
            try:
                if taken:
                    self._write(taken)
            except BaseException:
                with self._lock:
                    self._new[:0] = taken
                    del self._new[:-_MOST]
                raise

    def _write(self, looks: Sequence[_Look]) -> None:
        with self._store().write() as connection:
            for one in looks:
                with suppress(Failed):  # what stands for it changed since
                    reviews.look(
                        connection,
                        one.media,
                        one.output,
                        one.who,
                        one.when,
                        reviewing=one.reviewing,
                    )

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
