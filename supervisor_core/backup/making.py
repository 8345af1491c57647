"""Makes a backup: copied while the store stands still, read again, and only then given its name."""

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import duckdb

from supervisor_core.backup.contents import DAGSTER, MAIN, RESTRICTED, own_words
from supervisor_core.backup.copies import (
    Held,
    copy_database,
    copy_file,
    copy_sqlite,
    look_into,
    standing_still,
)
from supervisor_core.backup.shelf import ABOUT, Backup, alone_on, finished, part_of, require_outside
from supervisor_core.backup.sums import write_private, write_sums
from supervisor_core.faults import fault
from supervisor_core.home import Home
from supervisor_core.media.files import require_free, sync
from supervisor_core.pipeline.places import failed_from
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store.instance import Plain
from supervisor_core.store.restricted import Encrypted


@dataclass(frozen=True)
class Made:
    """A backup that was made; `held_s` is how long nobody could write to the store.

    `readable` is false when the encrypted file could not be opened: it was copied as it is.
    """

    backup: Backup
    size_bytes: int
    seconds: float
    held_s: float
    readable: bool


def back_up(home: Home, settings: Settings, folder: Path, now: datetime) -> Made:
    """Backs up a home into a new folder below `folder`.

    Raises `Failed`: NO_STORE, DISK_FULL before anything is written, STORE_BUSY, STORE_DAMAGED,
    BAD_CONFIGURATION, IO_ERROR. Then there is no new backup, and the old ones are as before.
    """
    if not (home.root / MAIN).is_file():
        raise Failed(Reason.NO_STORE)
    require_outside(home, folder)
    try:
        with alone_on(folder):
            _require_room(home, settings, folder)
            part = part_of(folder, now)
            try:
                return _Making(home, settings, part, now).make()
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
    except OSError as error:
        raise failed_from(error) from None


def _require_room(home: Home, settings: Settings, folder: Path) -> None:
    files = [home.root / name for name in (MAIN, RESTRICTED, *DAGSTER)]
    files += [path.with_name(f"{path.name}{log}") for path in files for log in (".wal", "-wal")]
    files += own_words(home, settings).values()
    size = sum(path.stat().st_size for path in files if path.is_file())
    require_free(folder, size, settings.reserve_bytes)


class _Making:
    def __init__(self, home: Home, settings: Settings, part: Path, now: datetime) -> None:
        self._home, self._settings, self._part, self._now = home, settings, part, now
        self._begun_s = time.monotonic()

    def make(self) -> Made:
        counted, held_s = self._copy_store()
        for name in DAGSTER:
            if (self._home.root / name).is_file():
                copy_sqlite(self._home.root / name, self._place(name))
        for name, path in own_words(self._home, self._settings).items():
            copy_file(path, self._place(name))
        fault("backup.copied")
        main = look_into("main", self._part / MAIN, Plain(), counted[MAIN])
        restricted = self._look_into_restricted(counted)
        self._say(main, restricted)
        write_sums(self._part)
        fault("backup.synced")
        path = finished(self._part)
        sync(path.parent)
        size = sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
        seconds = time.monotonic() - self._begun_s
        readable = restricted is not None or RESTRICTED not in counted
        return Made(Backup(path, self._now), size, seconds, held_s, readable)

    def _copy_store(self) -> tuple[Mapping[str, int], float]:
        """Both files as of one moment; which transactions they hold, and how long that took."""
        counted = {}
        with standing_still(self._home.store, self._settings.store_wait_s):
            begun_s = time.monotonic()
            for name in (MAIN, RESTRICTED):
                if (self._home.root / name).is_file():
                    counted[name] = copy_database(self._home.root / name, self._place(name))
            return counted, time.monotonic() - begun_s

    def _look_into_restricted(self, counted: Mapping[str, int]) -> Held | None:
        if RESTRICTED not in counted:
            return None
        how = Encrypted(self._home, self._settings)
        try:
            return look_into("restricted", self._part / RESTRICTED, how, counted[RESTRICTED])
        except Failed as failed:
            if failed.reason is not Reason.RESTRICTED_KEY_MISSING:
                raise
            return None

    def _say(self, main: Held, restricted: Held | None) -> None:
        about = {
            "format": 1,
            "made": self._now.isoformat(),
            "program": version("supervisor-assets"),
            "duckdb": duckdb.__version__,
            "main": asdict(main),
            "restricted": asdict(restricted) if restricted else None,
            "settings": sorted(self._settings.model_fields_set),
        }
        write_private(self._part / ABOUT, json.dumps(about, indent=1).encode())

    def _place(self, name: str) -> Path:
        place = self._part / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place
