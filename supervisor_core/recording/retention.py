"""What may stay in the library, and how the rest goes: to the trash, file by file, never through a
link, never from outside the library."""

import os
import re
import stat
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from supervisor_core.media.files import RESERVE_BYTES
from supervisor_core.media.taking import open_folder
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.library import FAVOURITE, Kept
from supervisor_core.recording.streams import Keep
from supervisor_core.recording.tree import alone_in, enter, look_up, throw_away

# What media players and their helpers lay beside an episode or into a folder.
_BESIDE = (".nfo", ".jpg", "-thumb.jpg")
_ARTWORK = re.compile(
    r"(poster|folder|fanart|banner|season[^/]{0,40})\.(jpg|png)|(season|tvshow)\.nfo"
    r"|\.DS_Store|Thumbs\.db|desktop\.ini",
    re.IGNORECASE,
)


def plan_retention(
    episodes: Sequence[Kept], keep: Keep, now: datetime, favourites: Collection[Path] = ()
) -> list[Kept]:
    """Which episodes of one stream go, oldest first.

    The files of one recording stay or go together. Favourites always stay: they don't count, but
    their bytes do. For its bytes alone the newest recording never goes.
    """
    newest_first = sorted(episodes, key=lambda kept: (kept.started, kept.path), reverse=True)
    total_bytes = sum(kept.size_bytes for kept in episodes if _is_loved(kept, favourites))
    going: list[Kept] = []
    number = 0
    for started, files in groupby(newest_first, key=lambda kept: kept.started):
        group = list(files)
        if any(_is_loved(kept, favourites) for kept in group):
            total_bytes += sum(kept.size_bytes for kept in group if not _is_loved(kept, favourites))
            continue
        total_bytes += sum(kept.size_bytes for kept in group)
        too_large = keep.bytes is not None and total_bytes > keep.bytes and number > 0
        too_many = keep.count is not None and number >= keep.count
        too_old = keep.days is not None and now - started > timedelta(days=keep.days)
        if too_large or too_many or too_old:
            going += group
        number += 1
    return going[::-1]


def _is_loved(kept: Kept, favourites: Collection[Path]) -> bool:
    return kept.favourite or kept.path in favourites


def discard(
    going: Iterable[Kept], root: Path, trash: Path, reserve_bytes: int = RESERVE_BYTES
) -> list[Kept]:
    """Moves episodes, and what lies beside them under their names, to the trash; returns those.

    One that has become a favourite meanwhile, or is gone, is left out. Folders of seasons in which
    nothing is left but artwork and links go as well. Raises `Failed`: NOT_A_FILE when a folder on
    the way is a link, DISK_FULL when the trash is on another disk without room.
    """
    gone = []
    with alone_in(root):
        for kept in going:
            names = _names_of(kept, root)
            for name in names:
                throw_away(root / kept.path.with_name(name), root, trash, reserve_bytes)
            if names:
                gone.append(kept)
        for season in {kept.path.parent for kept in gone}:
            _remove_if_empty(season, root, trash, reserve_bytes)
    return gone


def _names_of(kept: Kept, root: Path) -> list[str]:
    """An episode's file and those beside it that go with it; none if it has to stay."""
    name, stem = kept.path.name, kept.path.stem
    with ExitStack() as stack:
        try:
            folder = open_folder(root / kept.path, root, stack)
        except Failed as failed:
            if failed.reason is Reason.FILE_NOT_FOUND:
                return []
            raise
        status = look_up(name, folder)
        loved = look_up(name + FAVOURITE, folder) is not None
        if loved or status is None or not stat.S_ISREG(status.st_mode):
            return []
        return [name, *(stem + end for end in _BESIDE if look_up(stem + end, folder))]


def _remove_if_empty(season: Path, root: Path, trash: Path, reserve_bytes: int) -> None:
    """Removes `stream/Season ...` if nobody would miss anything in it, never the root itself."""
    if len(season.parts) != 2:
        return
    with ExitStack() as stack, suppress(Failed):
        folder = enter(season.name, open_folder(root / season, root, stack), stack)
        links, files = _contents(folder)
        if not all(_ARTWORK.fullmatch(name) for name in files):
            return
        for name in links:
            os.unlink(name, dir_fd=folder)
        for name in files:
            throw_away(root / season / name, root, trash, reserve_bytes)
        with suppress(OSError):  # something new has come meanwhile
            os.rmdir(season.name, dir_fd=open_folder(root / season, root, stack))


def _contents(folder: int) -> tuple[list[str], list[str]]:
    """The names of links, and of all else; a folder's name ends with a slash."""
    links, others = [], []
    for name in os.listdir(folder):
        status = look_up(name, folder)
        if status and stat.S_ISLNK(status.st_mode):
            links.append(name)
        elif status:
            others.append(name if stat.S_ISREG(status.st_mode) else f"{name}/")
    return links, others
