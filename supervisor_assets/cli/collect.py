"""Which files the paths on the command line mean; no link is followed, nothing is opened."""

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePosixPath

from supervisor_core.inbox.listing import is_hidden, is_unfinished
from supervisor_core.reasons import Reason


@dataclass(frozen=True)
class Found:
    """One file, and its path below a folder of its own in the inbox.

    `reason` says why it can't even be copied: a link, a pipe, nothing there. `word` is what the
    user calls it, where that is not its path.
    """

    path: Path
    inside: PurePosixPath
    size_bytes: int = 0
    reason: Reason | None = None
    word: str = ""

    @property
    def said(self) -> str:
        """What the user calls it."""
        return self.word or str(self.path)


@dataclass(frozen=True)
class Collected:
    """What was found, and how many names in folders were left out as hidden or unfinished."""

    files: tuple[Found, ...]
    left_out: int


class Collector:
    """Walks the given paths; each name inside is used once."""

    def __init__(self) -> None:
        self._left_out = 0
        self._taken: set[PurePosixPath] = set()

    def collect(self, paths: Iterable[Path], more: Iterable[Found] = ()) -> Collected:
        """Everything that the paths name: files as they are, folders with all below them.

        `more` are files that were found otherwise.
        """
        named = (found for path in paths for found in self._named(path))
        files = tuple(self._free(found) for found in chain(named, more))
        return Collected(files, self._left_out)

    def _named(self, path: Path) -> Iterator[Found]:
        path = path.absolute()
        inside = PurePosixPath(plain(path.name or "root"))
        if path.is_dir() and not path.is_symlink():
            yield from self._walk(path, inside)
        else:
            yield _look(path, inside)

    def _walk(self, folder: Path, inside: PurePosixPath) -> Iterator[Found]:
        try:
            names = sorted(path.name for path in folder.iterdir())
        except OSError:
            yield Found(folder, inside, reason=Reason.FILE_NOT_READABLE)
            return
        for name in names:
            path = folder / name
            if is_hidden(name) or is_unfinished(name):
                self._left_out += 1
            elif path.is_dir() and not path.is_symlink():
                yield from self._walk(path, inside / name)
            else:
                yield _look(path, inside / name)

    def _free(self, found: Found) -> Found:
        """Two files of the same name get folders of their own."""
        inside, number = found.inside, 1
        while inside in self._taken:
            number += 1
            inside = PurePosixPath(str(number)) / found.inside
        self._taken.add(inside)
        return replace(found, inside=inside)


def _look(path: Path, inside: PurePosixPath) -> Found:
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return Found(path, inside, reason=Reason.FILE_NOT_FOUND)
    except OSError:
        return Found(path, inside, reason=Reason.FILE_NOT_READABLE)
    if not stat.S_ISREG(status.st_mode):
        return Found(path, inside, reason=Reason.NOT_A_FILE)
    return Found(path, inside, status.st_size)


def plain(name: str) -> str:
    """A name that the inbox does not pass over: who names a file on purpose wants it taken in."""
    name = name.lstrip(".") if is_hidden(name) else name
    return f"{name}_" if not name or is_unfinished(name) or is_hidden(name) else name
