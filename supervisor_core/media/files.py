"""Opening, publishing and sweeping files so that a crash or a trick leaves nothing half done.

Everything is opened by `open_regular`: no link is followed, a pipe or device can't block the
reader. What is made is written as `*.part`, synced, and only then renamed to its final name.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from supervisor_core.faults import fault
from supervisor_core.reasons import Failed, Reason

PART_SUFFIX = ".part"
RESERVE_BYTES = 256 * 2**20

# Links under O_NOFOLLOW, a file where a folder should be, a socket, a device without driver.
_NOT_A_FILE = frozenset((errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.ENODEV, errno.EISDIR))


@contextmanager
def opening() -> Iterator[None]:
    """Turns what the system says when a file can't be opened into the matching reason."""
    try:
        yield
    except FileNotFoundError:
        raise Failed(Reason.FILE_NOT_FOUND) from None
    except PermissionError:
        raise Failed(Reason.FILE_NOT_READABLE) from None
    except OSError as error:
        if error.errno in _NOT_A_FILE:
            raise Failed(Reason.NOT_A_FILE) from None
        raise


def open_regular(path: Path | str, folder: int | None = None) -> int:
    """Opens a regular file for reading and returns its descriptor, which the caller closes.

    `folder` is the descriptor that a relative path starts from. Raises `Failed`: FILE_NOT_FOUND,
    FILE_NOT_READABLE, or NOT_A_FILE for a link, folder, pipe, socket or device.
    """
    with opening():
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Failed(Reason.NOT_A_FILE)
    return descriptor


def publish(part: Path, final: Path) -> Path:
    """Gives a finished file its final name, durably, and returns that name.

    The content is synced before the rename and the folder after it, so after a crash the name
    either does not exist or holds everything. A file that is already there is replaced.
    """
    new_folder = not final.parent.is_dir()
    final.parent.mkdir(parents=True, exist_ok=True)
    sync(part)
    fault("publish.synced")
    try:
        part.replace(final)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _publish_across(part, final)
    fault("publish.renamed")
    sync(final.parent)
    if new_folder:
        sync(final.parent.parent)
    return final


def _publish_across(part: Path, final: Path) -> None:
    nearby = final.with_name(final.name + PART_SUFFIX)
    with os.fdopen(open_regular(part), "rb") as source, nearby.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    sync(nearby)
    nearby.replace(final)
    part.unlink()


def sync(path: Path) -> None:
    """Makes a file's content, or a folder's list of names, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_free(folder: Path, size_bytes: int, reserve_bytes: int = RESERVE_BYTES) -> None:
    """Raises `Failed(DISK_FULL)` unless the folder's disk has room for the file and a reserve."""
    space = os.statvfs(folder)
    free_bytes = space.f_bavail * space.f_frsize
    if free_bytes < size_bytes + reserve_bytes:
        raise Failed(Reason.DISK_FULL, needed_bytes=size_bytes, free_bytes=free_bytes)
