"""A small file that only its owner may read, shared by processes: read anew whenever it changes.

It is replaced as a whole (written beside, synced, renamed), so that nobody reads half of it.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from supervisor_core.reasons import Failed, Reason

_LARGEST = 4 * 1024**2
_OTHERS = 0o077

Mark = tuple[int, int, int, int]


@dataclass(frozen=True)
class OwnedFile:
    """The file at `path`; its folder is made when it is first written."""

    path: Path

    def mark(self) -> Mark | None:
        """What changes whenever the file does; nothing while there is none."""
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode

    def read(self) -> bytes | None:
        """What the file holds, or nothing when there is none.

        Raises `Failed(GALLERY_KEYS_UNUSABLE)` when it is no file of ours alone.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unusable("not_readable", errno=error.errno or 0) from None
        with os.fdopen(descriptor, "rb") as file:
            _refuse_shared(os.fstat(descriptor))
            return file.read(_LARGEST)

    def write(self, content: bytes) -> None:
        """Replaces what the file holds; raises OSError."""
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        part = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        part.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(part, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)
        _sync(self.path.parent)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other processes and threads that change the file out for the block."""
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path.with_suffix(".lock"), flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def unusable(how: str, **facts: int | str) -> Failed:
    """Why the file of keys can't be used."""
    return Failed(Reason.GALLERY_KEYS_UNUSABLE, keys=how, **facts)


def _refuse_shared(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise unusable("no_file")
    if found.st_uid != os.geteuid():
        raise unusable("owned_by_another")
    if found.st_mode & _OTHERS:
        raise unusable("readable_by_others", mode=f"{found.st_mode & 0o777:o}")
    if found.st_size > _LARGEST:
        raise unusable("too_large")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
