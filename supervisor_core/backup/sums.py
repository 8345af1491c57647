"""The checksums of a backup, as `sha256sum -c SHA256SUMS` reads them."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from supervisor_core.media.files import sync
from supervisor_core.media.hashing import sha256_of
from supervisor_core.reasons import Failed, Reason

NAME = "SHA256SUMS"


def write_sums(folder: Path) -> None:
    """Writes the checksums of all files below, which are synced on the way, and then itself."""
    lines = []
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            sync(path)
            lines.append((path.relative_to(folder).as_posix(), sha256_of(path)))
        sync(Path(place))
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(lines))
    write_private(folder / NAME, text.encode())
    sync(folder)


def check_sums(folder: Path) -> Mapping[str, Path]:
    """Reads every file whole, and returns them by their names.

    Raises `Failed(BACKUP_DAMAGED)` when one is gone, is no plain file, or holds other bytes.
    """
    sums = _sums(folder)
    for name, digest in sums.items():
        path = folder / name
        try:
            fits = not _has_link(folder, path) and sha256_of(path) == digest
        except (Failed, OSError):
            raise Failed(Reason.BACKUP_DAMAGED, file=name.rpartition("/")[2]) from None
        if not fits:
            raise Failed(Reason.BACKUP_DAMAGED, file=name.rpartition("/")[2])
    return {name: folder / name for name in sums}


def write_private(path: Path, content: bytes) -> None:
    """Writes a new owner-only file, durably."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sums(folder: Path) -> dict[str, str]:
    try:
        lines = (folder / NAME).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise Failed(Reason.BACKUP_DAMAGED, file=NAME) from None
    found = {}
    for line in lines:
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not _stays_inside(name):
            raise Failed(Reason.BACKUP_DAMAGED, file=NAME)
        found[name] = digest
    return found


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts


def _has_link(folder: Path, path: Path) -> bool:
    return any(part.is_symlink() for part in (path, *path.parents) if part.is_relative_to(folder))
