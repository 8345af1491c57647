"""Looks at a root without opening a file in it: names, sizes, times.

Links are neither followed nor taken, whatever they lead to. A root that can't be listed is an
error, never an empty listing; a folder in it that can't is told, so that its files are not missed.
"""

import os
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from supervisor_core.inbox.listing import is_hidden, is_unfinished
from supervisor_core.media.kinds import claimed_kind
from supervisor_core.reasons import Failed, Reason


class Entry(NamedTuple):
    """A file as `lstat` showed it; its path is relative to the root and split by `/`."""

    path: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class Listing:
    """One walk: the media by path, and what was passed over.

    `busy` were touched a moment ago and may still be written; `other` are links and files whose
    names say no video, still or DICOM; `unreadable` are folders that could not be listed.
    """

    entries: tuple[Entry, ...]
    busy: frozenset[str] = frozenset()
    other: int = 0
    unreadable: tuple[str, ...] = ()

    def hides(self, path: str) -> bool:
        """True for a file of which this walk can't say whether it is there."""
        return path in self.busy or any(path.startswith(f"{one}/") for one in self.unreadable)


def list_library(root: Path, settle_s: float = 0.0) -> Listing:
    """Walks a root; raises `Failed(LIBRARY_NOT_THERE)` when the root itself can't be listed."""
    walk = _Walk(root, time.time_ns() - int(settle_s * 1e9))
    try:
        walk.look("")
    except OSError:
        raise Failed(Reason.LIBRARY_NOT_THERE) from None
    while walk.folders:
        walk.look_if_readable(walk.folders.pop())
    walk.entries.sort()
    return Listing(tuple(walk.entries), frozenset(walk.busy), walk.other, tuple(walk.unreadable))


class _Walk:
    def __init__(self, root: Path, newest_ns: int) -> None:
        self.folders: list[str] = []
        self.entries: list[Entry] = []
        self.busy: list[str] = []
        self.unreadable: list[str] = []
        self.other = 0
        self._root = root
        self._newest_ns = newest_ns

    def look_if_readable(self, folder: str) -> None:
        """Looks into a folder; one that is gone by now is gone, one that refuses is told."""
        try:
            self.look(folder)
        except FileNotFoundError:
            return
        except OSError:
            self.unreadable.append(folder)

    def look(self, folder: str) -> None:
        prefix = f"{folder}/" if folder else ""
        with os.scandir(self._root / folder) as names:
            for found in names:
                if not is_hidden(found.name):
                    self._take(found, prefix + found.name)

    def _take(self, found: "os.DirEntry[str]", path: str) -> None:
        if found.is_dir(follow_symlinks=False):
            self.folders.append(path)
        elif not found.is_file(follow_symlinks=False) or not _is_media(found.name):
            self.other += 1
        else:
            self._enter(found, path)

    def _enter(self, found: "os.DirEntry[str]", path: str) -> None:
        try:
            status = found.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        if max(status.st_mtime_ns, status.st_ctime_ns) > self._newest_ns:
            self.busy.append(path)
        else:
            self.entries.append(Entry(path, status.st_size, status.st_mtime_ns))


def _is_media(name: str) -> bool:
    _, dot, suffix = name.rpartition(".")
    return bool(dot) and not is_unfinished(name) and _is_media_suffix(suffix.lower())


@lru_cache(maxsize=1024)
def _is_media_suffix(suffix: str) -> bool:
    return claimed_kind(f"name.{suffix}") is not None
