"""One look at a bucket: what is new there is recorded, as it is for the inbox.

A listing costs money and comes in pages, so most looks ask only for keys behind the last one. Now
and then all keys are gone through, a stretch at a time, which finds what was overwritten or came
out of order. How far that got is kept in the encrypted file, since a key may name a patient; losing
it costs a look through all keys and loses no file. A listing that fails is no empty listing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from supervisor_core.home import Home
from supervisor_core.inbox.listing import Entry, is_hidden, is_unfinished
from supervisor_core.inbox.look import Look, Memory
from supervisor_core.inbox.plan import NewIntake, Plan, plan
from supervisor_core.keys import STORAGE_SOURCE, Fingerprint, object_fingerprint
from supervisor_core.media.policy import profile_names
from supervisor_core.media.ref import S3Object
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.listing import Listed, list_page
from supervisor_core.remote.s3 import Storage
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.arrivals import known_among, record_intakes
from supervisor_core.store.objects import Position, keep_position, position_of

PAGES = 20
"""How many pages of 1000 keys one look reads at most."""


@dataclass(frozen=True)
class Stretch:
    """Some keys in a row: those that are files, the last of all, and whether more follow."""

    entries: Mapping[Fingerprint, Entry]
    objects: Mapping[Fingerprint, S3Object]
    last: str
    more: bool


def look_at_bucket(
    open_store: Callable[[], Store],
    storage: Storage,
    home: Home,
    settings: Settings,
    memory: Memory,
    now_s: float,
) -> Look:
    """Records at most 50 new intakes of the configured bucket; `now_s` is the wall clock's.

    Raises `Failed`: STORAGE_NOT_CONFIGURED, and what `Storage` and the store raise.
    """
    if not settings.s3_bucket:
        raise Failed(Reason.STORAGE_NOT_CONFIGURED)
    source = f"{settings.s3_bucket}/{settings.s3_prefix}"
    store = open_store()
    with store.restricted() as connection:
        before = position_of(connection, source)
    position = begun(before, now_s, settings.s3_full_every_s)
    after = position.newest if position.at is None else position.at
    stretch = list_stretch(storage, settings.s3_bucket, settings.s3_prefix, after)
    found = _plan(store, home, settings, stretch, memory, now_s)
    holders = record_intakes(store, placed(found, stretch.objects), source=STORAGE_SOURCE)
    following = advanced(position, stretch, now_s) if _is_done(found) else position
    if following != before:
        with store.restricted() as connection:
            keep_position(connection, source, following)
    return Look(
        intakes=tuple(new.key for new in found.intakes if new.key in holders),
        memory=Memory(waiting=found.waiting),
        waiting=len(found.waiting),
        deferred=found.deferred,
    )


def list_stretch(storage: Storage, bucket: str, prefix: str, after: str) -> Stretch:
    """Reads at most 20 pages behind a key; raises `Failed` as `Storage` does."""
    entries: dict[Fingerprint, Entry] = {}
    objects: dict[Fingerprint, S3Object] = {}
    last, more = after, True
    for _ in range(PAGES):
        page = list_page(storage, bucket, prefix, last)
        for one in page.objects:
            last = one.key
            if is_file(one, prefix):
                name = object_fingerprint(bucket, one.key, one.size_bytes, one.etag)
                entries[name] = entry_of(one, prefix)
                objects[name] = S3Object(bucket, one.key, one.etag)
        more = page.more
        if not more:
            break
    return Stretch(entries, objects, last, more)


def is_file(one: Listed, prefix: str) -> bool:
    """False for what stands for a folder, and for names that are hidden or unfinished."""
    path = one.key.removeprefix(prefix)
    folder_mark = not one.size_bytes and path.endswith("/")
    hidden = any(is_hidden(part) and part.strip(".") for part in path.split("/"))
    return bool(path) and not folder_mark and not hidden and not is_unfinished(path)


def entry_of(one: Listed, prefix: str) -> Entry:
    """An object as a plan looks at files; its path is what follows the prefix."""
    path = one.key.removeprefix(prefix)
    return Entry(path, one.size_bytes, one.modified_ns, one.modified_ns, regular=True)


def begun(position: Position, now_s: float, every_s: float) -> Position:
    """The position with a look through all keys begun, when one is due."""
    due = position.at is None and not 0 <= now_s - position.passed_s < every_s
    return replace(position, at="") if due else position


def advanced(position: Position, stretch: Stretch, now_s: float) -> Position:
    """The position behind a stretch of which nothing is left to do."""
    if position.at is None:
        return replace(position, newest=stretch.last)
    if stretch.more:
        return replace(position, at=stretch.last)
    return Position(newest=stretch.last, at=None, passed_s=now_s)


def placed(found: Plan, objects: Mapping[Fingerprint, S3Object]) -> list[NewIntake]:
    """The intakes of a plan, each file with the object that it is."""
    return [
        replace(
            new,
            arrivals=tuple(replace(file, place=objects[file.fingerprint]) for file in new.arrivals),
        )
        for new in found.intakes
    ]


def _plan(
    store: Store, home: Home, settings: Settings, stretch: Stretch, memory: Memory, now_s: float
) -> Plan:
    known: set[Fingerprint] = set()
    if stretch.entries:
        with store.read() as connection:
            known = known_among(connection, stretch.entries)
    return plan(
        stretch.entries,
        known,
        memory.waiting,
        now_s,
        settings.settle_s,
        profiles=profile_names(settings.profiles_folder or home.root / "profiles"),
    )


def _is_done(found: Plan) -> bool:
    return not (found.deferred or found.waiting)
