"""Keeps leases alive while their owner lives, however long and silent the work is."""

import threading
from collections.abc import MutableMapping
from types import TracebackType

from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Failed
from supervisor_core.store import leases


class Heartbeat:
    """Renews the leases in `epochs` (media to epoch) three times a lease, until the block ends.

    A renewal that fails is tried again at the next beat; what counts is the epoch that is checked
    when something is published.
    """

    def __init__(self, context: Context, epochs: MutableMapping[str, int]) -> None:
        self._context = context
        self._epochs = epochs
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(self._context.settings.lease_s / 3):
            try:
                with self._context.store.write() as connection:
                    leases.renew(
                        connection,
                        dict(self._epochs),
                        self._context.owner,
                        self._context.lease_end(),
                    )
            except Failed:
                continue
