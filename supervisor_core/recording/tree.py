"""Folders that others write to as well: walked one by one, no link is ever followed.

What goes is moved to the trash, each file into a folder of its own there, so that nothing that lies
there is overwritten and its name stays.
"""

import errno
import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from supervisor_core.media.files import (
    PART_SUFFIX,
    RESERVE_BYTES,
    open_regular,
    opening,
    sync,
)
from supervisor_core.media.taking import open_folder
from supervisor_core.reasons import Failed, Reason

FOLDER_MODE, FILE_MODE = 0o755, 0o644
_COPY = f".copy{PART_SUFFIX}"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextmanager
def alone_in(root: Path) -> Iterator[int]:
    """The descriptor of a folder, which only one process at a time has; others wait.

    Raises `Failed`: FILE_NOT_FOUND, NOT_A_FILE.
    """
    with opening():
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def enter(name: str, folder: int, stack: ExitStack, *, make: bool = False) -> int:
    """The descriptor of a subfolder, closed with the stack; `Failed(NOT_A_FILE)` for a link."""
    if make:
        try:
            os.mkdir(name, FOLDER_MODE, dir_fd=folder)
            os.fsync(folder)
        except FileExistsError:
            pass
    with opening():
        descriptor = os.open(name, _FOLDER, dir_fd=folder)
    stack.callback(os.close, descriptor)
    return descriptor


def look_up(name: str, folder: int) -> os.stat_result | None:
    """What has this name in a folder, a link itself and not what it leads to; none if nothing."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def throw_away(entry: Path, root: Path, trash: Path, reserve_bytes: int = RESERVE_BYTES) -> Path:
    """Moves a file or folder below `root` into the trash and returns where it lies now.

    A link is moved itself. Raises `Failed`: FILE_NOT_FOUND, NOT_A_FILE when a link leads to it or
    it is not below the root, DISK_FULL when the trash is on another disk that has no room, and then
    it stays where it is.
    """
    if entry == root:
        raise Failed(Reason.NOT_A_FILE)
    with ExitStack() as stack:
        folder = open_folder(entry, root, stack)
        into = trash / secrets.token_hex(8)
        into.mkdir(mode=0o700, parents=True)
        stack.callback(_remove_empty, into)
        target = enter(into.name, _opened(trash, stack), stack)
        try:
            with opening():
                os.rename(entry.name, entry.name, src_dir_fd=folder, dst_dir_fd=target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _move_across(entry.name, folder, target, reserve_bytes)
        os.fsync(target)
        sync(trash)
        os.fsync(folder)
        return into / entry.name


def _opened(folder: Path, stack: ExitStack) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    stack.callback(os.close, descriptor)
    return descriptor


def _remove_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()


def _move_across(name: str, folder: int, target: int, reserve_bytes: int) -> None:
    """Copies to another disk, and removes what was copied only when it lies there safely."""
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        with ExitStack() as stack:
            inner = enter(name, folder, stack)
            nearby = enter(name, target, stack, make=True)
            with os.scandir(inner) as entries:
                names = [entry.name for entry in entries]
            for one in names:
                _move_across(one, inner, nearby, reserve_bytes)
        os.rmdir(name, dir_fd=folder)
        return
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(name, dir_fd=folder), name, dir_fd=target)
    else:
        copy_into(open_regular(name, folder), target, name, reserve_bytes)
    os.unlink(name, dir_fd=folder)


def copy_into(descriptor: int, target: int, name: str, reserve_bytes: int) -> None:
    """Copies an open file, which is closed, into a folder; its name appears when all is there.

    It keeps its time. Raises `Failed(DISK_FULL)` before anything is written.
    """
    with os.fdopen(descriptor, "rb") as source:
        status = os.fstat(source.fileno())
        _require_free(target, status.st_size, reserve_bytes)
        with suppress(FileNotFoundError):
            os.unlink(_COPY, dir_fd=target)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(_COPY, flags, FILE_MODE, dir_fd=target), "wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
            copy.flush()
            os.utime(copy.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
            os.fsync(copy.fileno())
    os.rename(_COPY, name, src_dir_fd=target, dst_dir_fd=target)
    os.fsync(target)


def _require_free(folder: int, size_bytes: int, reserve_bytes: int) -> None:
    space = os.fstatvfs(folder)
    free_bytes = space.f_bavail * space.f_frsize
    if free_bytes < size_bytes + reserve_bytes:
        raise Failed(Reason.DISK_FULL, needed_bytes=size_bytes, free_bytes=free_bytes)
