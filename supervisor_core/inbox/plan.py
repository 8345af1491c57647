"""Decides which files of a listing make intakes now: a pure function, the same for every caller.

settled      unchanged for settle_s, by its own times or because it looked the same before
video        one intake each
all else     batched per folder, once the folder is quiet, full, or has waited long enough
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from supervisor_core.inbox.listing import Entry, Listing
from supervisor_core.keys import Fingerprint, IntakeKey, intake_key
from supervisor_core.media.kinds import Kind, claimed_kind
from supervisor_core.media.ref import S3Object
from supervisor_core.states import Arrival

DEFAULT_PROFILE = "upload"
BATCH = 256
REQUESTS = 50
QUIET_S = 60.0
_REMEMBERED = 2000


@dataclass(frozen=True)
class NewArrival:
    """One file of a new intake; `place` is where it lies when that is not the inbox."""

    fingerprint: Fingerprint
    path: str
    size_bytes: int
    mtime_ns: int
    place: S3Object | None = None


@dataclass(frozen=True)
class NewIntake:
    """What came in together and is to be recorded and cleaned in one run."""

    key: IntakeKey
    profile: str
    kind: str
    arrivals: tuple[NewArrival, ...]


@dataclass(frozen=True)
class Plan:
    """The intakes to start now, the files still waited for, and how many intakes must wait."""

    intakes: tuple[NewIntake, ...] = ()
    waiting: Mapping[Fingerprint, float] = field(default_factory=dict)
    deferred: int = 0

    @property
    def idle(self) -> bool:
        """True when the same listing would again lead to nothing."""
        return not (self.intakes or self.waiting or self.deferred)


def returned(listing: Listing, known: Mapping[Fingerprint, Arrival]) -> dict[Fingerprint, Entry]:
    """Files that were taken before and lie there again unchanged, by their second fingerprint."""
    taken = (listing.entries[name] for name, state in known.items() if state is not Arrival.SEEN)
    return {entry.again: entry for entry in taken if entry.regular}


def plan(
    entries: Mapping[Fingerprint, Entry],
    known: Collection[Fingerprint],
    waiting: Mapping[Fingerprint, float],
    now_s: float,
    settle_s: float,
    *,
    unfinished: Sequence[Entry] = (),
    profiles: Collection[str] = (DEFAULT_PROFILE,),
    limit: int = REQUESTS,
) -> Plan:
    """Chooses at most `limit` new intakes, those that lie there longest first.

    `waiting` is what the last plan returned: when each unsettled file was first seen so. Times are
    seconds of the wall clock.
    """
    fresh = {name: entry for name, entry in entries.items() if name not in known}
    unsettled = {
        name: waiting.get(name, now_s)
        for name, entry in fresh.items()
        if not _settled(entry, waiting.get(name), now_s, settle_s)
    }
    busy = {fresh[name].folder for name in unsettled}
    busy |= {entry.folder for entry in unfinished if _age_s(entry, now_s) < settle_s}
    settled = {name: entry for name, entry in fresh.items() if name not in unsettled}
    groups = list(_videos(settled))
    held: dict[Fingerprint, float] = {}
    for batch, complete in _batches(settled, busy, now_s):
        if complete:
            groups.append(batch)
        else:
            held |= {name: waiting.get(name, now_s) for name in batch}
    groups.sort(key=lambda group: min((settled[name].newest_ns, name) for name in group))
    chosen = tuple(_intake(group, settled, now_s, profiles) for group in groups[:limit])
    return Plan(chosen, _bounded(unsettled | held), len(groups) - len(chosen))


def _settled(entry: Entry, seen_s: float | None, now_s: float, settle_s: float) -> bool:
    # A clock that runs ahead leaves files with times to come: those settle by looking the same.
    return _age_s(entry, now_s) >= settle_s or (seen_s is not None and now_s - seen_s >= settle_s)


def _age_s(entry: Entry, now_s: float) -> float:
    return now_s - entry.newest_ns / 1e9


def is_video(path: str) -> bool:
    """True when the name looks like a video's; what it is, its content decides later."""
    _, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return bool(dot) and _is_video_suffix(suffix.lower())


@lru_cache(maxsize=1024)
def _is_video_suffix(suffix: str) -> bool:
    return claimed_kind(f"name.{suffix}") is Kind.VIDEO


Group = tuple[Fingerprint, ...]


def _videos(settled: Mapping[Fingerprint, Entry]) -> Iterator[Group]:
    return ((name,) for name, entry in settled.items() if is_video(entry.path))


def _batches(
    settled: Mapping[Fingerprint, Entry], busy: Collection[str], now_s: float
) -> Iterator[tuple[Group, bool]]:
    """Yields each batch of stills and whether it is complete."""
    folders: dict[str, list[tuple[str, Fingerprint]]] = defaultdict(list)
    for name, entry in settled.items():
        if not is_video(entry.path):
            folders[entry.folder].append((entry.path, name))
    for folder, members in folders.items():
        names = [name for _, name in sorted(members)]
        for start in range(0, len(names), BATCH):
            batch = tuple(names[start : start + BATCH])
            oldest_s = max(_age_s(settled[name], now_s) for name in batch)
            yield batch, len(batch) == BATCH or folder not in busy or oldest_s >= QUIET_S


def _intake(
    group: Group,
    settled: Mapping[Fingerprint, Entry],
    now_s: float,
    profiles: Collection[str],
) -> NewIntake:
    first = settled[group[0]]
    return NewIntake(
        key=intake_key(now_s, group),
        profile=profile_of(first.path, profiles),
        kind="video" if is_video(first.path) else "stills",
        arrivals=tuple(_arrivals(group, settled)),
    )


def _arrivals(group: Group, settled: Mapping[Fingerprint, Entry]) -> Iterable[NewArrival]:
    for name in group:
        entry = settled[name]
        yield NewArrival(name, entry.path, entry.size_bytes, entry.mtime_ns)


def profile_of(path: str, profiles: Collection[str]) -> str:
    """The profile that the first folder names, or the default one."""
    first, slash, _ = path.partition("/")
    return first if slash and first in profiles else DEFAULT_PROFILE


def _bounded(waiting: Mapping[Fingerprint, float]) -> Mapping[Fingerprint, float]:
    """Remembers only so many: they end up in a cursor. The rest settles by age."""
    return dict(sorted(waiting.items(), key=lambda item: item[1])[:_REMEMBERED])
