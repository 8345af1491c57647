"""`sql`: questions to the store that can change nothing and reach nothing else.

The query works on a copy that is made under the store's lock: a long one holds nobody up. The copy
is opened read-only, can open no other file, and can't be told to; the restricted file is not there.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import duckdb

from supervisor_assets.cli import say
from supervisor_assets.cli.edge import Usage
from supervisor_assets.cli.installation import existing_home
from supervisor_assets.cli.owned import owned_folder
from supervisor_core.settings import Settings
from supervisor_core.store import Connection, Store
from supervisor_core.store.database import open_plain

_NAME = "supervisor.duckdb"
_BATCH = 10_000


def run(query: str, *, as_json: bool) -> None:
    """Answers the query; raises `Usage` with what the database says against it."""
    settings = Settings.load()
    home = existing_home(settings)
    with _copy(Store(home, settings), home.store) as connection:
        try:
            cursor = connection.execute(query)
            names = _unique([column[0] for column in cursor.description or ()])
            (_print_json if as_json else _print)(cursor, names)
        except duckdb.Error as error:
            raise Usage(_first_words(error)) from None
        except RuntimeError:  # what DuckDB makes of an interrupt
            raise KeyboardInterrupt from None


@contextmanager
def _copy(store: Store, folder: Path) -> Iterator[Connection]:
    with owned_folder(folder, ".query-") as place:
        with store.read():
            for path in folder.glob(f"{_NAME}*"):
                shutil.copyfile(path, place / path.name)
        # A killed writer may have left a log of changes: opening for writing takes them in.
        open_plain(place / _NAME, False).close()
        connection = open_plain(place / _NAME, True)
        try:
            connection.execute("SET lock_configuration = true")
            yield connection
        finally:
            connection.close()


def _print(cursor: Connection, names: list[str]) -> None:
    if sys.stdout.isatty():
        say.table(names, [[_plain(cell) for cell in row] for row in cursor.fetchall()])
        return
    say.data("\t".join(map(say.shown, names)))
    while rows := cursor.fetchmany(_BATCH):
        for row in rows:
            say.data("\t".join("" if cell is None else say.shown(_plain(cell)) for cell in row))


def _print_json(cursor: Connection, names: list[str]) -> None:
    say.data_json([dict(zip(names, map(_plain, row), strict=True)) for row in cursor.fetchall()])


def _plain(cell: Any) -> Any:
    """The value as JSON knows it: what it does not know becomes text."""
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    try:
        json.dumps(cell, allow_nan=False)
    except (TypeError, ValueError):
        return str(cell)
    return cell


def _unique(names: list[str]) -> list[str]:
    """Column names of which none is there twice."""
    used: dict[str, int] = {}
    unique = []
    for name in names:
        used[name] = used.get(name, 0) + 1
        unique.append(name if used[name] == 1 else f"{name}_{used[name]}")
    return unique


def _first_words(error: duckdb.Error) -> str:
    return say.shown(str(error).strip().splitlines()[0])
