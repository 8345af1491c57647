"""One DuckDB file: opened for one transaction, under its lock, never made over a damaged one."""

import re
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import duckdb

from supervisor_core.faults import fault
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store.instance import CONFIG, Connection, Format, attached
from supervisor_core.store.ledger import Ledger
from supervisor_core.store.lock import FairLock

__all__ = ["Connection", "Database", "open_plain", "told"]

_DAMAGE = (duckdb.IOException, duckdb.SerializationException, duckdb.FatalException)

_inside = threading.local()


@dataclass(frozen=True)
class Database:
    """A DuckDB file with its migrations, its lock and its way of being opened."""

    name: str
    path: Path
    format: Format
    wait_s: float

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only connection under the shared lock."""
        with (
            self._locked(shared=True),
            told(self.name),
            attached(self.path, self.format, read_only=True) as connection,
        ):
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction under the exclusive lock; any exception rolls it back."""
        with (
            self._locked(shared=False),
            told(self.name),
            attached(self.path, self.format, read_only=False) as connection,
        ):
            connection.execute("BEGIN TRANSACTION")
            number = self.ledger.begin(connection)
            yield connection
            fault("store.before_commit")
            connection.execute("COMMIT")
            fault("store.after_commit")
            self.ledger.count(number)

    @contextmanager
    def still(self) -> Iterator[None]:
        """The shared lock alone: in the block nobody changes the file or what lies beside it."""
        with self._locked(shared=True):
            yield

    def prepare(self) -> None:
        """Makes the file, or brings its tables up to date; safe to call from many processes.

        What is missing is made in the order of its number, also below one that is there: numbers
        are given out when a change is begun, not when it is finished.
        """
        wanted = _migrations(self.name)
        if self.path.exists():
            with self.read() as connection:
                if not self._missing(connection, wanted):
                    return
        else:
            self._make()
        with self.write() as connection:
            for version in self._missing(connection, wanted):
                connection.execute(wanted[version])
                connection.execute("INSERT INTO migration VALUES (?)", [version])

    def _make(self) -> None:
        """Makes the file under another name first: a kill half-way leaves nothing broken."""
        with self._locked(shared=False), told(self.name):
            if self.path.exists():
                return
            if counted := self.ledger.counted():
                raise Failed(Reason.STORE_DAMAGED, store=self.name, file="gone", counted=counted)
            unfinished = self.path.with_suffix(".part")
            for leftover in (unfinished, Path(f"{unfinished}.wal")):
                leftover.unlink(missing_ok=True)
            with attached(unfinished, self.format, read_only=False, keep=False) as connection:
                connection.execute("CREATE TABLE migration (version INTEGER NOT NULL)")
                connection.execute("CREATE TABLE ledger (transactions BIGINT NOT NULL)")
                connection.execute("INSERT INTO ledger VALUES (0)")
            fault("store.made")
            unfinished.rename(self.path)

    @property
    def ledger(self) -> Ledger:
        """How many transactions the file must hold at least."""
        return Ledger(self.path.with_suffix(".count"))

    def _missing(self, connection: Connection, wanted: Mapping[int, str]) -> list[int]:
        """Which migrations the file has not had, in order."""
        rows = connection.execute("SELECT version FROM migration").fetchall()
        had = {int(row[0]) for row in rows}
        if newer := had - wanted.keys():
            raise Failed(
                Reason.BAD_CONFIGURATION, store_version=max(newer), known_version=max(wanted)
            )
        return sorted(wanted.keys() - had)

    @contextmanager
    def _locked(self, *, shared: bool) -> Iterator[None]:
        """The lock; in a thread one transaction at a time, as an inner one would wait in vain."""
        if getattr(_inside, "busy", False):
            raise Failed(Reason.INTERNAL_ERROR, place="store:nested_transaction")
        lock = FairLock(self.path.parent, self.name)
        with lock.hold(shared=shared, wait_s=self.wait_s):
            _inside.busy = True
            try:
                yield
            finally:
                _inside.busy = False


def known_steps(name: str) -> frozenset[int]:
    """The steps of a database's shape that this program knows."""
    return frozenset(_migrations(name))


def open_plain(path: Path, read_only: bool) -> Connection:
    """Opens an unencrypted file that can reach no other file."""
    config = CONFIG | {"enable_external_access": "false"}
    connection = duckdb.connect(str(path), read_only=read_only, config=config)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@contextmanager
def told(name: str) -> Iterator[None]:
    """Turns what DuckDB says about a file into one of our reasons; its texts carry paths."""
    try:
        yield
    except duckdb.Error as error:
        if "Wrong encryption key" in str(error):
            raise Failed(Reason.RESTRICTED_KEY_MISSING, key="does_not_fit") from None
        reason = _reason(error)
        raise Failed(reason, store=name, error=type(error).__name__, place=_place(error)) from None
    except RuntimeError as error:
        # What DuckDB makes of any signal that breaks into a query.
        if str(error) != "Query interrupted":
            raise
        raise Failed(Reason.CANCELLED, store=name) from None


def _reason(error: duckdb.Error) -> Reason:
    if isinstance(error, duckdb.InterruptException):
        return Reason.CANCELLED
    # A commit tells it as an error of the transaction.
    if "No space left" in str(error):
        return Reason.DISK_FULL
    # An encrypted block that does not fit its checksum is told as a matter of the key.
    if isinstance(error, _DAMAGE) or "AES tag" in str(error):
        return Reason.STORE_DAMAGED
    return Reason.INTERNAL_ERROR


def _place(error: BaseException) -> str:
    """Where in our own code an error came up, as `module:line`."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).stem}:{frame.lineno}"


def _migrations(name: str) -> dict[int, str]:
    """The numbered SQL of one database: `<name>_<number>_<word>.sql`."""
    found = {}
    for entry in files("supervisor_core.store").joinpath("migrations").iterdir():
        if match := re.fullmatch(rf"{name}_(\d+)_\w+\.sql", entry.name):
            if int(match[1]) in found:
                raise Failed(Reason.INTERNAL_ERROR, migration_twice=int(match[1]))
            found[int(match[1])] = entry.read_text("utf-8")
    return found
