"""Single frames of media for the pages: drawn in one warm child that ends at its limit.

    drawer.shown(readable, at_s=12.5, longest_side=960)          what a person may see
    drawer.frame(raw, index=0, longest_side=960, secret=True)    a raw file: never kept
    drawer.pair(raw, cleaned, at_s=12.5, longest_side=960)       both, of the same moment

What is drawn comes back over the child's pipe and is never written, so that whatever dies leaves
no picture behind. Raw files may be links: hand in `pipeline.places.raw_source(home, media)`.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from supervisor_core.deadline import Worker
from supervisor_core.home import Home
from supervisor_core.media.spots import Drawn, Spot, draw_spot, draw_spots
from supervisor_core.pipeline import places
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store.gate import Readable
from supervisor_core.store.media import Media

LIMIT_S = 10.0
"""How long one picture may take."""
WAIT_S = 10.0
"""How long a call waits for those before it."""
WAITING_MAX = 16
LONGEST_SIDE_MAX = 4096
KEPT_BYTES = 32 * 2**20

_PRELOAD = ("supervisor_core.media.one_frame",)

_Key = tuple[str, Spot, int]


@dataclass(frozen=True)
class Pair:
    """The same frame before and after cleaning, as JPEGs."""

    before: Drawn
    after: Drawn


class Drawer:
    """Draws frames for many threads, one at a time, in one child of its own.

    Every call ends within the wait, the limit and the grace (and once the start of the child). They
    raise `Failed`: ITEM_BUSY when too many wait already or nothing came free in time, TIMEOUT,
    WORKER_CRASHED, CANCELLED after `close`, and whatever reading the file raises.
    """

    def __init__(
        self,
        home: Home,
        settings: Settings,
        *,
        limit_s: float = LIMIT_S,
        wait_s: float = WAIT_S,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self._home = home
        self._limit_s, self._wait_s = limit_s, wait_s
        self._worker = Worker(preload=_PRELOAD, grace_s=settings.grace_s)
        self._turn = threading.Lock()
        self._places = threading.BoundedSemaphore(waiting_max)
        self._kept = Kept(KEPT_BYTES)
        self._closed = False

    def frame(
        self,
        path: Path,
        *,
        at_s: float | None = None,
        index: int | None = None,
        longest_side: int,
        sha256: str | None = None,
        secret: bool = False,
    ) -> bytes:
        """One frame of a video, still or DICOM file, as a JPEG.

        It is the one that stands at `at_s` seconds, or number `index` (from 0); the last one for
        what is behind the end. The picture is kept in memory under `sha256`, the hash of the file,
        when that is given; never with `secret`, which raw files must be asked with.
        """
        spot, side = Spot(at_s, index), _side(longest_side)
        key = (sha256, spot, side) if sha256 and not secret else None
        if key and (kept := self._kept.get(key)):
            return kept
        with self._my_turn():
            if key and (kept := self._kept.get(key)):
                return kept
            jpeg = self._worker.call(draw_spot, path, spot, side, limit_s=self._limit_s).jpeg
        if key:
            self._kept.put(key, jpeg)
        return jpeg

    def shown(
        self,
        readable: Readable,
        *,
        at_s: float | None = None,
        index: int | None = None,
        longest_side: int,
    ) -> bytes:
        """The same of a file that passed the gate."""
        path = places.readable_file(self._home, readable)
        return self.frame(
            path, at_s=at_s, index=index, longest_side=longest_side, sha256=readable.sha256
        )

    def pair(
        self,
        raw: Path,
        cleaned: Path,
        *,
        at_s: float | None = None,
        index: int | None = None,
        longest_side: int,
    ) -> Pair:
        """One frame of a raw file and of the cleaned one made of it; nothing of it is kept.

        The moment is one of the cleaned file; the raw frame is the very one that it was made of.
        """
        spot, side = Spot(at_s, index), _side(longest_side)
        with self._my_turn():
            return Pair(
                *self._worker.call(draw_spots, raw, cleaned, spot, side, limit_s=self._limit_s)
            )

    def before_and_after(
        self,
        media: Media,
        readable: Readable,
        *,
        at_s: float | None = None,
        index: int | None = None,
        longest_side: int,
    ) -> Pair:
        """The same of a media, whose raw file may be a link into its library."""
        raw = places.raw_source(self._home, media)
        cleaned = places.readable_file(self._home, readable)
        return self.pair(raw, cleaned, at_s=at_s, index=index, longest_side=longest_side)

    def close(self) -> None:
        """Ends the child and whatever it draws; calls after this raise `Failed(CANCELLED)`."""
        self._closed = True
        self._worker.close()

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Failed(Reason.ITEM_BUSY)
        try:
            if not self._turn.acquire(timeout=self._wait_s):
                raise Failed(Reason.ITEM_BUSY)
            try:
                if self._closed:
                    raise Failed(Reason.CANCELLED)
                yield
            finally:
                self._turn.release()
        finally:
            self._places.release()


class Kept:
    """The pictures drawn last, up to so many bytes; threads may share it."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max, self._bytes = bytes_max, 0
        self._pictures: OrderedDict[_Key, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _Key) -> bytes | None:
        """A picture that was put here and is still kept."""
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
            return self._pictures.get(key)

    def put(self, key: _Key, jpeg: bytes) -> None:
        """Keeps a picture; those that nobody asked for longest go."""
        with self._lock:
            self._bytes += len(jpeg) - len(self._pictures.pop(key, b""))
            self._pictures[key] = jpeg
            while self._bytes > self._bytes_max:
                _, gone = self._pictures.popitem(last=False)
                self._bytes -= len(gone)


def _side(longest_side: int) -> int:
    return min(max(longest_side, 16), LONGEST_SIDE_MAX)
