"""Where backups lie, which there are, and which of them are kept.

A backup is a folder `supervisor-<UTC moment>`. It gets that name when it is complete and was read
again, so whatever has the name counts; `.part` folders are what a kill has left.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from supervisor_core.home import PRIVATE_FOLDERS, PUBLIC_FOLDERS, Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store.lock import hold_file

ABOUT = "backup.json"
_NAME = re.compile(r"supervisor-(\d{8}T\d{6})Z(-\d+)?")
_MOMENT = "%Y%m%dT%H%M%S"
_GOING = ".going"
_PART = ".part"
_OURS = frozenset((*PRIVATE_FOLDERS, *PUBLIC_FOLDERS))


@dataclass(frozen=True)
class Backup:
    """A complete backup and when it was begun."""

    path: Path
    made: datetime

    def about(self) -> Mapping[str, Any]:
        """What it says of itself; raises `Failed(BACKUP_DAMAGED)`."""
        try:
            found = json.loads((self.path / ABOUT).read_text("utf-8"))
        except (OSError, ValueError):
            raise Failed(Reason.BACKUP_DAMAGED, file=ABOUT) from None
        if not isinstance(found, dict) or found.get("format") != 1:
            raise Failed(Reason.BACKUP_DAMAGED, file=ABOUT, error="format")
        return found


def shelf_of(home: Home, settings: Settings) -> Path:
    """The folder of the nightly backups."""
    return settings.backup_folder or home.root / "backups"


def backups_in(folder: Path) -> list[Backup]:
    """The backups of a folder, the newest first; none where there is no folder."""
    if not folder.is_dir():
        return []
    names = ((path, _NAME.fullmatch(path.name)) for path in folder.iterdir() if path.is_dir())
    found = [Backup(path, _moment(match[1])) for path, match in names if match]
    return sorted(found, key=lambda one: (one.made, len(one.path.name), one.path.name))[::-1]


def find_backup(word: str, home: Home, settings: Settings) -> Backup:
    """The backup that a person means: a folder, a name, or `latest`.

    Raises `Failed(FILE_NOT_FOUND)`.
    """
    there = backups_in(shelf_of(home, settings))
    if word == "latest" and there:
        return there[0]
    path = Path(word).absolute()
    for one in (*there, *backups_in(path.parent)):
        if word == one.path.name or path == one.path.absolute():
            return Backup(one.path.resolve(), one.made)
    raise Failed(Reason.FILE_NOT_FOUND)


@contextmanager
def alone_on(shelf: Path) -> Iterator[None]:
    """Nobody else makes a backup there meanwhile; what a kill has left is gone.

    Raises `Failed(STORE_BUSY)`.
    """
    shelf.mkdir(mode=0o700, parents=True, exist_ok=True)
    with hold_file(shelf / ".backup.lock") as ours:
        if not ours:
            raise Failed(Reason.STORE_BUSY, wait_s=0)
        for path in shelf.glob("supervisor-*"):
            if path.name.endswith((_PART, _GOING)):
                shutil.rmtree(path)
        yield


def part_of(shelf: Path, made: datetime) -> Path:
    """A new folder for a backup of this moment, until it is complete."""
    name, number = f"supervisor-{made.astimezone(UTC):{_MOMENT}}Z", 2
    taken = name
    while (shelf / taken).exists():
        taken, number = f"{name}-{number}", number + 1
    part = shelf / f"{taken}{_PART}"
    part.mkdir(mode=0o700)
    return part


def finished(part: Path) -> Path:
    """Gives a complete backup its name."""
    return part.rename(part.with_name(part.name.removesuffix(_PART)))


def drop_old(shelf: Path, daily: int, weekly: int) -> list[Backup]:
    """Deletes the backups that are not kept, and returns them."""
    there = backups_in(shelf)
    keep = kept(there, daily, weekly)
    going = [one for one in there if one not in keep]
    for one in going:
        gone = one.path.rename(f"{one.path}{_GOING}")
        shutil.rmtree(gone)
    return going


def kept(backups: Iterable[Backup], daily: int, weekly: int) -> set[Backup]:
    """The last backup of each of so many days, and of each of so many weeks.

    Days and weeks without a backup don't count, so old backups never go without new ones.
    """
    days: dict[object, Backup] = {}
    weeks: dict[object, Backup] = {}
    for one in sorted(backups, key=lambda one: (one.made, one.path.name), reverse=True):
        days.setdefault(one.made.date(), one)
        weeks.setdefault(one.made.isocalendar()[:2], one)
    return {*list(days.values())[:daily], *list(weeks.values())[:weekly]}


def require_outside(home: Home, folder: Path) -> None:
    """Raises `Failed(BAD_CONFIGURATION)` for a folder that belongs to something else."""
    inside = Path(os.path.realpath(folder))
    root = Path(os.path.realpath(home.root))
    if inside == root or (inside.is_relative_to(root) and inside.parts[len(root.parts)] in _OURS):
        raise Failed(Reason.BAD_CONFIGURATION, setting="backup_folder")


def _moment(text: str) -> datetime:
    return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)
