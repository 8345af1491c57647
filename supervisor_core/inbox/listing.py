"""Looks at a folder tree without opening anything in it.

A listing is what one walk saw: names, sizes, times. Links, pipes and devices are seen as entries
and never followed, so that they can be refused by name of their kind. A root that can't be listed
is an error, never an empty listing; a subfolder that can't is counted, so that the rest goes on.
"""

import errno
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from supervisor_core.keys import DEFAULT_SOURCE, Fingerprint, fingerprint
from supervisor_core.reasons import Failed, Reason

UNFINISHED = (
    ".part",
    ".partial",
    ".tmp",
    ".crdownload",
    ".download",
    ".filepart",
    ".swp",
    ".lock",
    "~",
)
_BY_THE_DESKTOP = frozenset({"thumbs.db", "desktop.ini"})


class Entry(NamedTuple):
    """One name in the inbox as `lstat` showed it; its path is relative and split by `/`."""

    path: str
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    regular: bool

    @property
    def folder(self) -> str:
        """The relative folder, empty for the inbox itself."""
        return self.path.rpartition("/")[0]

    @property
    def newest_ns(self) -> int:
        """When content, name or attributes were last touched."""
        return max(self.mtime_ns, self.ctime_ns)

    @property
    def fingerprint(self) -> Fingerprint:
        """Stands for this name with this size and time."""
        return fingerprint(DEFAULT_SOURCE, self.path, self.size_bytes, self.mtime_ns)

    @property
    def again(self) -> Fingerprint:
        """The fingerprint of this file when the same one was taken before and is back."""
        return fingerprint(DEFAULT_SOURCE, self.path, self.size_bytes, self.mtime_ns, self.ctime_ns)


@dataclass(frozen=True)
class Listing:
    """One walk: finished names by fingerprint, unfinished ones, and folders that refused."""

    entries: Mapping[Fingerprint, Entry]
    unfinished: tuple[Entry, ...] = ()
    unreadable: int = 0

    @property
    def digest(self) -> str:
        """Equal for two walks that saw the same; only worth a skipped tick."""
        seen = sha256("".join(self.entries).encode())
        seen.update(repr((self.unfinished, self.unreadable)).encode(errors="surrogateescape"))
        return seen.hexdigest()


def is_hidden(name: str) -> bool:
    """True for names nobody meant to drop."""
    return name.startswith(".") or name.lower() in _BY_THE_DESKTOP


def is_unfinished(name: str) -> bool:
    """True for names by which programs say: this is not a file of its own (yet)."""
    return name.lower().endswith(UNFINISHED) or name.startswith("~$")


def list_inbox(root: Path) -> Listing:
    """Walks the inbox; raises `Failed(IO_ERROR)` when the inbox itself can't be listed."""
    walk = _Walk(root)
    walk.look("")
    while walk.folders:
        walk.look_if_readable(walk.folders.pop())
    return Listing(walk.entries, tuple(walk.unfinished), walk.unreadable)


class _Walk:
    """What a walk has seen so far; it never follows a link, so it ends."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folders: list[str] = []
        self.entries: dict[Fingerprint, Entry] = {}
        self.unfinished: list[Entry] = []
        self.unreadable = 0

    def look_if_readable(self, folder: str) -> None:
        """Looks into a subfolder; one that went away is fine, one that refuses is counted."""
        try:
            self.look(folder)
        except Failed as failed:
            self.unreadable += failed.facts["errno"] != errno.ENOENT

    def look(self, folder: str) -> None:
        """Looks at every name of one folder; raises `Failed(IO_ERROR)` when it can't be listed."""
        prefix = f"{folder}/" if folder else ""
        try:
            with os.scandir(self.root / folder) as names:
                for found in names:
                    if not is_hidden(found.name):
                        self._take(found, prefix + found.name)
        except OSError as error:
            raise Failed(Reason.IO_ERROR, errno=error.errno or 0) from None

    def _take(self, found: "os.DirEntry[str]", path: str) -> None:
        if found.is_dir(follow_symlinks=False):
            self.folders.append(path)
            return
        try:
            entry = _entry(path, found.stat(follow_symlinks=False))
        except FileNotFoundError:
            return
        if is_unfinished(found.name):
            self.unfinished.append(entry)
        else:
            self.entries[entry.fingerprint] = entry


def _entry(path: str, status: os.stat_result) -> Entry:
    regular = stat.S_ISREG(status.st_mode)
    return Entry(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, regular)


def still_there(root: Path, entry: Entry) -> bool:
    """True when the very same file still lies in the inbox now."""
    try:
        return _entry(entry.path, (root / entry.path).lstat()) == entry
    except OSError:
        return False
