"""What a root looks like now: what it is known by, and what lies in it."""

from collections.abc import Callable
from pathlib import Path

from supervisor_core.libraries.listing import Listing, list_library
from supervisor_core.libraries.marker import Mark, find_mark

Look = Callable[[Path, float], tuple[Mark, Listing]]


def look_at(root: Path, settle_s: float) -> tuple[Mark, Listing]:
    """The mark and the files of a root; raises `Failed(LIBRARY_NOT_THERE)`.

    All that touches the root when nothing is new: whoever must not hang with a disk that does calls
    it in a worker's child.
    """
    return find_mark(root), list_library(root, settle_s)
