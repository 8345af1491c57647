"""The one door: from a reference to a local path, and nothing left behind it.

A file that is elsewhere is brought into work/ under a name of ours, by a child process that can be
killed. Its lock lives and dies with the process that asked for it: so what a dead one has left can
be told from what a living one still needs.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

from supervisor_core.media.files import PART_SUFFIX
from supervisor_core.media.ref import LocalFile, MediaRef, S3Object, WebAddress
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.fetch_order import Fetched, FetchOrder, Limits
from supervisor_core.remote.parts import fetch
from supervisor_core.remote.s3 import Storage
from supervisor_core.settings import Settings
from supervisor_core.store.lock import hold_file

T = TypeVar("T")
OnProgress = Callable[[int, int], None]
_PREFIX = "fetch-"
_ANEW = 3


class Caller(Protocol):
    """Runs a function elsewhere and ends it at its limit: `deadline.Worker`."""

    def call(self, function: Callable[..., T], /, *args: Any, limit_s: float) -> T:
        """The function's result; raises what it raised, or that it did not end in time."""
        ...


class Here:
    """Calls in this process: the transfer ends by its own limits, but nothing else can end it."""

    def call(self, function: Callable[..., T], /, *args: Any, limit_s: float) -> T:  # noqa: ARG002
        """As `Worker.call`."""
        return function(*args)


@dataclass(frozen=True)
class Localized:
    """A file on this machine; what is known of its content when it came from elsewhere."""

    path: Path
    fetched: Fetched | None = None


@dataclass(frozen=True)
class Door:
    """Brings files into one folder `work` by one worker."""

    work: Path
    settings: Settings
    worker: Caller = field(default_factory=Here)

    @cached_property
    def storage(self) -> Storage:
        """The object storage that the settings name."""
        return Storage(self.settings)

    @contextmanager
    def localize(self, reference: MediaRef, max_bytes: int | None = None) -> Iterator[Localized]:
        """Gives a local path to read a media from, valid within the `with` block.

        A fetched file may be renamed away in the block; else it is removed in the end. Content that
        changes meanwhile is fetched anew, unless the reference says which one is meant. Raises
        `Failed`: FILE_NOT_FOUND, FILE_TOO_LARGE, FILE_CHANGED, CHECKSUM_MISMATCH, DISK_FULL,
        TIMEOUT, TRANSPORT_ERROR, HTTP_ERROR, ADDRESS_FORBIDDEN, STORAGE_DENIED,
        STORAGE_UNREACHABLE, BAD_CONFIGURATION, and those of the worker.
        """
        if isinstance(reference, LocalFile):
            if not reference.path.exists():
                raise Failed(Reason.FILE_NOT_FOUND)
            yield Localized(reference.path)
            return
        with _part(self.work) as path:
            yield Localized(path, self._fetch(reference, path, max_bytes))

    def _fetch(self, reference: MediaRef, into: Path, max_bytes: int | None) -> Fetched:
        limits = Limits.of(self.settings, max_bytes)
        for last in (*[False] * (_ANEW - 1), True):
            order = self._order(reference, into, limits)
            try:
                limit_s = limits.total_s(order.size_bytes)
                return self.worker.call(fetch, order, limit_s=limit_s)
            except Failed as failed:
                fixed = isinstance(reference, S3Object) and reference.etag
                if failed.reason is not Reason.FILE_CHANGED or fixed or last:
                    raise
        raise AssertionError

    def _order(self, reference: MediaRef, into: Path, limits: Limits) -> FetchOrder:
        if isinstance(reference, WebAddress):
            return FetchOrder(reference.url, into, limits, self.settings.allowed_host_names)
        if not isinstance(reference, S3Object):
            raise Failed(Reason.BAD_CONFIGURATION, reference="unknown kind")
        found = self.storage.find(reference)
        if found.size_bytes > limits.max_bytes:
            raise Failed(Reason.FILE_TOO_LARGE, max_bytes=limits.max_bytes)
        url = self.storage.address(reference, found, limits)
        order = FetchOrder(url, into, limits, None, found.size_bytes, found.etag)
        return replace(order, checksums=found.checksums)


@contextmanager
def localize(
    reference: MediaRef, work: Path, settings: Settings, worker: Caller | None = None
) -> Iterator[Localized]:
    """Opens the door once; see `Door.localize`."""
    with Door(work, settings, worker or Here()).localize(reference) as found:
        yield found


def sweep_fetches(work: Path) -> int:
    """Removes what dead processes have left half fetched and says how many files that were."""
    swept = 0
    for path in work.glob(f"{_PREFIX}*{PART_SUFFIX}"):
        with hold_file(path) as left:
            swept += left
    return swept


@contextmanager
def _part(work: Path) -> Iterator[Path]:
    """An empty file of ours that is removed in the end, if it is still there."""
    while True:
        path = work / f"{_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}"
        with hold_file(path) as ours:
            if ours:  # else somebody who sweeps was faster than our lock
                yield path
                return
