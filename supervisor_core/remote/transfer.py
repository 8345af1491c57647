"""Brings one file over, whatever the connection does; this runs where it can be killed.

A broken connection goes on where it broke (Range), and only with the very same content (If-Match,
and the ETag and total size of what is answered). Where that can't be known, it begins anew.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPException, HTTPResponse

from supervisor_core.media.files import require_free
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.checksums import Checksums
from supervisor_core.remote.fetch_order import Fetched, FetchOrder, Limits
from supervisor_core.remote.pace import Pace
from supervisor_core.remote.web import Answer, ask

CHUNK = 1 << 20
_FIRST_WAIT_S = 0.25
_LOOK_AT_DISK_BYTES = 64 * CHUNK
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
# What another try on the same transfer may get over.
_TRIED_AGAIN = frozenset({Reason.TRANSPORT_ERROR, Reason.STORAGE_UNREACHABLE})


def require_room(order: FetchOrder, size_bytes: int) -> None:
    """Raises `Failed`: FILE_TOO_LARGE, or DISK_FULL where a file of this size has no room."""
    if size_bytes > order.limits.max_bytes:
        raise Failed(Reason.FILE_TOO_LARGE, max_bytes=order.limits.max_bytes)
    require_free(order.into.parent, size_bytes, order.limits.reserve_bytes)


def require_all(done_bytes: int, size_bytes: int | None) -> None:
    """Raises `Failed(TRANSPORT_ERROR)` unless everything that was announced is here."""
    if size_bytes not in (None, done_bytes):
        raise Failed(Reason.TRANSPORT_ERROR, step="cut")


def tries(limits: Limits) -> Iterator[bool]:
    """One for each try, with longer and longer waits between; True for the last."""
    for number in range(limits.tries):
        if number:
            time.sleep(_FIRST_WAIT_S * 2 ** (number - 1))
        yield number == limits.tries - 1


def may_pass(failed: Failed) -> bool:
    """True when the next try of the same transfer may get further."""
    return failed.reason in _TRIED_AGAIN


def read_body(answer: Answer, buffer: memoryview, pace: Pace) -> Iterator[memoryview]:
    """The pieces of a body until it ends or breaks; raises `Failed(TRANSPORT_ERROR)`, TIMEOUT."""
    while True:
        try:
            count = _read(answer.response, buffer)
        except (OSError, HTTPException, ValueError):
            raise Failed(Reason.TRANSPORT_ERROR, step="body") from None
        if not count:
            return
        pace.arrived(count)
        yield buffer[:count]


def _read(response: HTTPResponse, buffer: memoryview) -> int:
    if not response.chunked:
        return response.readinto(buffer)
    piece = response.read1(len(buffer))
    buffer[: len(piece)] = piece
    return len(piece)


def span(answer: Answer) -> tuple[int, int, int] | None:
    """First byte, byte after the last, and total size that a 206 says it brings."""
    match = _RANGE.fullmatch(answer.response.headers.get("Content-Range", ""))
    if answer.status != 206 or match is None:
        return None
    return int(match[1]), int(match[2]) + 1, int(match[3])


class InOne:
    """A transfer over one connection at a time, of a file whose size need not be known."""

    def __init__(self, order: FetchOrder, pace: Pace, file: int) -> None:
        self._order = order
        self._pace = pace
        self._file = file
        self._buffer = memoryview(bytearray(CHUNK))
        self._etag = order.etag
        self._size_bytes = order.size_bytes
        self._done = 0
        self._checksums = Checksums(file, order.checksums)

    def run(self) -> Fetched:
        """Tries until the file is complete or the tries are used up."""
        try:
            for last in tries(self._order.limits):
                try:
                    self._try()
                    break
                except Failed as failed:
                    if last or not may_pass(failed):
                        raise
            return Fetched(self._checksums.finish(self._done), self._done, self._etag)
        finally:
            self._checksums.close()

    def _try(self) -> None:
        with closing(ask(self._order, self._pace, self._headers())) as answer:
            self._meet(answer)
            if not self._done:
                self._begin_anew()
            for piece in read_body(answer, self._buffer, self._pace):
                self._keep(piece)
        require_all(self._done, self._size_bytes)

    def _begin_anew(self) -> None:
        self._checksums.close()
        os.ftruncate(self._file, 0)
        self._checksums = Checksums(self._file, self._order.checksums)

    def _headers(self) -> dict[str, str]:
        if self._done and self._etag:
            return {"Range": f"bytes={self._done}-", "If-Match": self._etag}
        self._done = 0  # without a name for the content nothing says that the rest belongs to it
        return {"If-Match": self._order.etag} if self._order.etag else {}

    def _meet(self, answer: Answer) -> None:
        """Takes in what the answer says of the file, and where it begins."""
        if self._order.etag and answer.etag and answer.etag != self._order.etag:
            raise Failed(Reason.FILE_CHANGED)
        part = span(answer)
        if answer.status == 206:
            if part is None or part[0] != self._done or answer.etag != self._etag:
                raise Failed(Reason.FILE_CHANGED)
            size_bytes: int | None = part[2]
        else:
            self._done, size_bytes = 0, answer.length
        if self._order.size_bytes not in (None, size_bytes):
            raise Failed(Reason.FILE_CHANGED)
        self._etag, self._size_bytes = answer.etag, size_bytes
        require_room(self._order, size_bytes or 0)

    def _keep(self, piece: memoryview) -> None:
        before, end = self._done, self._done + len(piece)
        if end > self._order.limits.max_bytes:
            raise Failed(Reason.FILE_TOO_LARGE, max_bytes=self._order.limits.max_bytes)
        if before // _LOOK_AT_DISK_BYTES != end // _LOOK_AT_DISK_BYTES:
            require_room(self._order, 0)
        write_at(self._file, piece, before)
        self._done = end
        self._checksums.landed(end)


def write_at(file: int, piece: memoryview, at: int) -> None:
    """Writes a piece in full."""
    while piece:
        count = os.pwrite(file, piece, at)
        piece, at = piece[count:], at + count
