"""What lies in the recordings and belongs to nobody, and how it goes: never much of it at once."""

import fcntl
import os
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum, auto
from pathlib import Path

from supervisor_core.media.files import PART_SUFFIX, RESERVE_BYTES
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.tree import throw_away

OLDER_THAN_S = 86_400.0  # what somebody may still be working on is younger
_SHARE_MAX = 0.5


class Kind(StrEnum):
    """What an orphan is."""

    SESSION = auto()  # a folder of segments that the store does not know
    PART = auto()  # half a file in the folder of a session that is over
    STRAY = auto()  # anything else between the sessions' folders
    TRASH = auto()  # was thrown away already; only shown, a person empties the trash


@dataclass(frozen=True)
class Orphan:
    """Something that belongs to nobody; `age_s` is since it was changed last."""

    path: Path
    kind: Kind
    files: int
    size_bytes: int
    age_s: float


@dataclass(frozen=True)
class Total:
    """How much there is."""

    files: int = 0
    size_bytes: int = 0


def find_orphans(
    recordings: Path,
    known: Collection[str],
    *,
    open_: Collection[str] = (),
    trash: Path | None = None,
    older_than_s: float = OLDER_THAN_S,
) -> list[Orphan]:
    """Lists what the store does not know in the folder of recordings, and what lies in the trash.

    `known` are the keys of all sessions, `open_` those that are not over: half a file of theirs is
    still wanted. Folders in which a recorder is, and what is younger than `older_than_s`, are left
    out. Links are never followed.
    """
    now_s = time.time()
    found = [_orphan(path, kind, now_s) for path, kind in _lost(recordings, known, open_)]
    found = [orphan for orphan in found if orphan.age_s >= older_than_s]
    if trash is not None and trash.is_dir():
        found += [_orphan(path, Kind.TRASH, now_s) for path in sorted(trash.iterdir())]
    return found


def total_of(folder: Path) -> Total:
    """How many files a folder holds, and how many bytes."""
    files, size_bytes, _ = _measure(folder)
    return Total(files, size_bytes)


def remove(
    orphans: Sequence[Orphan],
    recordings: Path,
    trash: Path,
    total: Total,
    *,
    dry_run: bool = True,
    reserve_bytes: int = RESERVE_BYTES,
) -> list[Orphan]:
    """Moves orphans to the trash and returns those; what lies there already stays.

    Raises `Failed`: CLEANUP_TOO_LARGE, before anything is moved and in a dry run as well, when it
    is more than half of all files or bytes; DISK_FULL when the trash is on another disk.
    """
    going = [orphan for orphan in orphans if orphan.kind is not Kind.TRASH]
    files, size_bytes = sum(one.files for one in going), sum(one.size_bytes for one in going)
    if files > _SHARE_MAX * total.files or size_bytes > _SHARE_MAX * total.size_bytes:
        raise Failed(Reason.CLEANUP_TOO_LARGE, files=files, of=total.files)
    if not dry_run:
        for orphan in going:
            throw_away(orphan.path, recordings, trash, reserve_bytes)
    return going


def _lost(
    recordings: Path, known: Collection[str], open_: Collection[str]
) -> Iterator[tuple[Path, Kind]]:
    for path in sorted(recordings.iterdir()):
        if path.is_symlink() or not path.is_dir():
            yield path, Kind.STRAY
        elif _is_held(path):
            continue
        elif path.name not in known:
            yield path, Kind.SESSION
        elif path.name not in open_:
            yield from ((part, Kind.PART) for part in _parts(path))


def _parts(session: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(session):
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(PART_SUFFIX))


def _is_held(folder: Path) -> bool:
    """True while a recorder is in it: see `segment_file.Folder.alone`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _orphan(path: Path, kind: Kind, now_s: float) -> Orphan:
    files, size_bytes, changed_s = _measure(path)
    return Orphan(path, kind, files, size_bytes, max(0.0, now_s - changed_s))


def _measure(path: Path) -> tuple[int, int, float]:
    """Files, bytes, and when anything in it was changed last."""
    status = path.lstat()
    if path.is_symlink() or not path.is_dir():
        return 1, status.st_size, status.st_mtime
    files, size_bytes, changed_s = 0, 0, status.st_mtime
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):
                status = Path(folder, name).lstat()
                files, size_bytes = files + 1, size_bytes + status.st_size
                changed_s = max(changed_s, status.st_mtime)
    return files, size_bytes, changed_s
