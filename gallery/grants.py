"""Who may see frames of which raw file for the next minutes, since they have said what for."""

import threading
import time
from collections.abc import Callable

MINUTES = 15
_MOST = 1000


class Grants:
    """Permissions of sessions; they live in memory alone and end with the process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def give(self, session_id: str, media: str) -> None:
        """Lets a session see frames of a raw file for a quarter of an hour."""
        now_s = self._clock()
        with self._lock:
            live = {key: until for key, until in self._until.items() if until > now_s}
            live[session_id, media] = now_s + MINUTES * 60
            self._until = dict(list(live.items())[-_MOST:])

    def has(self, session_id: str, media: str) -> bool:
        """True while the permission lasts."""
        with self._lock:
            return self._until.get((session_id, media), 0.0) > self._clock()
