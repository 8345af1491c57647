"""Makes one DuckDB file equal to another by writing only the blocks in which they differ.

Such a file is three heads of 4096 bytes, then blocks of 256 KiB. Each block begins with a checksum
of all the rest of it and is only ever written as a whole (DuckDB, `storage_info.hpp` and
`SingleFileBlockManager`); so two blocks that begin alike are alike, and what a copy lacks is found
by reading eight bytes of each. Files of any other shape are copied whole.
"""

import errno
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

HEADS, BLOCK, _SUM = 3 * 4096, 256 * 1024, 8  # bytes
_MAGIC, _MAGIC_AT = b"DUCK", 8
_UNABLE = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)


def renew(source: Path, target: Path) -> int:
    """Makes `target`, which nobody else has open, equal to `source`; returns the bytes written.

    A target that is not there is made, for its owner alone. When it fails half-way the target is
    of no use any more. Raises `OSError`.
    """
    mode = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    with ExitStack() as undo:
        given = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        undo.callback(os.close, given)
        taken = os.open(target, mode, 0o600)
        undo.callback(os.close, taken)
        written = 0
        for start, end in list(_lacking(given, taken)):
            _pour(given, taken, start, end)
            written += end - start
        os.ftruncate(taken, os.fstat(given).st_size)
    return written


def unread(path: Path) -> bool:
    """True when no process has this file open; False also where the file system can't say so."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            # A lease is given to the only one who has the file open. Whoever opens it before it is
            # returned sends a signal, by default one that kills; this one is ignored.
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            return True
        finally:
            os.close(descriptor)
    return False


def _lacking(given: int, taken: int) -> Iterator[tuple[int, int]]:
    """From where to where the target differs, or may differ; stretches that touch are one."""
    size = os.fstat(given).st_size
    if not (_of_blocks(given) and _of_blocks(taken)):
        yield 0, size
        return
    start, end = 0, HEADS
    for place in range(HEADS, size, BLOCK):
        if os.pread(given, _SUM, place) == os.pread(taken, _SUM, place):
            continue
        if place != end:
            yield start, end
            start = place
        end = place + BLOCK
    yield start, end


def _of_blocks(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    whole = size > HEADS and (size - HEADS) % BLOCK == 0
    return whole and os.pread(descriptor, len(_MAGIC), _MAGIC_AT) == _MAGIC


def _pour(given: int, taken: int, start: int, end: int) -> None:
    pour = _in_kernel
    while start < end:
        try:
            count = pour(given, taken, end - start, start)
        except OSError as error:
            if pour is not _in_kernel or error.errno not in _UNABLE:
                raise
            pour = _by_hand
            continue
        if not count:
            raise OSError(errno.EIO, "a file became shorter while it was read")
        start += count


def _in_kernel(given: int, taken: int, count: int, start: int) -> int:
    """Copies without reading; file systems that can have both files share what is the same."""
    return os.copy_file_range(given, taken, count, start, start)


def _by_hand(given: int, taken: int, count: int, start: int) -> int:
    return os.pwrite(taken, os.pread(given, min(count, BLOCK), start), start)
