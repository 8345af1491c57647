"""Taking a file out of a folder that others write to, without losing or following anything.

The inbox belongs to strangers: names may be links out of it (also its subfolders), and a file may
be swapped or dropped again at any moment. So the way is walked one folder at a time without
following links, the file is moved by one rename, and what was moved is compared with what was
opened. A copy is made only to another disk, or when the file has a second name somewhere, through
which it could be changed later.
"""

import errno
import os
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path

from supervisor_core.faults import fault
from supervisor_core.media.files import PART_SUFFIX, open_regular, opening, sync
from supervisor_core.media.hashing import sha256_of
from supervisor_core.reasons import Failed, Reason

_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_COPY_BYTES = 1 << 20


def take(entry: Path, into: Path, inside: Path | None = None) -> Path:
    """Moves one regular file to the new path `into` and returns it.

    No folder between `inside` (default: the entry's own folder) and the entry may be a link. An
    entry that was already taken to `into` by an interrupted call is a success; a different file
    there is never overwritten. Raises `Failed`: FILE_NOT_FOUND, NOT_A_FILE, FILE_NOT_READABLE,
    FILE_CHANGED when it was swapped or written meanwhile, INTERNAL_ERROR when `into` is occupied.
    """
    with ExitStack() as stack:
        folder = open_folder(entry, inside or entry.parent, stack)
        try:
            descriptor = open_regular(entry.name, folder)
        except Failed as failure:
            if failure.reason is Reason.FILE_NOT_FOUND and into.is_file():
                return into
            raise
        stack.callback(os.close, descriptor)
        if os.path.lexists(into):
            _finish_interrupted(entry, into)
        elif os.fstat(descriptor).st_nlink > 1 or not _rename(entry.name, folder, descriptor, into):
            _copy(descriptor, into)
            fault("take.copied")
        else:
            fault("take.renamed")
            return into
        _remove_source(entry.name, folder, descriptor)
    return into


def open_folder(entry: Path, inside: Path, stack: ExitStack) -> int:
    """The descriptor of the folder that holds an entry, closed with the stack.

    No folder from `inside` down to it may be a link. Raises `Failed`: FILE_NOT_FOUND, NOT_A_FILE,
    FILE_NOT_READABLE.
    """
    try:
        parts = entry.relative_to(inside).parts[:-1]
    except ValueError:
        raise Failed(Reason.NOT_A_FILE) from None
    if ".." in (*parts, entry.name):
        raise Failed(Reason.NOT_A_FILE)
    with opening():
        folder = os.open(inside, _FOLDER)
        stack.callback(os.close, folder)
        for part in parts:
            folder = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            stack.callback(os.close, folder)
    return folder


def _rename(name: str, folder: int, descriptor: int, into: Path) -> bool:
    """Moves by one rename; False when that's another disk, FILE_CHANGED when another file came."""
    try:
        with opening():
            os.rename(name, into, src_dir_fd=folder)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    if not os.path.samestat(os.fstat(descriptor), into.lstat()):
        # Somebody swapped the file between opening and renaming: theirs goes back untouched.
        with suppress(FileExistsError):
            os.link(into, name, dst_dir_fd=folder, follow_symlinks=False)
            into.unlink()
        raise Failed(Reason.FILE_CHANGED)
    sync(into.parent)
    return True


def _copy(descriptor: int, into: Path) -> None:
    part = into.with_name(into.name + PART_SUFFIX)
    part.unlink(missing_ok=True)
    before = os.fstat(descriptor)
    with os.fdopen(os.dup(descriptor), "rb") as source, part.open("xb") as target:
        shutil.copyfileobj(source, target, _COPY_BYTES)
        target.flush()
        os.utime(target.fileno(), ns=(before.st_atime_ns, before.st_mtime_ns))
        os.fsync(target.fileno())
    after = os.fstat(descriptor)
    if _version(before) != _version(after):
        part.unlink()
        raise Failed(Reason.FILE_CHANGED)
    part.rename(into)
    sync(into.parent)


def _finish_interrupted(entry: Path, into: Path) -> None:
    if into.is_symlink() or sha256_of(entry) != sha256_of(into):
        raise Failed(Reason.INTERNAL_ERROR, step="take", error="occupied")


def _remove_source(name: str, folder: int, descriptor: int) -> None:
    # A file dropped again under the same name since then is a new arrival and stays.
    with suppress(FileNotFoundError):
        current = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if _version(current) == _version(os.fstat(descriptor)):
            os.unlink(name, dir_fd=folder)


def _version(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
