"""A lock between processes that neither readers nor writers can hog.

Everybody passes a turnstile first and keeps it until the main lock is theirs. So while a writer
waits for the readers that are inside, no further reader gets in, and the other way round. Both are
`flock`s: the kernel lets go of them when a process dies, however it dies.
"""

import fcntl
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from supervisor_core.reasons import Failed, Reason

_POLL_S = (0.001, 0.004)


class FairLock:
    """A shared/exclusive lock over two files in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._turnstile = folder / f"{name}.turnstile"
        self._main = folder / f"{name}.lock"

    @contextmanager
    def hold(self, *, shared: bool, wait_s: float) -> Iterator[None]:
        """Holds the lock for the block.

        Raises `Failed(STORE_BUSY)` when it is not ours within `wait_s` seconds.
        """
        deadline = time.monotonic() + wait_s
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        with _opened(self._main) as main:
            with _opened(self._turnstile) as turnstile:
                _take(turnstile, fcntl.LOCK_EX, deadline, wait_s)
                _take(main, kind, deadline, wait_s)
            yield


@contextmanager
def hold_file(path: Path) -> Iterator[bool]:
    """Tries to hold a file's lock for the block without waiting; says whether it is ours.

    The file exists only as long as somebody holds it.
    """
    with _opened(path) as descriptor:
        ours = _try(descriptor, fcntl.LOCK_EX) and _is_still(path, descriptor)
        try:
            yield ours
        finally:
            if ours:
                path.unlink(missing_ok=True)


def _is_still(path: Path, descriptor: int) -> bool:
    """False when the holder before us has removed the file that we opened."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """The file's descriptor; closing it lets go of its lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int, kind: int, deadline: float, wait_s: float) -> None:
    while not _try(descriptor, kind):
        if time.monotonic() >= deadline:
            raise Failed(Reason.STORE_BUSY, wait_s=wait_s)
        # Uneven steps keep two waiters from meeting in the same rhythm for ever.
        time.sleep(random.uniform(*_POLL_S))  # noqa: S311


def _try(descriptor: int, kind: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        return True
    return False
