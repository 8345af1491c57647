"""What lies in the trees of a home, as seen by a child that may be ended: disks can hang."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from supervisor_core.pipeline.context import Context

TREES = ("raw", "aside", "cleaned", "thumbnails", "released")
_LOOK_S = 60.0
_FILE_S = 0.005


@dataclass(frozen=True)
class Lying:
    """A file of ours: its size through a link, None when the link leads nowhere."""

    path: str
    size_bytes: int | None
    mtime: float


def look_at(context: Context, about: int) -> dict[str, Lying]:
    """All files of the trees by their path relative to the home; there are `about` so many.

    Raises `Failed`: DeadlineExceeded where a disk does not answer, IO_ERROR.
    """
    limit_s = _LOOK_S + _FILE_S * about
    found: dict[str, Lying] = {}
    for tree in TREES:
        lying = context.worker.call(list_tree, context.home.root, tree, limit_s=limit_s)
        found |= {one.path: one for one in lying}
    return found


def sha256_through(path: Path) -> str:
    """The SHA-256 of a file of ours, or of the one that our link leads to; runs in the child.

    Raises `Failed` as `sha256_of` does.
    """
    from supervisor_core.media.hashing import sha256_of

    return sha256_of(path.resolve())


def list_tree(root: Path, tree: str) -> list[Lying]:
    """The files of one tree; runs in the child."""
    return list(_walk(root / tree, tree))


def _walk(folder: Path, name: str) -> Iterator[Lying]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = f"{name}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), path)
            else:
                yield _lying(entry, path)


def _lying(entry: os.DirEntry[str], path: str) -> Lying:
    itself = entry.stat(follow_symlinks=False)
    try:
        target = entry.stat()
    except OSError:
        return Lying(path, None, itself.st_mtime)
    size = target.st_size if stat.S_ISREG(target.st_mode) else None
    return Lying(path, size, itself.st_mtime)
