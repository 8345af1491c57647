"""The store's two files and the three ways to open them.

A connection lives for one transaction; whatever computes happens outside. No transaction spans both
files, since DuckDB commits one at a time: what must not be lost goes to the restricted file first.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime

from supervisor_core.clock import Clock, utc_now
from supervisor_core.home import Home
from supervisor_core.journal import Journal, noting
from supervisor_core.settings import Settings
from supervisor_core.store.database import Connection, Database
from supervisor_core.store.instance import Plain
from supervisor_core.store.restricted import Encrypted
from supervisor_core.store.swap import finish_swap


class Store:
    """Both databases of one home, made or brought up to date when the store is opened."""

    def __init__(self, home: Home, settings: Settings, clock: Clock = utc_now) -> None:
        wait_s = settings.store_wait_s
        self.home = home
        self.clock = clock
        finish_swap(home, wait_s)
        self._main = Database("main", home.store / "supervisor.duckdb", Plain(), wait_s)
        self._restricted = Database(
            "restricted", home.store / "restricted.duckdb", Encrypted(home, settings), wait_s
        )
        self._main.prepare()
        self._restricted_ready = False
        self._journal = Journal(home.logs)

    def now(self) -> datetime:
        """The present moment by the store's clock."""
        return self.clock()

    def read(self) -> AbstractContextManager[Connection]:
        """A read-only connection to the main file under the shared lock."""
        return self._main.read()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction on the main file under the exclusive lock; exceptions roll it back.

        What was noted in it (`journal.note`) is written to the journal once it is in the store.
        """
        with noting() as events, self._main.write() as connection:
            yield connection
        self._journal.write(events)

    def restricted(self) -> AbstractContextManager[Connection]:
        """One transaction on the encrypted file under its own exclusive lock."""
        if not self._restricted_ready:
            self._restricted.prepare()
            self._restricted_ready = True
        return self._restricted.write()
