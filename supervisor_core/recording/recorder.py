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
    this process died, another one goes on  gap                        RECORDER_DIED
    the disk is nearly full, or full        the recording ends         DISK_FULL
"""

import errno
import os
import threading
import time
from contextlib import ExitStack, suppress

from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.account import Account
from supervisor_core.recording.gaps import Gaps
from supervisor_core.recording.guard import Outcome
from supervisor_core.recording.inspector import Inspector
from supervisor_core.recording.listening import Beat, Listener, Silent
from supervisor_core.recording.progress import Pace, State
from supervisor_core.recording.recall import recall
from supervisor_core.recording.results import Order, Recording
from supervisor_core.recording.rhythm import Rhythm
from supervisor_core.recording.segment_file import BREAKS, Closed, Ending, Folder
from supervisor_core.recording.segmenter import Segmenter
from supervisor_core.recording.source import Source
from supervisor_core.recording.source_log import SourceLog
from supervisor_core.recording.titles import TITLES
from supervisor_core.recording.watching import Judge

LOG = "source.log"
_READ_S = 1.0  # how long a stop may go unnoticed
_OVERLAP_S = 60.0  # what was recorded already is recognised
_AGAIN_S = 600.0  # for so long a segment that broke off waits for what may come again
_LOOKS = 8  # key frames at most with each heartbeat
_READ_BYTES = 2**18  # so much may come before the disk is looked at again
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_STRICT_TRIES = 2  # then what can't be fetched is left out
_FIRST_TRIES = 3  # of a stream that is not found at all
_REASONS = {
    Ending.DIED: Reason.SOURCE_DIED,
    Ending.STALLED: Reason.SOURCE_STALLED,
    Ending.NOT_FOUND: Reason.STREAM_NOT_FOUND,
    Ending.FORBIDDEN: Reason.ADDRESS_FORBIDDEN,
    Ending.CANCELLED: Reason.CANCELLED,
    Ending.DISK_FULL: Reason.DISK_FULL,
}


class Recorder:
    """One recording, from its first source to its last segment."""

    def __init__(self, order: Order, listener: Listener | None = None) -> None:
        self._order = order
        self._stopped, self._over = threading.Event(), Ending.DURATION
        self._folder = Folder(order.folder, order.name)
        self._log = SourceLog(order.folder / LOG)
        self._segmenter = Segmenter(self._folder, order.limits)
        self._gaps, self._pace = Gaps(order.last_s), Pace(order.stall_s, time.monotonic)
        self._inspector = Inspector(
            order.inspect_base_s, order.inspect_rate, order.grace_s, order.frozen_s
        )
        self._account = Account(listener or Silent(), self._inspector, self._gaps)
        self._judge, self._state = Judge(order.frozen_s), State.OK
        self._rhythm = Rhythm(order.frozen_s)
        self._source: Source | None = None
        self._sources = self._tries = self._turn = 0
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

        Raises `Failed`: ITEM_BUSY when another recorder is in the folder, CHILD_SPAWN_FAILED when
        no source could be started at all, KILL_FAILED; OSError when the disk is broken; whatever
        the listener raised. What was recorded until then stays, as segments or as `.part` files for
        the next recorder in the folder.
        """
        order = self._order
        with ExitStack() as stack:
            stack.enter_context(self._folder.alone())
            stack.enter_context(self._inspector)
            stack.callback(self._segmenter.abandon)
            self._until = time.monotonic() + (order.duration_s or float("inf"))
            try:
                ending = self._record_until_full()
                self._finish()
            except BaseException as error:
                self._end_after(error)
                raise
        reason = _REASONS.get(ending)
        return Recording(self._account.segments, self._gaps.found, ending, reason, self._sources)

    def _record_until_full(self) -> Ending:
        try:
            self._go_on()
            return self._record()
        except OSError as error:
            if error.errno not in _NO_SPACE or not self._account.heard:
                raise
            self._segmenter.rescue(Ending.DISK_FULL)
            return Ending.DISK_FULL

    def _go_on(self) -> None:
        """Takes up what an earlier recorder has left."""
        recalled = recall(self._order.folder, self._order.after)
        self._segmenter.go_on(recalled)
        for closed in recalled.closed:
            self._inspect(closed)

    def _record(self) -> Ending:
        while True:
            ending = Ending.DISK_FULL if self._short_of_space() else self._play()
            self._segmenter.end(ending)
            self._collect()
            if ending not in BREAKS or self._gone(ending):
                return ending
            self._gaps.interrupt(_REASONS[ending])
            self._turn += 1
            if not self._pause():
                return self._over

    def _finish(self) -> None:
        """Waits until all segments are decoded, and has all of it told."""
        self._segmenter.settle()
        self._gaps.finish()
        self._collect()
        while self._account.pending:
            self._account.wait(_READ_S)
            self._beat()
        self._account.tell()
        self._account.beat(self._state_now())

    def _end_after(self, error: BaseException) -> None:
        """Leaves good order behind something that must not be held up for long."""
        with suppress(OSError):
            self._segmenter.end(Ending.CANCELLED)
        if isinstance(error, Exception) and self._account.heard:
            with suppress(Exception):  # the first error is the one to be told
                self._finish()

    def _play(self) -> Ending:
        """Reads one source to its end and says what that was."""
        self._tries += 1
        source = self._open()
        if source is None:
            return Ending.DIED
        self._source = source
        self._sources += 1
        self._fresh = False
        self._pace.start()
        ending: Ending | None = None
        try:
            while ending is None:
                self._take(source.read(min(_READ_S, self._order.heartbeat_s)))
                self._beat()
                ending = self._why_stop(source)
        finally:
            self._source = None
            outcome = source.end()
        return self._how_ended(outcome) if source.over else ending

    def _open(self) -> Source | None:
        try:
            return Source(
                self._order.opening,
                self._log,
                turn=self._turn,
                back_s=self._back_s(),
                strict=self._tries <= _STRICT_TRIES,
                titles=self._order.folder / TITLES,
            )
        except Failed as failed:
            if failed.reason is not Reason.CHILD_SPAWN_FAILED or not self._anything:
                raise
            return None

    @property
    def _anything(self) -> bool:
        """True once something was recorded, be it by the recorder before."""
        known = self._order.last_s is not None or not self._account.empty
        return known or self._segmenter.clock.elapsed_s > 0

    def _back_s(self) -> float | None:
        """How far back a source has to begin so that nothing is lost that can still be had."""
        if not self._segmenter.clock.elapsed_s and self._order.last_s is None:
            return None
        return self._gaps.away_s + _OVERLAP_S

    def _take(self, chunk: bytes) -> None:
        if not chunk:
            return
        self._segmenter.feed(chunk)
        jumps, self._segmenter.jumps = self._segmenter.jumps, []
        resumed, self._segmenter.resumed = self._segmenter.resumed, None
        if self._pace.see(self._segmenter.clock.elapsed_s) or jumps or resumed:
            self._gaps.resume(resumed, jumps)
            self._fresh, self._tries = True, 0

    def _why_stop(self, source: Source) -> Ending | None:
        if source.over:
            return Ending.DIED
        if self._stopped.is_set():
            return self._over
        if self._is_over():
            return Ending.DURATION
        if self._short_of_space(_READ_BYTES + self._segmenter.held_bytes):
            return Ending.DISK_FULL
        return Ending.STALLED if self._pace.stalled else None

    def _is_over(self) -> bool:
        """True when the time is over and the group of pictures under way is complete."""
        over_s = time.monotonic() - self._until
        if over_s >= 0:
            self._segmenter.finish()
        waiting = self._segmenter.number is not None and not self._segmenter.finished
        return over_s >= (self._order.edge_s if waiting else 0.0)

    def _short_of_space(self, more_bytes: int = 0) -> bool:
        space = os.statvfs(self._order.folder)
        return space.f_bavail * space.f_frsize < self._order.reserve_bytes + more_bytes

    def _how_ended(self, outcome: Outcome | None) -> Ending:
        if outcome is Outcome.FORBIDDEN:
            return Ending.FORBIDDEN
        if outcome is Outcome.NOT_FOUND:
            return Ending.NOT_FOUND
        # A stream that does not tell its end has ended when it brings nothing new once more.
        closed = outcome is Outcome.CLOSED and not self._fresh
        return Ending.ENDED if closed or outcome is Outcome.ENDED else Ending.DIED

    def _gone(self, ending: Ending) -> bool:
        if ending is not Ending.NOT_FOUND:
            return False
        if not self._anything:
            return self._tries >= _FIRST_TRIES
        return self._gaps.away_s > self._order.gone_s

    def _pause(self) -> bool:
        """Waits before the next source; false when the recording is over meanwhile."""
        wait_s = self._order.retry_first_s * 2.0 ** min(max(0, self._tries - 1), 30)
        over_at = time.monotonic() + min(wait_s, self._order.retry_longest_s)
        while (left_s := min(over_at, self._until) - time.monotonic()) > 0:
            if self._stopped.wait(min(left_s, _READ_S)):
                return False
            self._beat()
        return not self._stopped.is_set() and time.monotonic() < self._until

    def _collect(self) -> None:
        """Hands over what was closed, to be decoded."""
        closed, self._segmenter.closed = self._segmenter.closed, []
        for one in closed:
            self._inspect(one)
        self._account.tell()

    def _inspect(self, closed: Closed) -> None:
        self._account.add(closed, self._order.limits.length_s)

    def _beat(self) -> None:
        """Now and then: what was written survives a power cut, and the picture is looked at."""
        self._segmenter.settle(_AGAIN_S)
        self._collect()
        if samples := self._rhythm.marked(self._inspector.seen()):
            self._state = self._judge.glance(samples)
            self._rhythm.saw(samples[-1].time_s, self._judge.still_s)
        if time.monotonic() < self._beat_at:
            return
        self._beat_at = time.monotonic() + self._order.heartbeat_s
        self._segmenter.sync()
        self._look()
        self._account.beat(self._state_now())

    def _look(self) -> None:
        """Has what came since the last look decoded, but for what may not be complete."""
        keys = self._segmenter.keys
        if len(keys) > 1 and not self._inspector.looking:
            came = [keys.popleft() for _ in range(len(keys) - 1)]
            if places := self._rhythm.choose(came, _LOOKS):
                self._inspector.look(places)

    def _state_of_pictures(self) -> State:
        """That the stream loops may only be seen once its segment is whole."""
        looping = self._account.state is State.LOOPING
        return State.LOOPING if looping and self._state is State.OK else self._state

    def _state_now(self) -> Beat:
        return Beat(
            self._segmenter.clock.elapsed_s,
            self._segmenter.written_bytes,
            self._sources,
            self._gaps.last_s,
            self._state_of_pictures(),
            self._segmenter.number,
            self._source.pid if self._source else None,
            self._pace.limit_s,
        )
