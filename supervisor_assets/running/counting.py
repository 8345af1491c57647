"""Counts what the metrics tell, from a thread, so that who asks for them never waits for it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from supervisor_core.metrics.page import MetricsPage

EVERY_S = 10.0
_AGAIN_S = 1.0
_STOP_S = 5.0


@contextmanager
def counted(page: MetricsPage) -> Iterator[None]:
    """Counts every few seconds while the block runs."""
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            over.wait(EVERY_S if page.refresh() else _AGAIN_S)

    thread = threading.Thread(target=go_on, daemon=True, name="counting")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_STOP_S)
