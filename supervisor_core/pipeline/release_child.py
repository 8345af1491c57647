"""Released files in a folder: what runs in the worker's child, since any disk can hang."""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from supervisor_core.child import report_progress
from supervisor_core.media.files import PART_SUFFIX, open_regular, publish, require_free
from supervisor_core.reasons import Failed, Reason

_CHUNK = 1 << 20
_FILE, _FOLDER = 0o644, 0o755


@dataclass(frozen=True)
class Seen:
    """A file as it lies there now."""

    size_bytes: int
    sha256: str


def look(path: Path) -> Seen | None:
    """Reads a file whole; None when there is none. Raises `Failed` as `open_regular`."""
    try:
        descriptor = open_regular(path)
    except Failed as failed:
        if failed.reason is Reason.FILE_NOT_FOUND:
            return None
        raise
    digest, size_bytes = hashlib.sha256(), 0
    with os.fdopen(descriptor, "rb") as file:
        while content := file.read(_CHUNK):
            digest.update(content)
            size_bytes += len(content)
    return Seen(size_bytes, digest.hexdigest())


def require_root(root: Path) -> None:
    """Raises `Failed(BAD_CONFIGURATION)` for a folder that is not there, or that takes no file.

    A disk that is not mounted is no empty folder.
    """
    if not (root.is_dir() and os.access(root, os.W_OK | os.X_OK)):
        raise Failed(Reason.BAD_CONFIGURATION, setting="release_folder")


def stage(source: Path, root: Path, name: str, sha256: str, reserve_bytes: int) -> int:
    """Copies a file beside where it belongs, as `.part`; returns its size.

    Raises `Failed(FILE_CHANGED)`, and leaves nothing, unless the bytes that were written are those
    with this hash; and as `require_root`, `open_regular` and `require_free`.
    """
    require_root(root)
    final = root / name
    part = part_of(final)
    with os.fdopen(open_regular(source), "rb") as file:
        total_bytes = os.fstat(file.fileno()).st_size
        _make_folders(final.parent)
        part.unlink(missing_ok=True)
        require_free(final.parent, total_bytes, reserve_bytes)
        digest, done_bytes = hashlib.sha256(), 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(part, flags, 0o600), "wb") as target:
            while content := file.read(_CHUNK):
                target.write(content)
                digest.update(content)
                done_bytes += len(content)
                report_progress(done_bytes, total_bytes)
    if digest.hexdigest() != sha256:
        part.unlink()
        raise Failed(Reason.FILE_CHANGED, step="release")
    part.chmod(_FILE)
    return done_bytes


def finish(final: Path, trash: Path) -> None:
    """Gives what was staged its name; whatever had that name before moves to the trash."""
    _throw(final, trash)
    publish(part_of(final), final)


def take(root: Path, name: str, trash: Path) -> bool:
    """Moves a file to the trash, and removes folders that are empty then; says if it was there."""
    require_root(root)
    final = root / name
    part_of(final).unlink(missing_ok=True)
    there = _throw(final, trash)
    with suppress(OSError):
        for folder in final.parents:
            if folder == root:
                break
            folder.rmdir()
    return there


def names(root: Path, folder: str, start: str) -> list[str]:
    """The names below a folder that begin so, unfinished ones too; relative to the root."""
    require_root(root)
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(root / folder) as entries:
        return sorted(f"{folder}/{one.name}" for one in entries if one.name.startswith(start))
    return []


def part_of(final: Path) -> Path:
    """What a file is called until it is whole."""
    return final.with_name(final.name + PART_SUFFIX)


def _throw(path: Path, trash: Path) -> bool:
    if not (path.is_symlink() or path.exists()):
        return False
    if path.is_symlink():
        path.unlink()
        return True
    publish(path, trash / f"released-{os.urandom(4).hex()}-{path.name}")
    return True


def _make_folders(folder: Path) -> None:
    """Makes a folder that others may look into."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
        one.chmod(_FOLDER)
