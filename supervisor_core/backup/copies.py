"""Copies of databases as of one moment, and what is in them.

DuckDB's files are copied under their locks, which only readers share meanwhile; Dagster's by
SQLite's own backup, page by page, while anybody writes.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from supervisor_core.reasons import Failed, Reason
from supervisor_core.store.database import Connection, Database
from supervisor_core.store.instance import Format
from supervisor_core.store.ledger import Ledger
from supervisor_core.store.lock import FairLock

_BESIDE = (".lock", ".turnstile", ".count")
_LOCK_S = 30.0


@dataclass(frozen=True)
class Held:
    """What one database holds: its transactions, the steps of its shape, rows by table."""

    transactions: int
    migrations: tuple[int, ...]
    rows: dict[str, int]


@contextmanager
def standing_still(store: Path, wait_s: float) -> Iterator[None]:
    """Nobody writes to either database for the block; raises `Failed(STORE_BUSY)`."""
    with (
        FairLock(store, "main").hold(shared=True, wait_s=wait_s),
        FairLock(store, "restricted").hold(shared=True, wait_s=wait_s),
    ):
        yield


def copy_file(source: Path, target: Path) -> None:
    """Copies to a new owner-only file; what is synced is synced later."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with source.open("rb") as read, os.fdopen(os.open(target, flags, 0o600), "wb") as written:
        shutil.copyfileobj(read, written, 1 << 20)


def copy_database(source: Path, target: Path) -> int:
    """Copies a DuckDB file and its log under the lock; returns the transactions it should hold."""
    counted = Ledger(source.with_suffix(".count")).counted()
    copy_file(source, target)
    log = source.with_name(f"{source.name}.wal")
    if log.is_file():
        copy_file(log, target.with_name(log.name))
    return counted


def look_into(name: str, path: Path, how: Format, counted: int = 0) -> Held:
    """Opens a copy and reads every row of it; its log, if there is one, is taken in first.

    Raises `Failed`: STORE_DAMAGED, also when it holds fewer transactions than were counted;
    RESTRICTED_KEY_MISSING.
    """
    copy = Database(name, path, how, _LOCK_S)
    try:
        if path.with_name(f"{path.name}.wal").is_file():
            with copy.write():
                pass
        with copy.read() as connection:
            held = _held(connection)
    finally:
        for suffix in _BESIDE:
            path.with_name(f"{name if suffix != '.count' else path.stem}{suffix}").unlink(True)
    if held.transactions < counted:
        raise Failed(Reason.STORE_DAMAGED, transactions=held.transactions, counted=counted)
    return held


def copy_sqlite(source: Path, target: Path) -> None:
    """Copies a SQLite file that others write to; raises `Failed(STORE_DAMAGED)`."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with (
            closing(sqlite3.connect(source, timeout=_LOCK_S)) as read,
            closing(sqlite3.connect(target)) as written,
        ):
            read.backup(written)
            (said,) = written.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise Failed(Reason.STORE_DAMAGED, store=target.stem, error=type(error).__name__) from None
    if said != "ok":
        raise Failed(Reason.STORE_DAMAGED, store=target.stem)


def _held(connection: Connection) -> Held:
    names = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() ORDER BY 1"
    ).fetchall()
    rows = {}
    for (name,) in names:
        # A hash of every row has every block read, and so compared with its checksum.
        found = connection.execute(
            f'SELECT count(*), bit_xor(hash(every_row)) FROM "{name}" AS every_row'  # noqa: S608
        ).fetchone()
        rows[str(name)] = int(found[0]) if found else 0
    transactions = connection.execute("SELECT transactions FROM ledger").fetchone() or (0,)
    versions = connection.execute("SELECT version FROM migration ORDER BY 1").fetchall()
    return Held(int(transactions[0]), tuple(int(row[0]) for row in versions), rows)
