"""Publishing the main store: its file copied under the shared lock and put into place.

All connections to the store are short, so under the shared lock the file and its log are of one
moment. Only the bytes are copied there; that they open, and hold every transaction that counts, is
proven afterwards, when writers are at work again. Whatever goes wrong, the former copy stays.

Writers wait for the blocks that have changed, not for the whole file: a copy begins as a former one
that nobody reads any more, or as a copy of the copy. While it is changed it has a name by which
nobody takes it for whole.

The copy is not synced to the disk: after a crash of the machine it is simply taken anew. So each
process begins with a whole copy and trusts none that it finds.
"""

import ctypes
import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store.blocks import renew, unread
from supervisor_core.store.database import Database, told
from supervisor_core.store.instance import BESIDE, Plain, attached
from supervisor_core.store.lock import FairLock
from supervisor_core.store.published import Published, PublishedStore

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
# While pages are served from one and another is being opened for them, a third is free.
_FORMER = tuple(f"published.former-{number}" for number in (1, 2, 3))
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h
# A file system tells times in steps of some milliseconds: of two changes within one, the second
# would not be seen. What changed that lately is copied once more.
_SETTLED_NS = 100_000_000

Marks = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True)
class Taken:
    """The last copy: the seconds before writers had to wait, those for which they had to, all."""

    prepared_s: float
    held_s: float
    seconds: float
    written_bytes: int
    transactions: int


class _Still(NamedTuple):
    """What was there under the lock: the moment, what was copied, and how much had to be in it."""

    taken_ns: int
    held_s: float
    written_bytes: int
    marks: Marks
    counted: int


class Publisher:
    """Publishes one home's main store; it remembers what it copied last."""

    def __init__(self, home: Home, *, wait_s: float = 1.0, reserve_bytes: int = 0) -> None:
        self.place = PublishedStore(home)
        self.last: Taken | None = None
        self._reserve_bytes = reserve_bytes
        self._database = Database("main", home.store / "supervisor.duckdb", Plain(), wait_s)
        self._copied: Marks | None = None
        self._begun = False

    def publish(self) -> Published:
        """Takes a copy unless nothing has changed since the last one; returns what there is.

        Raises `Failed`: NO_STORE, STORE_BUSY when the lock is not ours in time, DISK_FULL,
        IO_ERROR, STORE_DAMAGED.
        """
        try:
            with _disk():
                self._publish()
        except Failed as failed:
            # A disk that came back may have lost what it had not written yet.
            self._begun = self._begun and failed.reason is Reason.STORE_BUSY
            raise
        found = self.place.look()
        if found is None:
            raise Failed(Reason.NOT_PUBLISHED)
        return found

    def _publish(self) -> None:
        self.place.folder.mkdir(mode=0o700, exist_ok=True)
        lock = FairLock(self.place.folder, "publishing")
        with lock.hold(shared=False, wait_s=self._database.wait_s):
            now_ns = time.time_ns()
            if not self.place.path.exists() or _marks(self._database.path) != self._copied:
                now_ns = self._copy()
            _touch(self.place.seen, now_ns)

    def _copy(self) -> int:
        """Takes a copy; returns its moment."""
        began_s = time.monotonic()
        part = self.place.folder / "published.part"
        _sweep(part)
        try:
            self._prepare(part)
            prepared_s = time.monotonic() - began_s
            still = self._take(part)
            transactions = _opened(part)
            if transactions < still.counted:
                raise Failed(Reason.STORE_DAMAGED, transactions=transactions, counted=still.counted)
            os.utime(part, ns=(still.taken_ns, still.taken_ns))
            put(part, self.place.path)
            self._keep(part)
        finally:
            _sweep(part)
        newest_ns = max(mark[0] for mark in still.marks if mark is not None)
        self._copied = still.marks if newest_ns < still.taken_ns - _SETTLED_NS else None
        seconds = time.monotonic() - began_s
        self.last = Taken(prepared_s, still.held_s, seconds, still.written_bytes, transactions)
        return still.taken_ns

    def _take(self, part: Path) -> _Still:
        """Copies under the lock."""
        with self._database.still():
            began_s, taken_ns = time.monotonic(), time.time_ns()
            marks = _marks(self._database.path)
            there = part.stat().st_size if part.exists() else 0
            self._require_space(sum(mark[1] for mark in marks if mark is not None) - there)
            written = sum(
                renew(Path(f"{self._database.path}{suffix}"), Path(f"{part}{suffix}"))
                for suffix, mark in zip(BESIDE, marks, strict=True)
                if mark is not None
            )
            counted = self._database.ledger.counted()
            return _Still(taken_ns, time.monotonic() - began_s, written, marks, counted)

    def _prepare(self, part: Path) -> None:
        """Begins with a former copy that nobody reads, or a copy of the one that is shown."""
        former = self._former()
        if not self._begun:
            for path in former:
                path.unlink()
        elif free := next(filter(unread, former), None):
            free.rename(part)
        elif self.place.path.exists():
            self._require_space(self.place.path.stat().st_size)
            renew(self.place.path, part)

    def _keep(self, former: Path) -> None:
        """Keeps the copy that was replaced, unless there are enough, or it is not ours."""
        kept = {path.name for path in self._former()}
        free = [name for name in _FORMER if name not in kept]
        if self._begun and free and former.exists():
            former.rename(self.place.folder / free[0])
        self._begun = True

    def _former(self) -> list[Path]:
        return [path for name in _FORMER if (path := self.place.folder / name).exists()]

    def _require_space(self, needed: int) -> None:
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
