"""The mark by which a root is told from an empty mount point or another disk in its place.

`.supervisor-root` is the only thing that is ever written into a root. Where that can't be, the
folder's device and inode stand for it.
"""

import errno
import os
import re
import secrets
import tomllib
from dataclasses import dataclass
from pathlib import Path

from supervisor_core.media.files import open_regular
from supervisor_core.reasons import Failed, Reason

MARKER = ".supervisor-root"
_BYTES_MAX = 4096
_ID = re.compile("[0-9a-f]{32}")
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True)
class Mark:
    """What a root is known by: the id in its marker file, or '' and what its folder is."""

    marker: str
    device: str
    inode: str

    def is_of(self, found: "Mark") -> bool:
        """True when a folder that was found so is the one that is known so."""
        if self.marker:
            return self.marker == found.marker
        return (self.device, self.inode) == (found.device, found.inode)


def find_mark(root: Path) -> Mark:
    """The mark of a folder; raises `Failed(LIBRARY_NOT_THERE)` where there is no folder."""
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        raise Failed(Reason.LIBRARY_NOT_THERE) from None
    try:
        status = os.fstat(descriptor)
        return Mark(_read(descriptor), str(status.st_dev), str(status.st_ino))
    finally:
        os.close(descriptor)


def leave_mark(root: Path, name: str) -> Mark:
    """The mark of a root that is scanned for the first time; a marker that is there is kept.

    In a folder that can't be written to, or whose marker makes no sense, there is none.
    """
    found = find_mark(root)
    if found.marker:
        return found
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        descriptor = os.open(root / MARKER, flags, 0o644)
    except FileExistsError:
        return found
    except OSError as error:
        if error.errno in _READ_ONLY:
            return found
        raise
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o644)
        file.write(f'name = "{name}"\nid = "{secrets.token_hex(16)}"\n')
        file.flush()
        os.fsync(descriptor)
    return find_mark(root)


def _read(folder: int) -> str:
    try:
        descriptor = open_regular(MARKER, folder)
    except Failed:
        return ""
    try:
        values = tomllib.loads(os.pread(descriptor, _BYTES_MAX, 0).decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return ""
    finally:
        os.close(descriptor)
    found = values.get("id")
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""
