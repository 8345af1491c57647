"""One published copy as the pages read it: attached read-only, with the table `item` in memory.

DuckDB reads the copy through its open file: a newer one may take its place at any moment.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from typing import Any

import duckdb

from gallery.snapshot.narrowed import prepare
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store.database import Connection, told
from supervisor_core.store.instance import CONFIG, quoted
from supervisor_core.store.published import PublishedStore

_ITEM_SQL = (files("gallery.snapshot") / "item.sql").read_text("utf-8")


class Closed(Exception):
    """This copy is read no more."""


class Copy:
    """A copy and its items; closed when it was told to and its last reader is done.

    `taken_ns` is the moment of the store that it shows, `build_s` what making the items took,
    `memo` what was counted in it once and will not change.
    """

    def __init__(self, place: PublishedStore) -> None:
        began_s = time.monotonic()
        found = place.look()
        if found is None:
            raise Failed(Reason.NOT_PUBLISHED)
        self.taken_ns = found.taken_ns
        self.memo: dict[str, Any] = {}
        self._readers, self._closing = 0, False
        self._lock = threading.Lock()
        with told("published"):
            self._root = _opened(place)
        self.build_s = time.monotonic() - began_s

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection of its own for one thread; its unnamed tables are the store's.

        Raises `Closed` when it is closed by now: then there is a newer one.
        """
        with self._lock:
            if self._closing:
                raise Closed
            self._readers += 1
        try:
            cursor = self._root.cursor()
            try:
                cursor.execute("USE store")
                yield cursor
            finally:
                cursor.close()
        finally:
            self._let_go()

    def close(self) -> None:
        """Closes it, now or when nobody reads it any more."""
        with self._lock:
            self._closing = True
            idle = not self._readers
        if idle:
            self._root.close()

    def _let_go(self) -> None:
        with self._lock:
            self._readers -= 1
            over = self._closing and not self._readers
        if over:
            self._root.close()


def _opened(place: PublishedStore) -> Connection:
    root = duckdb.connect(config=CONFIG)
    try:
        root.execute("SET GLOBAL TimeZone = 'UTC'")
        root.execute("SET enable_progress_bar = false")
        root.execute(f"ATTACH {quoted(place.path)} AS store (TYPE duckdb, READ_ONLY)")
        root.execute("SET temp_directory = ''")
        root.execute("SET enable_external_access = false")
        root.execute("SET lock_configuration = true")
        root.execute("USE store")
        root.execute(_ITEM_SQL)
        prepare(root)
    except BaseException:
        with suppress(duckdb.Error):
            root.close()
        raise
    return root
