"""Publishing the main store: its file copied under the shared lock and put into place.

All connections to the store are short, so under the shared lock the file and its log are of one
moment. Only the bytes are copied there; that they open, and hold every transaction that counts, is
proven afterwards, when writers are at work again. Whatever goes wrong, the former copy stays.

The copy is not synced to the disk: after a crash of the machine it is simply taken anew.
"""

import ctypes
import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store.database import Database, told
from supervisor_core.store.instance import BESIDE, Plain, attached
from supervisor_core.store.lock import FairLock
from supervisor_core.store.published import Published, PublishedStore

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_UNABLE = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)
_CHUNK = 64 * 1024**2
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h
# A file system tells times in steps of some milliseconds: of two changes within one, the second
# would not be seen. What changed that lately is copied once more.
_SETTLED_NS = 100_000_000

Marks = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True)
class Taken:
    """The last copy: how long writers had to wait for it, and how long all of it took."""

    held_s: float
    seconds: float
    transactions: int


class Publisher:
    """Publishes one home's main store; it remembers what it copied last."""

    def __init__(self, home: Home, *, wait_s: float = 1.0, reserve_bytes: int = 0) -> None:
        self.place = PublishedStore(home)
        self.last: Taken | None = None
        self._reserve_bytes = reserve_bytes
        self._database = Database("main", home.store / "supervisor.duckdb", Plain(), wait_s)
        self._copied: Marks | None = None

    def publish(self) -> Published:
        """Takes a copy unless nothing has changed since the last one; returns what there is.

        Raises `Failed`: NO_STORE, STORE_BUSY when the lock is not ours in time, DISK_FULL,
        IO_ERROR, STORE_DAMAGED.
        """
        with _disk():
            self.place.folder.mkdir(mode=0o700, exist_ok=True)
            lock = FairLock(self.place.folder, "publishing")
            with lock.hold(shared=False, wait_s=self._database.wait_s):
                now_ns = time.time_ns()
                if not self.place.path.exists() or _marks(self._database.path) != self._copied:
                    now_ns = self._copy()
                _touch(self.place.seen, now_ns)
        found = self.place.look()
        if found is None:
            raise Failed(Reason.NOT_PUBLISHED)
        return found

    def _copy(self) -> int:
        """Takes a copy; returns its moment."""
        began_s = time.monotonic()
        part = self.place.folder / "published.part"
        try:
            taken_ns, held_s, marks, counted = self._take(part)
            transactions = _opened(part)
            if transactions < counted:
                raise Failed(Reason.STORE_DAMAGED, transactions=transactions, counted=counted)
            os.utime(part, ns=(taken_ns, taken_ns))
            put(part, self.place.path)
        finally:
            _sweep(part)
        settled = all(mark is None or mark[0] < taken_ns - _SETTLED_NS for mark in marks)
        self._copied = marks if settled else None
        self.last = Taken(held_s, time.monotonic() - began_s, transactions)
        return taken_ns

    def _take(self, part: Path) -> tuple[int, float, Marks, int]:
        """Copies under the lock; returns the moment, the seconds, what was copied, what counts."""
        _sweep(part)
        with self._database.still():
            began_s, taken_ns = time.monotonic(), time.time_ns()
            marks = _marks(self._database.path)
            self._require_space(marks)
            for suffix, mark in zip(BESIDE, marks, strict=True):
                if mark is not None:
                    clone(Path(f"{self._database.path}{suffix}"), Path(f"{part}{suffix}"))
            counted = self._database.ledger.counted()
            return taken_ns, time.monotonic() - began_s, marks, counted

    def _require_space(self, marks: Marks) -> None:
        needed = sum(mark[1] for mark in marks if mark is not None)
        space = os.statvfs(self.place.folder)
        if space.f_bavail * space.f_frsize < needed + self._reserve_bytes:
            raise Failed(Reason.DISK_FULL, needed_bytes=needed)


def put(part: Path, path: Path) -> None:
    """Puts a new copy in the place of the former one, at once; that is left as `part`, or is gone.

    Both change places where the file system can do that: what is renamed over another file is
    written to the disk at once by ext4 (`auto_da_alloc`), and most copies are replaced before they
    would have to be written at all.
    """
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(part), os.fsencode(path)
    if not path.exists() or library.renameat2(
        _AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE
    ):
        part.replace(path)


def clone(source: Path, target: Path) -> None:
    """Copies a file inside the kernel; file systems that can let both share what is the same."""
    mode = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with source.open("rb", buffering=0) as given:
        taken = os.open(target, mode, 0o600)
        try:
            _pour(given.fileno(), taken)
        finally:
            os.close(taken)


def _pour(given: int, taken: int) -> None:
    pour = _in_kernel
    while True:
        try:
            if not pour(given, taken):
                return
        except OSError as error:
            if pour is not _in_kernel or error.errno not in _UNABLE:
                raise
            pour = _by_hand  # both go on where they are


def _in_kernel(given: int, taken: int) -> int:
    return os.copy_file_range(given, taken, _CHUNK)


def _by_hand(given: int, taken: int) -> int:
    return os.sendfile(taken, given, None, _CHUNK)


def _opened(part: Path) -> int:
    """Takes a log that a killed writer has left into the copy; returns how much it has seen."""
    left = any(Path(f"{part}{suffix}").exists() for suffix in BESIDE[1:])
    with told("published"), attached(part, Plain(), read_only=not left) as connection:
        row = connection.execute("SELECT transactions FROM ledger").fetchone()
    if any(Path(f"{part}{suffix}").exists() for suffix in BESIDE[1:]):
        raise Failed(Reason.DISK_FULL)  # it says nothing when it could not write
    return int(row[0]) if row else 0


def _marks(path: Path) -> Marks:
    """How the file and what lies beside it look from outside; raises `Failed(NO_STORE)`."""
    marks = tuple(_mark(Path(f"{path}{suffix}")) for suffix in BESIDE)
    if marks[0] is None:
        raise Failed(Reason.NO_STORE)
    return marks


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _touch(path: Path, now_ns: int) -> None:
    """Writes a moment into the file's own time: that works on a full disk too."""
    if not path.exists():
        path.touch(0o600)
    os.utime(path, ns=(now_ns, now_ns))


def _sweep(part: Path) -> None:
    for suffix in BESIDE:
        Path(f"{part}{suffix}").unlink(missing_ok=True)


@contextmanager
def _disk() -> Iterator[None]:
    """What the disk refuses, in our words: its own hold paths."""
    try:
        yield
    except OSError as error:
        full = error.errno in _NO_SPACE
        reason = Reason.DISK_FULL if full else Reason.IO_ERROR
        raise Failed(reason, errno=error.errno or 0) from None
