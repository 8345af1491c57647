"""A large object over several connections, each bringing one part after the other.

Size and ETag are known before, every part is asked for by them, and an answer that is not exactly
that part of exactly that content is never written.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.checksums import Checksums
from supervisor_core.remote.fetch_order import Fetched, FetchOrder
from supervisor_core.remote.pace import Pace
from supervisor_core.remote.transfer import (
    CHUNK,
    InOne,
    may_pass,
    read_body,
    require_all,
    require_room,
    span,
    tries,
    write_at,
)
from supervisor_core.remote.web import Answer, ask

WHOLE_BYTES = 4 * CHUNK
PART_BYTES = 8 * CHUNK


def fetch(order: FetchOrder) -> Fetched:
    """Fills the file of an order, which exists and is empty.

    Raises `Failed`: those of `web.ask`, FILE_TOO_LARGE, CHECKSUM_MISMATCH, DISK_FULL.
    """
    pace = Pace(order.limits)
    file = os.open(order.into, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if order.size_bytes is None or order.etag is None or order.size_bytes <= WHOLE_BYTES:
            return InOne(order, pace, file).run()
        require_room(order, order.size_bytes)
        return _InParts(order, pace, file, order.size_bytes, order.etag).run()
    finally:
        os.close(file)


class _InParts:
    def __init__(
        self, order: FetchOrder, pace: Pace, file: int, size_bytes: int, etag: str
    ) -> None:
        self._order = order
        self._pace = pace
        self._file = file
        self._size_bytes = size_bytes
        self._etag = etag
        # Two at least: while one comes in, the other is read for its checksum.
        self._part_bytes = min(PART_BYTES, -(-size_bytes // 2))
        self._over = False

    def run(self) -> Fetched:
        """Has the parts brought, and reads those that are here meanwhile."""
        starts = range(0, self._size_bytes, self._part_bytes)
        with (
            closing(Checksums(self._file, self._order.checksums)) as checksums,
            ThreadPoolExecutor(self._order.limits.lanes) as lanes,
        ):
            coming = [lanes.submit(self._bring, start) for start in starts]
            try:
                for part in coming:
                    checksums.landed(part.result())
                sha256 = checksums.finish(self._size_bytes)
            except BaseException:
                self._over = True
                for part in coming:
                    part.cancel()
                raise
        return Fetched(sha256, self._size_bytes, self._etag)

    def _bring(self, start: int) -> int:
        """Brings one part and returns where it ends; every wait in here has its limit."""
        at, end = start, min(start + self._part_bytes, self._size_bytes)
        buffer = memoryview(bytearray(CHUNK))
        for last in tries(self._order.limits):
            try:
                with closing(self._ask(at, end)) as answer:
                    for piece in read_body(answer, buffer, self._pace):
                        at += self._keep(piece, at, end)
                require_all(at, end)
                break
            except Failed as failed:
                if last or not may_pass(failed):
                    raise
        return end

    def _ask(self, at: int, end: int) -> Answer:
        headers = {"Range": f"bytes={at}-{end - 1}", "If-Match": self._etag}
        answer = ask(self._order, self._pace, headers)
        if span(answer) != (at, end, self._size_bytes) or answer.etag != self._etag:
            answer.close()
            raise Failed(Reason.FILE_CHANGED)
        return answer

    def _keep(self, piece: memoryview, at: int, end: int) -> int:
        if self._over:
            raise Failed(Reason.CANCELLED)
        if at + len(piece) > end:
            raise Failed(Reason.FILE_CHANGED)
        write_at(self._file, piece, at)
        return len(piece)
