"""Looks whether items that are asked about are still ours; where one is not, the child is ended."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from supervisor_core.keys import MediaKey
from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store import work
from supervisor_core.store.work import Task

_WATCH_S = 1.0


class Lost(Exception):
    """Items that others have taken away while they were asked about."""

    def __init__(self, media: frozenset[MediaKey]) -> None:
        super().__init__()
        self.media = media


@contextmanager
def watched(context: Context, held: Sequence[Task]) -> Iterator[None]:
    """Has the child ended when one of these is no longer ours; raises `Lost` then."""
    with _Watch(context, held) as watch:
        try:
            yield
        except Failed as failed:
            if watch.lost and failed.reason in (Reason.CANCELLED, Reason.WORKER_CRASHED):
                raise Lost(frozenset(watch.lost)) from None
            raise


class _Watch:
    """Looks every second whether items in hand are still ours, in a thread of its own."""

    def __init__(self, context: Context, held: Sequence[Task]) -> None:
        self.lost: set[MediaKey] = set()
        self._context = context
        self._held = held
        self._close: Callable[[], None] | None = getattr(context.worker, "close", None)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "_Watch":
        if self._close is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._close is not None:
            self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_WATCH_S):
            # A store that is busy just now is looked at again in a second.
            with suppress(Failed):
                self.lost = self._gone()
            if self.lost and self._close is not None and not self._over.is_set():
                self._close()
                return

    def _gone(self) -> set[MediaKey]:
        held = {one.media: one for one in self._held}
        with self._context.store.read() as connection:
            known = work.load(connection, self._held[0].task, held)
        return {media for media, one in held.items() if not _same(known.get(media), one)}


def _same(found: Task | None, held: Task) -> bool:
    lease = (held.lease_owner, held.lease_epoch)
    return found is not None and (found.lease_owner, found.lease_epoch) == lease
