"""The published copy of the main store, as its readers see it.

Each copy takes the place of the one before. Who reads has the file open and goes on with what it
held when it was opened: as long as anybody has it open, nobody changes it. No reader takes a lock,
waits for a writer, or can change anything. The restricted store is never published.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store.database import told
from supervisor_core.store.instance import Connection, Plain, attached


@dataclass(frozen=True)
class Published:
    """One copy: when it was taken, until when it is known to show the store, how large it is.

    Moments are nanoseconds since 1970, as files have them.
    """

    taken_ns: int
    shows_ns: int
    size_bytes: int

    def age_s(self, now_s: float | None = None) -> float:
        """For how long nobody has made sure that the store is as the copy shows it; never < 0."""
        return max(0.0, (time.time() if now_s is None else now_s) - self.shows_ns / 1e9)


class PublishedStore:
    """The place of the copy below a home, and the one way to read it."""

    def __init__(self, home: Home) -> None:
        self.folder = home.store / "published"

    @property
    def path(self) -> Path:
        """The copy; its time of change is the moment at which it was taken."""
        return self.folder / "published.duckdb"

    @property
    def seen(self) -> Path:
        """An empty file; its time of change is when the store was last as the copy shows it."""
        return self.folder / "published.seen"

    def look(self) -> Published | None:
        """What copy there is; None before the first, or when the disk is gone."""
        try:
            copy = self.path.stat()
            seen_ns = self.seen.stat().st_mtime_ns if self.seen.exists() else 0
        except OSError:
            return None
        return Published(copy.st_mtime_ns, max(copy.st_mtime_ns, seen_ns), copy.st_size)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only connection to the newest copy, which stays the same during the block.

        Raises `Failed(NOT_PUBLISHED)` before the first copy, `Failed(STORE_DAMAGED)` for one that
        can't be opened (the machine went down while it was written).
        """
        if not self.path.exists():
            raise Failed(Reason.NOT_PUBLISHED)
        with told("published"), attached(self.path, Plain(), read_only=True) as connection:
            yield connection
