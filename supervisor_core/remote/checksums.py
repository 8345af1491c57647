"""The checksums that a storage may know of a file, worked out in one reading."""

import hashlib
import os
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from supervisor_core.reasons import Failed, Reason


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, content: memoryview) -> None:
        self._value = zlib.crc32(content, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:08x}"


_MAKERS: Mapping[str, Callable[[], "hashlib._Hash | _Crc32"]] = {
    "sha256": hashlib.sha256,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "crc32": _Crc32,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}
BEST_FIRST = tuple(_MAKERS)


STEP_BYTES = 1 << 20


class Checksums:
    """Works out the SHA-256 of a growing file, and compares whatever else is expected of it.

    `expected` are checksums by name (of `BEST_FIRST`), in hex. A thread reads the file one step
    behind whoever writes it, so that this costs hardly any time of its own.
    """

    def __init__(self, file: int, expected: Mapping[str, str]) -> None:
        self._file = file
        self._expected = dict(expected)
        self._digests = {name: _MAKERS[name]() for name in {"sha256", *expected}}
        self._pool = ThreadPoolExecutor(1)
        self._under_way: Future[None] | None = None
        self._asked = 0
        self._done = 0
        self._given_up = False

    def landed(self, end: int) -> None:
        """Says that everything before this byte is in the file."""
        if end - self._asked >= STEP_BYTES:
            self._asked = end
            self._under_way = self._pool.submit(self._read, end)

    def finish(self, end: int) -> str:
        """The SHA-256 as 64 hex; raises `Failed(CHECKSUM_MISMATCH)` when another does not fit."""
        if self._under_way is not None:
            self._under_way.result()
        self._read(end)
        for name, wanted in self._expected.items():
            if self._digests[name].hexdigest() != wanted:
                raise Failed(Reason.CHECKSUM_MISMATCH, checksum=name)
        return self._digests["sha256"].hexdigest()

    def close(self) -> None:
        """Reads no further; safe to call at any time."""
        self._given_up = True
        self._pool.shutdown()

    def _read(self, end: int) -> None:
        buffer = memoryview(bytearray(min(STEP_BYTES, max(end - self._done, 0))))
        while self._done < end and not self._given_up:
            count = os.preadv(self._file, [buffer[: end - self._done]], self._done)
            if not count:
                raise Failed(Reason.IO_ERROR, step="read back")
            for digest in self._digests.values():
                digest.update(buffer[:count])
            self._done += count
