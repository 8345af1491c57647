"""What a recording has brought so far, told to its listener piece by piece."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

from supervisor_core.recording.gaps import Gaps
from supervisor_core.recording.inspection import Inspected
from supervisor_core.recording.inspector import Inspector
from supervisor_core.recording.listening import Beat, Listener
from supervisor_core.recording.progress import State
from supervisor_core.recording.results import Segment
from supervisor_core.recording.segment_file import Closed


class Account:
    """Tells of segments in their order, as soon as they are decoded; only `wait` waits for that.

    `heard` turns false for ever once the listener raised something.
    """

    def __init__(self, listener: Listener, inspector: Inspector, gaps: Gaps) -> None:
        self.segments: list[Segment] = []
        self.heard = True
        self._listener, self._inspector, self._gaps = listener, inspector, gaps
        self._waiting: deque[tuple[Closed, Future[tuple[Inspected, State]]]] = deque()
        self._gaps_told = 0

    @property
    def empty(self) -> bool:
        """True while not a single segment was closed."""
        return not self.segments and not self._waiting

    @property
    def pending(self) -> bool:
        """True while some segment is still being decoded."""
        return bool(self._waiting)

    @property
    def state(self) -> State:
        """What the last segment showed that was decoded."""
        return self.segments[-1].state if self.segments else State.OK

    def add(self, closed: Closed, length_s: float) -> None:
        """Has a closed segment decoded."""
        self._waiting.append((closed, self._inspector.segment(closed, length_s)))

    def tell(self) -> None:
        """Tells what is known by now."""
        while self._gaps_told < len(self._gaps.found):
            self._gaps_told += 1
            self._say(self._listener.gap, self._gaps.found[self._gaps_told - 1])
        while self._waiting and self._waiting[0][1].done():
            closed, future = self._waiting.popleft()
            self.segments.append(Segment(closed, *future.result()))
            self._say(self._listener.closed, self.segments[-1])

    def beat(self, beat: Beat) -> None:
        """Passes a heartbeat on."""
        self._say(self._listener.beat, beat)

    def wait(self, limit_s: float) -> None:
        """Waits so long for the next segment to be decoded."""
        if self._waiting:
            wait((self._waiting[0][1],), limit_s)

    def _say(self, say: Callable[[Any], None], what: object) -> None:
        try:
            say(what)
        except BaseException:
            self.heard = False
            raise
