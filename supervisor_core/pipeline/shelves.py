"""The library that an intake came from: where it is, and whether that is still the same folder."""

from dataclasses import dataclass, field
from pathlib import Path

from supervisor_core.libraries.marker import Mark, find_mark
from supervisor_core.libraries.roots import load_roots, roots_file
from supervisor_core.libraries.visit import Order
from supervisor_core.media.policy import Profile
from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store import libraries
from supervisor_core.store.arrivals import Arrival

# What a file says of itself when all of its library has gone away.
_MAY_BE_GONE = frozenset(
    (Reason.FILE_NOT_FOUND, Reason.FILE_NOT_READABLE, Reason.IO_ERROR, Reason.NOT_A_FILE)
)


@dataclass(frozen=True)
class Shelf:
    """One root; `mark` is what it was known by when it was scanned."""

    source: str
    root: Path = field(repr=False)
    mark: Mark

    def check(self) -> None:
        """Raises `Failed(LIBRARY_NOT_THERE)` unless this is the folder that was scanned."""
        if not self.mark.is_of(find_mark(self.root)):
            raise Failed(Reason.LIBRARY_NOT_THERE)

    def blamed(self, failed: Failed) -> Failed:
        """What a failure means: a file that is gone with its whole library is not at fault."""
        if failed.reason not in _MAY_BE_GONE:
            return failed
        try:
            self.check()
        except Failed as gone:
            return gone
        return failed

    def order(
        self, arrival: Arrival, path: str | None, profile: Profile, small: Path, side: int
    ) -> Order:
        """The order to visit an arrival's file; raises `Failed(FILE_NOT_FOUND)` for no name."""
        if path is None:
            raise Failed(Reason.FILE_NOT_FOUND)
        size, time = arrival.size_bytes, arrival.mtime_ns
        return Order(self.root, path, size, time, profile, small, side)


def shelf_of(context: Context, source: str) -> Shelf:
    """The root of this name; raises `Failed(LIBRARY_NOT_THERE)` for one that is no root (now)."""
    root = load_roots(roots_file(context.home, context.settings)).get(source)
    with context.store.read() as connection:
        known = libraries.find_root(connection, source)
    if root is None or known is None:
        raise Failed(Reason.LIBRARY_NOT_THERE)
    return Shelf(source, root.path, known.mark)
