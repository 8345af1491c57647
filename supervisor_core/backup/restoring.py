"""The way back: a backup is read whole, made ready beside the store, and then changes places.

Until all is ready the store is as it was. What was there goes to trash/, nothing is deleted.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from supervisor_core.backup.contents import DAGSTER, MAIN, RESTRICTED, WORDS, words_places
from supervisor_core.backup.copies import copy_file, look_into
from supervisor_core.backup.shelf import Backup
from supervisor_core.backup.sums import check_sums
from supervisor_core.home import Home
from supervisor_core.media.files import publish, require_free, sync
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store.database import Connection, Database
from supervisor_core.store.instance import Format, Plain
from supervisor_core.store.ledger import Ledger
from supervisor_core.store.restricted import Encrypted
from supervisor_core.store.swap import STAGE, Move, finish_swap, is_pending, swap

_LOGS = {".duckdb": (".wal",), ".db": ("-wal", "-shm")}


@dataclass(frozen=True)
class Restored:
    """What came back: rows of the main store by table, and the operator's files that were missing.

    `identifiers` is false where the encrypted file was left out, for want of its key.
    """

    rows: Mapping[str, int]
    identifiers: bool
    words: tuple[str, ...]


def restore(
    home: Home,
    settings: Settings,
    backup: Backup,
    now: datetime,
    *,
    identifiers: bool = True,
    peek: Callable[[Connection], None] | None = None,
    dry_run: bool = False,
) -> Restored:
    """Puts the store, Dagster's databases and missing files of the operator back.

    Without `identifiers` the encrypted file is left out: a new one is made when it is needed. The
    caller sees to it that nothing works in this home; `peek` is shown the main store that is to
    come. Raises `Failed` before anything has changed:
    BACKUP_DAMAGED, RESTRICTED_KEY_MISSING, BAD_CONFIGURATION for one of a newer program, DISK_FULL.
    """
    files = check_sums(backup.path)
    backup.about()
    if MAIN not in files:
        raise Failed(Reason.BACKUP_DAMAGED, file=MAIN.rpartition("/")[2])
    wait_s = settings.store_wait_s
    finish_swap(home, wait_s)
    _trash(home)
    _require_room(home, settings, files)
    with _stage(home) as stage:
        staged = _copied(stage, files, identifiers=identifiers)
        rows = _made_ready(home, settings, stage)
        missing = _missing_words(home, settings, files)
        if peek is not None:
            with Database("main", stage / MAIN, Plain(), wait_s).read() as connection:
                peek(connection)
        if not dry_run:
            away = f"{_trash(home)}/restored-{now:%Y%m%dT%H%M%S%f}"
            moves = list(_moves(home, staged, away, identifiers=identifiers))
            swap(home, moves, wait_s)
            _put_words(missing)
    known = identifiers and (RESTRICTED in files)
    return Restored(rows, known, tuple(name for name, *_ in missing))


def _trash(home: Home) -> str:
    """Where what is there goes by a rename; raises `Failed(BAD_CONFIGURATION)`."""
    if home.dagster.stat().st_dev != home.store.stat().st_dev:
        raise Failed(Reason.BAD_CONFIGURATION, setting="home", error="dagster_on_another_disk")
    return "trash" if home.trash.stat().st_dev == home.store.stat().st_dev else "store"


def _require_room(home: Home, settings: Settings, files: Mapping[str, Path]) -> None:
    size = sum(path.stat().st_size for path in files.values())
    require_free(home.store, size, settings.reserve_bytes)


@contextmanager
def _stage(home: Home) -> Iterator[Path]:
    """A folder beside the store in which nobody looks; what a kill has left there goes."""
    stage = home.store / STAGE
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(mode=0o700)
    try:
        yield stage
    finally:
        if not is_pending(home):
            shutil.rmtree(stage, ignore_errors=True)


def _copied(stage: Path, files: Mapping[str, Path], *, identifiers: bool) -> list[str]:
    wanted = [name for name in (MAIN, *DAGSTER) if name in files]
    if identifiers and RESTRICTED in files:
        wanted.append(RESTRICTED)
    for name in wanted:
        place = stage / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy_file(files[name], place)
    return wanted


def _made_ready(home: Home, settings: Settings, stage: Path) -> Mapping[str, int]:
    """Opens both, brings them up to date, and writes down how many transactions they hold."""
    ways: dict[str, tuple[str, Format]] = {
        MAIN: ("main", Plain()),
        RESTRICTED: ("restricted", Encrypted(home, settings)),
    }
    rows: Mapping[str, int] = {}
    for file, (name, how) in ways.items():
        path = stage / file
        if not path.is_file():
            continue
        Database(name, path, how, settings.store_wait_s).prepare()
        held = look_into(name, path, how)
        Ledger(path.with_suffix(".count")).count(held.transactions)
        rows = rows or held.rows
    for path in (path for path in stage.rglob("*") if path.is_file()):
        sync(path)
    return rows


def _moves(home: Home, staged: list[str], away: str, *, identifiers: bool) -> Iterator[Move]:
    for name in staged:
        suffix = Path(name).suffix
        for log in _LOGS[suffix]:
            yield Move(f"{name}{log}", f"{away}/{name}{log}", None)
        if suffix == ".duckdb":
            count = f"{name.removesuffix(suffix)}.count"
            yield Move(count, f"{away}/{count}", f"store/{STAGE}/{count}")
        (home.root / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield Move(name, f"{away}/{name}", f"store/{STAGE}/{name}")
    if not identifiers:
        stem = RESTRICTED.removesuffix(".duckdb")
        for name in (f"{stem}.count", f"{RESTRICTED}.wal", RESTRICTED):
            yield Move(name, f"{away}/{name}", None)


def _missing_words(
    home: Home, settings: Settings, files: Mapping[str, Path]
) -> list[tuple[str, Path, Path]]:
    """The operator's files that are not there any more; those that are stay as they are."""
    found = []
    places = words_places(home, settings)
    for name, path in files.items():
        top, _, inside = name.removeprefix(f"{WORDS}/").partition("/")
        if name.startswith(f"{WORDS}/") and top in places:
            place = places[top] / inside if inside else places[top]
            if not place.exists():
                found.append((name.removeprefix(f"{WORDS}/"), path, place))
    return found


def _put_words(missing: list[tuple[str, Path, Path]]) -> None:
    for _, path, place in missing:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f"{place.name}.part")
        part.unlink(missing_ok=True)
        copy_file(path, part)
        publish(part, place)
