"""The library: an export tree for people and media players, `stream/Season YYYY-MM/episode`.

Its files are second names (hard links) of files that lie elsewhere, or copies: across disks, and
where the operator wants them. A stream's folder bears a mark with the stream's exact name, so that
two streams whose names become equal in a file system get two folders.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from supervisor_core.home import Home
from supervisor_core.media.files import RESERVE_BYTES, open_regular
from supervisor_core.reasons import Failed
from supervisor_core.recording.names import episode_name, numbered, safe_name, started_of
from supervisor_core.recording.tree import alone_in, copy_into, enter, look_up
from supervisor_core.settings import Settings

MARK = ".stream"
FAVOURITE = ".favourite"
_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK})


@dataclass(frozen=True)
class Episode:
    """What a file is to be called; `part` is none where a recording is one file."""

    stream: str
    started: datetime
    part: int | None = None
    suffix: str = ".mp4"


@dataclass(frozen=True)
class Kept:
    """An episode in the library; its path is relative to the root."""

    path: Path
    stream: str
    started: datetime
    size_bytes: int
    favourite: bool


def root_of(home: Home, settings: Settings) -> Path:
    """Where the library lies: where the operator says, or in the home."""
    return (settings.recording_library or home.root / "library").absolute()


def add(
    source: Path,
    episode: Episode,
    root: Path,
    *,
    copies: bool = False,
    seasons: bool = True,
    reserve_bytes: int = RESERVE_BYTES,
) -> Path:
    """Gives a file its place in the library and returns that, relative to the root.

    A file that is there already keeps its place. Another file of the same name stays, and this one
    gets a number. Other processes that add something wait. Raises `Failed`: DISK_FULL for a copy,
    FILE_NOT_FOUND, or NOT_A_FILE when the source or a folder on the way is a link.
    """
    root.mkdir(parents=True, exist_ok=True)
    with alone_in(root) as top, ExitStack() as stack:
        way = [_stream_folder(episode.stream, top)]
        if seasons:
            way.append(f"Season {episode.started.astimezone(UTC):%Y-%m}")
        folder = top
        for step in way:
            folder = enter(step, folder, stack, make=True)
        name = episode_name(episode.stream, episode.started, episode.part, episode.suffix)
        for number in count(1):
            final = numbered(name, number, episode.suffix)
            if _is_there(source, final, folder):
                break
            if look_up(final, folder) is None:
                _place(source, final, folder, reserve_bytes, copies=copies)
                break
        return Path(*way, final)


def episodes(root: Path) -> list[Kept]:
    """Every episode of the library, oldest first; other files and links are not looked at."""
    if not root.is_dir():
        return []
    found: list[Kept] = []
    with ExitStack() as stack:
        top = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        stack.callback(os.close, top)
        for folder in _folders(top):
            with ExitStack() as inner, suppress(Failed):
                inside = enter(folder, top, inner)
                stream = _marked(inside) or folder
                found += _episodes(inside, Path(folder), stream)
                for season in _folders(inside):
                    with suppress(Failed):
                        deeper = enter(season, inside, inner)
                        found += _episodes(deeper, Path(folder, season), stream)
    return sorted(found, key=lambda kept: (kept.started, kept.path))


def _episodes(folder: int, path: Path, stream: str) -> Iterator[Kept]:
    names = set(os.listdir(folder))
    for name in names:
        started, status = started_of(name), look_up(name, folder)
        if started and status and stat.S_ISREG(status.st_mode):
            favourite = name + FAVOURITE in names
            yield Kept(path / name, stream, started, status.st_size, favourite)


def _folders(folder: int) -> list[str]:
    entries = ((name, look_up(name, folder)) for name in sorted(os.listdir(folder)))
    return [name for name, status in entries if status and stat.S_ISDIR(status.st_mode)]


def _stream_folder(stream: str, top: int) -> str:
    """The folder of a stream: the first that bears its mark, or no mark and is given it now."""
    for number in count(1):
        name = numbered(safe_name(stream), number)
        with ExitStack() as looking:
            folder = enter(name, top, looking, make=True)
            mark = _marked(folder)
            if mark is None:
                _write_mark(stream, folder)
            if mark in (None, stream):
                return name
    raise AssertionError


def _marked(folder: int) -> str | None:
    try:
        descriptor = open_regular(MARK, folder)
    except Failed:
        return None
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
        return file.read(10_000)


def _write_mark(stream: str, folder: int) -> None:
    part = f"{MARK}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(part, flags, 0o644, dir_fd=folder), "w", encoding="utf-8") as file:
        file.write(stream)
        file.flush()
        os.fsync(file.fileno())
    os.rename(part, MARK, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def _is_there(source: Path, name: str, folder: int) -> bool:
    """True for a second name of the same file, or a copy of it."""
    there, mine = look_up(name, folder), source.lstat()
    if there is None or not stat.S_ISREG(there.st_mode):
        return False
    return os.path.samestat(there, mine) or (
        (there.st_size, there.st_mtime_ns) == (mine.st_size, mine.st_mtime_ns)
    )


def _place(source: Path, name: str, folder: int, reserve_bytes: int, *, copies: bool) -> None:
    descriptor = open_regular(source)  # refuses links
    if copies or not _linked(source, name, folder):
        copy_into(descriptor, folder, name, reserve_bytes)
    else:
        os.close(descriptor)


def _linked(source: Path, name: str, folder: int) -> bool:
    """Gives the file a second name; false on another disk, or one that knows no second names."""
    try:
        os.link(source, name, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        return False
    os.fsync(folder)
    return True
