"""Writes what a recorder tells into the store, in a thread of its own.

The recorder never waits for the store: what can't be written now is kept and written with the next
lot. The same transaction looks whether the session is still ours and what a person asks for.
"""

import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.gaps import Gap
from supervisor_core.recording.inspection import Inspected
from supervisor_core.recording.listening import Beat
from supervisor_core.recording.progress import State
from supervisor_core.recording.results import Segment
from supervisor_core.recording.segment_file import Ending
from supervisor_core.store import Store, recordings, segments
from supervisor_core.store.database import Connection
from supervisor_core.store.recordings import Asked, Session
from supervisor_core.store.segments import GapRow, SegmentRow

_AGAIN_S = 1.0
Deed = Callable[[Connection], None]


class Scribe:
    """A listener of one recorder; `heed` is told what a person asks for, in the scribe's thread.

    `lost` turns true once another has taken the session over: then nothing more is written, and
    the recorder is told to stop.
    """

    def __init__(
        self, store: Store, home: Home, held: Session, heed: Callable[[Asked], None]
    ) -> None:
        self.lost = False
        self._store, self._home, self._held, self._heed = store, home, held, heed
        self._deeds: list[Deed] = []
        self._beat: Beat | None = None
        self._news, self._over = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._write_on, name="scribe", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._news.set()
        self._thread.join()
        with suppress(Failed, OSError) if kind else nullcontext():
            self._write()

    def closed(self, segment: Segment) -> None:
        """A segment is closed and decoded."""
        row = segment_row(
            self._held,
            self._home,
            segment.closed.path,
            segment.inspected,
            ending=segment.closed.ending,
            picture=segment.state,
        )
        self._add(lambda connection: segments.add_segment(connection, row))

    def gap(self, gap: Gap) -> None:
        """A gap is over."""
        row = GapRow(
            self._held.intake, _moment(gap.start_s), _moment(gap.end_s), gap.reason, gap.missing_s
        )
        self._add(lambda connection: segments.add_gap(connection, row))

    def beat(self, beat: Beat) -> None:
        """A heartbeat has passed."""
        with self._lock:
            self._beat = beat
        self._news.set()

    def _add(self, deed: Deed) -> None:
        with self._lock:
            self._deeds.append(deed)
        self._news.set()

    def _write_on(self) -> None:
        while not self._over.is_set() and not self.lost:
            self._news.wait()
            self._news.clear()
            try:
                self._write()
            except (Failed, OSError):
                self._over.wait(_AGAIN_S)
                self._news.set()

    def _write(self) -> None:
        """Writes what is known by now; raises as the store does, and loses nothing."""
        with self._lock:
            deeds, beat = list(self._deeds), self._beat
        if self.lost or not (deeds or beat):
            return
        try:
            with self._store.write() as connection:
                asked = self._enter(connection, deeds, beat)
        except Failed as failed:
            self.lost = failed.reason is Reason.LEASE_LOST
            if self.lost:
                self._heed(Asked.STOP)
            raise
        with self._lock:
            del self._deeds[: len(deeds)]
        if asked:
            self._heed(asked)

    def _enter(self, connection: Connection, deeds: list[Deed], beat: Beat | None) -> Asked | None:
        now = self._store.now()
        found = recordings.require_ours(connection, self._held)
        for deed in deeds:
            deed(connection)
        told = _told(found, self._held, beat, now) if beat else found
        recordings.save(connection, [replace(told, asked=None)], now)
        return found.asked


def segment_row(
    held: Session, home: Home, path: Path, seen: Inspected, *, ending: Ending, picture: State
) -> SegmentRow:
    """A closed and decoded segment as the store holds it."""
    status = path.stat()
    return SegmentRow(
        intake=held.intake,
        number=number_of(path),
        path=home.relative(path),
        frames=seen.frames,
        first_s=seen.first_s,
        last_s=seen.last_s,
        size_bytes=status.st_size,
        ending=ending,
        picture=picture,
        reason=seen.reason,
        signature=seen.signature,
        closed=_moment(status.st_mtime),
    )


def number_of(path: Path) -> int:
    """The number in a segment's name."""
    return int(path.stem.rpartition("_")[2])


def _told(found: Session, before: Session, beat: Beat, now: datetime) -> Session:
    """The session as the heartbeat leaves it; what is counted goes on from before this run."""
    sources = before.sources + beat.sources
    return replace(
        found,
        beat=now,
        moved=_moment(beat.moved_s) if beat.media_s else found.moved,
        limit_s=beat.limit_s,
        media_s=before.media_s + beat.media_s,
        size_bytes=before.size_bytes + beat.size_bytes,
        sources=sources,
        opened=now if sources > found.sources else found.opened,
        picture=beat.state,
    )


def _moment(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)
