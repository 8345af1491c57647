"""Files that are used where they lie: a symbolic link stands for each, and says what it stood for.

The link bears the time that its file had when it was imported. With the size, which the store has,
that tells a file that was written since; nothing is ever written through such a link.
"""

import ctypes
import os
import stat
from pathlib import Path

from supervisor_core.reasons import Failed, Reason

_SECOND_NS = 10**9
_FORMER_SUFFIX = ".former"


def link(target: Path, place: Path, mtime_ns: int) -> bool:
    """Puts a link to a file at a place, or points the one that is there at it.

    A file that lies there itself is never replaced: then False. Durable after `sync_disk`.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        place.symlink_to(target.absolute())
    except FileExistsError:
        if not _remove_link(place):
            return False
        place.symlink_to(target.absolute())
    os.utime(place, ns=(mtime_ns, mtime_ns), follow_symlinks=False)
    return True


def _remove_link(place: Path) -> bool:
    """Removes a link; whatever else has come there by now is put back as it was."""
    if not place.is_symlink():
        return False
    former = place.with_name(place.name + _FORMER_SUFFIX)
    place.rename(former)
    if former.is_symlink():
        former.unlink()
        return True
    former.rename(place)
    return False


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
