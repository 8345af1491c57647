"""Files that are used where they lie: a symbolic link stands for each, and says what it stood for.

The link bears the time that its file had when it was imported. With the size, which the store has,
that tells a file that was written since; nothing is ever read through such a link.
"""

import ctypes
import os
import stat
from pathlib import Path

from supervisor_core.media.files import PART_SUFFIX
from supervisor_core.reasons import Failed, Reason

_SECOND_NS = 10**9


def link(target: Path, place: Path, mtime_ns: int) -> None:
    """Puts a link to a file at a place, or points the one that is there at it.

    A file that lies there is replaced as `rename` does; what a link there leads to is not touched.
    It is durable after `sync_disk`.
    """
    part = place.with_name(place.name + PART_SUFFIX)
    part.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    part.symlink_to(target.absolute())
    os.utime(part, ns=(mtime_ns, mtime_ns), follow_symlinks=False)
    part.replace(place)


def original(path: Path, size_bytes: int | None = None) -> Path:
    """The file to read in place of `path`: that itself, or what it stands for, if that is the same.

    Raises `Failed`: FILE_NOT_FOUND, FILE_CHANGED for another size or time, NOT_A_FILE.
    """
    try:
        mark = path.lstat()
        if not stat.S_ISLNK(mark.st_mode):
            return path
        target = path.readlink()
        found = target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise Failed(Reason.FILE_NOT_FOUND) from None
    if not stat.S_ISREG(found.st_mode):
        raise Failed(Reason.NOT_A_FILE)
    if size_bytes not in (None, found.st_size) or not _same_time(mark, found):
        raise Failed(Reason.FILE_CHANGED)
    return target


def _same_time(mark: os.stat_result, found: os.stat_result) -> bool:
    if mark.st_mtime_ns % _SECOND_NS:
        return mark.st_mtime_ns == found.st_mtime_ns
    # Some disks keep whole seconds only.
    return mark.st_mtime_ns // _SECOND_NS == found.st_mtime_ns // _SECOND_NS


def sync_disk(folder: Path) -> None:
    """Makes all that was written to the folder's disk durable: one wait for many small files."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if not hasattr(library, "syncfs"):
            os.sync()
        elif library.syncfs(descriptor):
            raise OSError(ctypes.get_errno(), "syncfs")
    finally:
        os.close(descriptor)
