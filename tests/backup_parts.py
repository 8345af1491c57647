"""A home that is backed up, loses its store, and gets it back."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pipeline_parts import House

from supervisor_core.backup.found_again import FoundAgain, look_for_files
from supervisor_core.backup.making import Made, back_up
from supervisor_core.backup.restoring import restore
from supervisor_core.backup.shelf import Backup
from supervisor_core.reasons import Failed, Reason

INDEX = "dagster/history/runs/index.db"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def made_of(house: House, folder: Path | None = None) -> Made:
    into = folder or house.folder / "backups"
    return back_up(house.home, house.settings, into, house.store.now())


def write_index(house: House, word: str) -> None:
    """Dagster's database as its writers leave it: most of it in its log."""
    path = house.home.root / INDEX
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS said (word TEXT)")
        connection.execute("INSERT INTO said VALUES (?)", [word])
        connection.commit()


def index_says(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT word FROM said").fetchall()]


def lose_store(house: House) -> None:
    shutil.rmtree(house.home.store)
    house.home.store.mkdir(mode=0o700)


def come_back(house: House, backup: Backup, **how: bool) -> tuple[House, FoundAgain]:
    restore(house.home, house.settings, backup, house.store.now(), **how)
    again = House(house.folder, clock=house.clock)
    return again, again.pipeline.do(look_for_files)


def reason_of(call: object, *arguments: object, **more: object) -> Reason:
    with pytest.raises(Failed) as failed:
        call(*arguments, **more)  # type: ignore[operator]
    return failed.value.reason
