"""Records a live stream into segments until it has ended, its time is over, or somebody stops it.

One thread reads the source and cuts; its only pauses are those of the disk. Whether things go well
is judged by the media that come, never by the process that brings them. Whatever happens to a
source, its segment is closed and the next source opened, with growing waits, and what is missing in
between is written down.

    source says the stream has ended        the recording ends         ENDED
    source is gone, whatever ended it       gap, opened again          SOURCE_DIED
    nothing new for too long                gap, killed, opened again  SOURCE_STALLED
    the stream's clock jumps                gap, next segment          STREAM_JUMPED
    stream is not found, from the start     the recording ends         STREAM_NOT_FOUND
    stream is not found, later              opened again for `gone_s`, then as above
    playlist names a forbidden place        the recording ends         ADDRESS_FORBIDDEN
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack

from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.gaps import Gaps
from supervisor_core.recording.guard import Outcome
from supervisor_core.recording.inspection import Inspected
from supervisor_core.recording.inspector import Inspector
from supervisor_core.recording.progress import Pace, Repeats, State, Stillness
from supervisor_core.recording.results import Order, Recording, Segment
from supervisor_core.recording.segment_file import Closed, Ending, Folder, salvage
from supervisor_core.recording.segmenter import Segmenter
from supervisor_core.recording.source import Source
from supervisor_core.recording.source_log import SourceLog

LOG = "source.log"
_READ_S = 0.25  # how long a stop may go unnoticed
_OVERLAP_S = 60.0  # what was recorded already is recognised
_FIRST_TRIES = 3  # of a stream that is not found at all
_AGAIN = frozenset({Ending.DIED, Ending.STALLED, Ending.NOT_FOUND})
_REASONS = {
    Ending.DIED: Reason.SOURCE_DIED,
    Ending.STALLED: Reason.SOURCE_STALLED,
    Ending.NOT_FOUND: Reason.STREAM_NOT_FOUND,
    Ending.CANCELLED: Reason.CANCELLED,
}
OnState = Callable[[State], None]


class Recorder:
    """One recording, from its first source to its last segment.

    `on_state` hears when the stream freezes and when it moves again.
    """

    def __init__(self, order: Order, on_state: OnState | None = None) -> None:
        self._order, self._on_state = order, on_state
        self._stopped, self._over = threading.Event(), Ending.DURATION
        self._folder = Folder(order.folder)
        self._log = SourceLog(order.folder / LOG)
        self._segmenter = Segmenter(self._folder, order.limits)
        self._gaps, self._pace = Gaps(), Pace(order.stall_s, time.monotonic)
        self._stillness, self._state = Stillness(order.frozen_s), State.OK
        self._closed: list[tuple[Closed, Future[Inspected]]] = []
        self._sources = self._tries = 0
        self._fresh = False  # whether this source brought anything new
        self._until = float("inf")
        self._beat_at = 0.0

    def stop(self, ending: Ending = Ending.DURATION) -> None:
        """Ends the recording in good order, from another thread or a signal."""
        self._over = ending
        self._stopped.set()

    def cut_soon(self) -> None:
        """Has the next key frame begin a new segment."""
        self._segmenter.cut_soon()

    def run(self) -> Recording:
        """Records, and returns when every segment was decoded.

        Raises `Failed`: ITEM_BUSY when another recorder is in the folder, ADDRESS_FORBIDDEN,
        CHILD_SPAWN_FAILED, KILL_FAILED; OSError when the disk is full or broken. What was recorded
        until then stays, as segments or as `.part` files for the next recorder to salvage.
        """
        order = self._order
        with ExitStack() as stack:
            stack.enter_context(self._folder.alone())
            inspector = Inspector(order.inspect_base_s, order.inspect_rate, order.grace_s)
            stack.enter_context(inspector)
            for closed in salvage(order.folder):
                self._inspect(inspector, closed)
            self._until = time.monotonic() + (order.duration_s or float("inf"))
            stack.callback(self._segmenter.abandon)
            ending = self._record(inspector)
            self._collect(inspector)
            self._gaps.finish()
            return self._result(ending)

    def _record(self, inspector: Inspector) -> Ending:
        while True:
            ending = self._close(self._play(inspector))
            if ending not in _AGAIN or self._gone(ending):
                return ending
            self._gaps.interrupt(_REASONS[ending])
            if not self._pause():
                return self._over

    def _close(self, ending: Ending) -> Ending:
        self._segmenter.end(ending)
        return ending

    def _play(self, inspector: Inspector) -> Ending:
        """Reads one source to its end and says what that was."""
        source = Source(self._order.opening, self._log, back_s=self._back_s())
        self._sources += 1
        self._tries += 1
        self._fresh = False
        self._pace.start()
        ending: Ending | None = None
        try:
            while ending is None:
                self._take(source.read(_READ_S))
                self._collect(inspector)
                self._beat(inspector)
                ending = self._why_stop(source)
        finally:
            outcome = source.end()
        return self._how_ended(outcome) if source.over else ending

    def _back_s(self) -> float | None:
        """How far back a source has to begin so that nothing is lost that can still be had."""
        if not self._segmenter.clock.elapsed_s:
            return None
        return time.time() - self._gaps.last_s + _OVERLAP_S

    def _take(self, chunk: bytes) -> None:
        if not chunk:
            return
        self._segmenter.feed(chunk)
        jumps, self._segmenter.jumps = self._segmenter.jumps, []
        if self._pace.see(self._segmenter.clock.elapsed_s) or jumps:
            self._gaps.resume(jumps)
            self._fresh, self._tries = True, 0

    def _why_stop(self, source: Source) -> Ending | None:
        if source.over:
            return Ending.DIED
        if self._stopped.is_set() or time.monotonic() >= self._until:
            return self._over
        return Ending.STALLED if self._pace.stalled else None

    def _how_ended(self, outcome: Outcome | None) -> Ending:
        if outcome is Outcome.FORBIDDEN:
            self._segmenter.end(Ending.DIED)
            raise Failed(Reason.ADDRESS_FORBIDDEN)
        if outcome is Outcome.NOT_FOUND:
            return Ending.NOT_FOUND
        # A stream that does not tell its end has ended when it brings nothing new once more.
        closed = outcome is Outcome.CLOSED and not self._fresh
        return Ending.ENDED if closed or outcome is Outcome.ENDED else Ending.DIED

    def _gone(self, ending: Ending) -> bool:
        if ending is not Ending.NOT_FOUND:
            return False
        if not self._closed and not self._segmenter.closed:
            return self._tries >= _FIRST_TRIES
        return time.time() - self._gaps.last_s > self._order.gone_s

    def _pause(self) -> bool:
        """Waits before the next source; false when the recording is over meanwhile."""
        wait_s = min(
            self._order.retry_longest_s,
            self._order.retry_first_s * 2.0 ** min(max(0, self._tries - 1), 30),
        )
        self._stopped.wait(max(0.0, min(wait_s, self._until - time.monotonic())))
        return not self._stopped.is_set() and time.monotonic() < self._until

    def _collect(self, inspector: Inspector) -> None:
        """Hands over what was closed, to be decoded."""
        closed, self._segmenter.closed = self._segmenter.closed, []
        for one in closed:
            self._inspect(inspector, one)

    def _inspect(self, inspector: Inspector, closed: Closed) -> None:
        self._closed.append((closed, inspector.segment(closed, self._order.limits.length_s)))

    def _beat(self, inspector: Inspector) -> None:
        """Now and then: what was written survives a power cut, and the picture is looked at."""
        picture = inspector.seen()
        if picture is not None:
            self._tell(self._stillness.see(picture, self._segmenter.clock.elapsed_s))
        if time.monotonic() < self._beat_at:
            return
        self._beat_at = time.monotonic() + self._order.heartbeat_s
        self._segmenter.sync()
        if self._segmenter.last_key and self._segmenter.writing:
            inspector.picture(self._segmenter.last_key)

    def _tell(self, state: State) -> None:
        if state is not self._state and self._on_state:
            self._on_state(state)
        self._state = state

    def _result(self, ending: Ending) -> Recording:
        repeats, segments = Repeats(self._order.frozen_s), []
        for closed, future in self._closed:
            seen = future.result()
            length_s = (seen.last_s or 0.0) - (seen.first_s or 0.0)
            segments.append(Segment(closed, seen, repeats.judge(seen.pictures, length_s)))
        return Recording(segments, self._gaps.found, ending, _REASONS.get(ending), self._sources)
