"""Says in the log that something is still being waited for, also when nothing at all happens."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

NOTE_EVERY_S = 15.0

_log = logging.getLogger("supervisor")


@contextmanager
def noted(what: str, every_s: float | None = None) -> Iterator[None]:
    """Logs "still waiting, N s: what" every so many seconds (15) until the block ends.

    A thread of its own does it: the one that waits may be stuck in a call that never returns.
    """
    over = threading.Event()
    arguments = (what, NOTE_EVERY_S if every_s is None else every_s, over)
    thread = threading.Thread(target=_note, args=arguments, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _note(what: str, every_s: float, over: threading.Event) -> None:
    started = time.monotonic()
    while not over.wait(every_s):
        _log.info("still waiting, %d s: %s", time.monotonic() - started, what)
