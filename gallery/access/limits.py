"""How many wrong keys are taken in a minute, from one address and from all."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 60.0


@dataclass(eq=False)
class Try:
    """A key that is being tried; it counts as wrong until it is taken back."""

    moment_s: float
    address: str


class WrongKeys:
    """The wrong keys of the last minute: never more than `most`, so it needs no more room."""

    def __init__(self, each: int, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._each, self._most, self._clock = each, most, clock
        self._tries: deque[Try] = deque()
        self._lock = threading.Lock()

    def begin(self, address: str) -> Try | int:
        """Begins to try a key, or says for how many seconds there is to wait."""
        with self._lock:
            now_s = self._clock()
            while self._tries and self._tries[0].moment_s <= now_s - WINDOW_S:
                self._tries.popleft()
            same = [one for one in self._tries if one.address == address]
            for tries, limit in ((same, self._each), (self._tries, self._most)):
                if len(tries) >= limit:
                    return max(1, math.ceil(tries[0].moment_s + WINDOW_S - now_s))
            tried = Try(now_s, address)
            self._tries.append(tried)
            return tried

    def was_right(self, tried: Try) -> None:
        """The key was right: its try does not count."""
        with self._lock:
            if tried in self._tries:
                self._tries.remove(tried)

    def __len__(self) -> int:
        return len(self._tries)
