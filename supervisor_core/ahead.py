"""Making the next things while the last ones are worked on: one thread, a few things ahead."""

import threading
from collections.abc import Generator, Iterable, Iterator
from queue import Empty, Full, Queue
from typing import Generic, TypeVar

T = TypeVar("T")

DEPTH = 6
_LOOK_EVERY_S = 0.2


def ahead(items: Iterable[T], depth: int = DEPTH) -> Generator[T, None, None]:
    """Yields the items in their order; they are made in a thread, at most `depth` in advance.

    What making them raises is raised here. When the caller stops early, so does the thread.
    """
    line = _Line[T](depth)
    maker = threading.Thread(target=line.fill, args=(iter(items),), daemon=True)
    maker.start()
    try:
        yield from line.items()
    finally:
        line.stopped.set()
        maker.join()


class _Line(Generic[T]):
    """The items that are made and not taken yet."""

    def __init__(self, depth: int) -> None:
        self._queue = Queue[T](depth)
        self._error: BaseException | None = None
        self._ended = threading.Event()
        self.stopped = threading.Event()

    def fill(self, items: Iterator[T]) -> None:
        try:
            for item in items:
                if not self._put(item):
                    break
        except BaseException as error:  # noqa: BLE001 - raised again by the one who takes
            self._error = error
        finally:
            self._ended.set()

    def items(self) -> Iterator[T]:
        while True:
            # Ended is asked before the queue: nothing is put after it.
            ended = self._ended.is_set()
            try:
                yield self._queue.get(timeout=0 if ended else _LOOK_EVERY_S)
            except Empty:
                if ended:
                    break
        if self._error is not None:
            raise self._error

    def _put(self, item: T) -> bool:
        while not self.stopped.is_set():
            try:
                self._queue.put(item, timeout=_LOOK_EVERY_S)
            except Full:
                continue
            return True
        return False
