"""Files that `ingest` is asked to get from a storage or the web.

An object of a storage is recorded as the sensor would record it, and fetched by the import. A file
of the web is fetched here and now, since its address may hold a password that is kept nowhere.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path, PurePosixPath
from time import time

from supervisor_assets.cli.collect import Found, plain
from supervisor_assets.cli.fates import Fate, not_copied
from supervisor_core.deadline import Worker
from supervisor_core.home import Home
from supervisor_core.inbox.bucket import placed
from supervisor_core.inbox.listing import Entry
from supervisor_core.inbox.plan import DEFAULT_PROFILE, plan
from supervisor_core.keys import STORAGE_SOURCE, Fingerprint, IntakeKey, object_fingerprint
from supervisor_core.media.policy import load_profile, profile_names
from supervisor_core.media.ref import LocalFile, MediaRef, S3Object, WebAddress
from supervisor_core.reasons import Failed
from supervisor_core.remote.door import Door, sweep_fetches
from supervisor_core.remote.s3 import Storage
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.arrivals import record_intakes


@dataclass(frozen=True)
class Given:
    """What the words on the command line mean; `refused` is what can't be meant."""

    here: Sequence[Path]
    web: Sequence[WebAddress]
    objects: Mapping[str, S3Object]
    refused: Sequence[Fate]


def sort_out(words: Sequence[str], bucket: str | None) -> Given:
    """Tells files here from those elsewhere: what is no file here and no address is a bare key."""
    here: list[Path] = []
    web: list[WebAddress] = []
    objects: dict[str, S3Object] = {}
    refused: list[Fate] = []
    for word in words:
        try:
            found = _mean(word, bucket)
        except Failed as failed:
            refused.append(not_copied(_without_secrets(word), failed.reason))
            continue
        if isinstance(found, WebAddress):
            web.append(found)
        elif isinstance(found, S3Object):
            objects[word] = found
        elif isinstance(found, LocalFile):
            here.append(found.path)
    return Given(here, web, objects, refused)


def _mean(word: str, bucket: str | None) -> MediaRef:
    if "://" not in word and (word.startswith("/") or os.path.lexists(word)):
        return MediaRef.local(Path(word))
    return MediaRef.parse(word, bucket)


def _without_secrets(word: str) -> str:
    """An address that can't be read as one is not shown: a password may stand anywhere in it."""
    scheme, found, _ = word.partition("://")
    return f"{scheme}://..." if found else word


@contextmanager
def fetched(
    addresses: Sequence[WebAddress], profile: str, home: Home, settings: Settings
) -> Iterator[list[Found]]:
    """The files of the web, here for the block; those that could not be fetched have a reason."""
    sweep_fetches(home.work)
    if not addresses:
        yield []
        return
    rules = load_profile(profile, settings.profiles_folder or home.root / "profiles")
    with Worker(grace_s=settings.grace_s) as worker, ExitStack() as stack:
        door = Door(home.work, settings, worker)
        yield [_fetched(door, one, rules.max_bytes, stack) for one in addresses]


def _fetched(door: Door, address: WebAddress, max_bytes: int | None, stack: ExitStack) -> Found:
    name = address.name.replace("\0", "")[-150:]
    found = Found(Path(), PurePosixPath(plain(name)), word=address.shown)
    try:
        local = stack.enter_context(door.localize(address, max_bytes))
    except Failed as failed:
        return replace(found, reason=failed.reason)
    return replace(found, path=local.path, size_bytes=local.path.stat().st_size)


@dataclass(frozen=True)
class Recorded:
    """The intakes that hold the files, and the user's word for each file by fingerprint."""

    intakes: Sequence[IntakeKey]
    names: dict[Fingerprint, str]

    def __add__(self, other: "Recorded") -> "Recorded":
        return Recorded(sorted({*self.intakes, *other.intakes}), self.names | other.names)


def record_objects(
    store: Store, home: Home, settings: Settings, profile: str, objects: Mapping[str, S3Object]
) -> tuple[Recorded, list[Fate]]:
    """Makes intakes of objects, as the sensor would; those that can't be found have a reason.

    `objects` are by what the user calls them.
    """
    storage = Storage(settings)
    entries: dict[Fingerprint, Entry] = {}
    places: dict[Fingerprint, S3Object] = {}
    names: dict[Fingerprint, str] = {}
    refused: list[Fate] = []
    for word, one in objects.items():
        try:
            found = storage.find(one)
        except Failed as failed:
            refused.append(not_copied(word, failed.reason))
            continue
        name = object_fingerprint(one.bucket, one.key, found.size_bytes, found.etag)
        path = _path(one, profile, settings)
        entries[name] = Entry(path, found.size_bytes, found.modified_ns, found.modified_ns, True)
        places[name], names[name] = replace(one, etag=found.etag), word
    profiles = profile_names(settings.profiles_folder or home.root / "profiles")
    planned = plan(entries, (), {}, time(), -inf, profiles=profiles, limit=len(entries))
    holders = record_intakes(store, placed(planned, places), source=STORAGE_SOURCE)
    return Recorded(sorted(holders), names), refused


def _path(one: S3Object, profile: str, settings: Settings) -> str:
    """The path by which its name and profile are judged: the sensor's, or in a profile's folder."""
    ours = one.bucket == settings.s3_bucket
    path = one.key.removeprefix(settings.s3_prefix) if ours else one.key
    return path if profile == DEFAULT_PROFILE else f"{profile}/{path}"
