"""A large object over several connections, each bringing one part after the other.

Size and ETag are known before, every part is asked for by them, and an answer that is not exactly
that part of exactly that content is never written.
"""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.checksums import Digests
from supervisor_core.remote.order import Fetched, Order
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
)
from supervisor_core.remote.web import Answer, ask

PART_BYTES = 8 * CHUNK


def fetch(order: Order) -> Fetched:
    """Fills the file of an order, which exists and is empty.

    Raises `Failed`: those of `web.ask`, FILE_TOO_LARGE, CHECKSUM_MISMATCH, DISK_FULL.
    """
    pace = Pace(order.limits)
    if order.size_bytes is None or order.etag is None or order.size_bytes <= PART_BYTES:
        return InOne(order, pace).run()
    require_room(order, order.size_bytes)
    return _InParts(order, pace, order.size_bytes, order.etag).run()


class _InParts:
    def __init__(self, order: Order, pace: Pace, size_bytes: int, etag: str) -> None:
        self._order = order
        self._pace = pace
        self._size_bytes = size_bytes
        self._etag = etag
        self._over = False

    def run(self) -> Fetched:
        """Has the parts brought, and works out the checksums of those that are here meanwhile."""
        digests = Digests(self._order.checksums)
        starts = range(0, self._size_bytes, PART_BYTES)
        file = os.open(self._order.into, os.O_RDWR | os.O_CLOEXEC)
        try:
            with ThreadPoolExecutor(self._order.limits.lanes) as lanes:
                coming = [lanes.submit(self._bring, file, start) for start in starts]
                self._take_in(coming, file, digests)
        finally:
            os.close(file)
        return Fetched(digests.finish(), self._size_bytes, self._etag)

    def _take_in(self, coming: list[Future[int]], file: int, digests: Digests) -> None:
        buffer = memoryview(bytearray(CHUNK))
        done = 0
        try:
            for part in coming:
                end = part.result()
                while done < end:
                    count = os.preadv(file, [buffer[: end - done]], done)
                    digests.update(buffer[:count])
                    done += count
        except BaseException:
            self._over = True
            for part in coming:
                part.cancel()
            raise

    def _bring(self, file: int, start: int) -> int:
        """Brings one part and returns where it ends; every wait in here has its limit."""
        at, end = start, min(start + PART_BYTES, self._size_bytes)
        buffer = memoryview(bytearray(CHUNK))
        for last in tries(self._order):
            try:
                with closing(self._ask(at, end)) as answer:
                    for piece in read_body(answer, buffer, self._pace):
                        at += self._keep(file, piece, at, end)
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

    def _keep(self, file: int, piece: memoryview, at: int, end: int) -> int:
        if self._over:
            raise Failed(Reason.CANCELLED)
        if at + len(piece) > end:
            raise Failed(Reason.FILE_CHANGED)
        count = len(piece)
        while piece:
            piece = piece[os.pwrite(file, piece, at + count - len(piece)) :]
        return count
