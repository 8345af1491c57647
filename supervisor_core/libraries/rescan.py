"""What has changed in a root since it was looked at last: pure, the same for every caller.

new        a path that nobody knows
changed    a known path with another size or time: what was there is gone
moved      new, while a file of the same size and time is gone from its path; its hash will tell
missing    a known path that is not there: marked with a date, nothing is deleted
back       missing until now, and there again as it was
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from supervisor_core.inbox.plan import BATCH, NewArrival, NewIntake, is_video
from supervisor_core.keys import Fingerprint, MediaKey, intake_key
from supervisor_core.libraries.listing import Entry

# A library is shrunk when it held more than this and less than half is left.
SMALL = 10


class Known(NamedTuple):
    """A file of a root as the store has it."""

    path_key: str
    fingerprint: Fingerprint
    size_bytes: int
    mtime_ns: int
    media: MediaKey | None
    present: bool


@dataclass(frozen=True)
class Changes:
    """What one look at a root has shown; entries in the order of their paths."""

    new: Sequence[Entry] = ()
    changed: Sequence[tuple[Entry, Known]] = ()
    back: Sequence[tuple[Entry, Known]] = ()
    missing: Sequence[Known] = ()
    moved: int = 0
    unchanged: int = 0


def path_key(source: str, path: str) -> str:
    """Hex SHA-256 that stands for a path of a root; the store never has the path itself."""
    words = f"{source}\0{path}"
    return hashlib.sha256(words.encode("utf-8", "surrogateescape")).hexdigest()


def compare(source: str, entries: Iterable[Entry], known: Mapping[str, Known]) -> Changes:
    """Compares a listing with what is known of the root, by path key."""
    new: list[Entry] = []
    changed: list[tuple[Entry, Known]] = []
    back: list[tuple[Entry, Known]] = []
    met: set[str] = set()
    for entry in entries:
        key = path_key(source, entry.path)
        met.add(key)
        before = known.get(key)
        if before is None:
            new.append(entry)
        elif (before.size_bytes, before.mtime_ns) != (entry.size_bytes, entry.mtime_ns):
            changed.append((entry, before))
        elif not before.present:
            back.append((entry, before))
    missing = [one for key, one in known.items() if one.present and key not in met]
    unchanged = len(met) - len(new) - len(changed) - len(back)
    return Changes(new, changed, back, missing, count_moved(new, missing), unchanged)


def count_moved(new: Iterable[Entry], missing: Iterable[Known]) -> int:
    """How many new files look like one that is gone from its path."""
    gone = Counter((one.size_bytes, one.mtime_ns) for one in missing)
    come = Counter((one.size_bytes, one.mtime_ns) for one in new)
    return sum((gone & come).values())


def is_shrunk(there_before: int, there_now: int) -> bool:
    """True when more than half of a root that held more than a few files is gone."""
    return there_before > SMALL and there_now * 2 < there_before


def intakes(
    profile: str, files: Iterable[tuple[Entry, Fingerprint]], now_s: float
) -> Iterator[NewIntake]:
    """Stills in batches of 256 in the order they are given, videos alone."""
    batch: list[NewArrival] = []
    for entry, name in files:
        arrival = NewArrival(name, entry.path, entry.size_bytes, entry.mtime_ns)
        if is_video(entry.path):
            yield _intake(profile, "video", [arrival], now_s)
        else:
            batch.append(arrival)
        if len(batch) == BATCH:
            yield _intake(profile, "stills", batch, now_s)
            batch = []
    if batch:
        yield _intake(profile, "stills", batch, now_s)


def _intake(profile: str, kind: str, files: list[NewArrival], now_s: float) -> NewIntake:
    key = intake_key(now_s, [file.fingerprint for file in files])
    return NewIntake(key, profile, kind, tuple(files))
