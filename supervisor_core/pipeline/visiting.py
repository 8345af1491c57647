"""Looks at the files of a library: where they lie, or in a copy where they are to be cleaned.

Nothing in the library is ever moved or changed, whatever comes of it.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from supervisor_core.libraries.visit import Order
from supervisor_core.media.files import require_free
from supervisor_core.media.links import link, original
from supervisor_core.pipeline import places
from supervisor_core.pipeline.child import Examined
from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.falls import KILLING, stays
from supervisor_core.pipeline.looking import Looked, Looker
from supervisor_core.pipeline.shelves import Shelf
from supervisor_core.pipeline.thumbnails import LONGEST_SIDE
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store.arrivals import Arrival
from supervisor_core.store.attempts import Attempt

# What one call looks at: enough that the way there costs nothing, and little is done twice.
_AT_ONCE = 16
_AT_ONCE_BYTES = 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class Visitor(Looker):
    """Visits files where they lie; their small pictures are written into `smalls`."""

    shelf: Shelf
    smalls: Path

    def look(self, arrival: Arrival, attempt: Attempt) -> Looked:
        """Reads the file once and tells all that can be told of it."""
        started_s = time.monotonic()
        value: Examined | Failed
        try:
            (value,) = self._visit([arrival], self.limit_s(arrival))
        except Failed as failed:
            value = failed
        except OSError as error:
            value = places.failed_from(error)
        tried = replace(attempt, seconds=time.monotonic() - started_s)
        return Looked(arrival, tried, None, self._judged(value))

    def look_together(self, members: Sequence[tuple[Arrival, Attempt]]) -> list[Looked]:
        """Looks at several in one call; where that ends badly, at each by itself, to tell whose."""
        if len(members) == 1:
            return [self.look(*members[0])]
        started_s = time.monotonic()
        try:
            arrivals = [arrival for arrival, _ in members]
            found = self._visit(arrivals, self.context.settings.import_base_s)
        except (Failed, OSError):
            return [self.look(*one) for one in members]
        seconds = (time.monotonic() - started_s) / len(members)
        return [
            Looked(arrival, replace(attempt, seconds=seconds), None, self._judged(value))
            for (arrival, attempt), value in zip(members, found, strict=True)
        ]

    def _judged(self, value: Examined | Failed) -> Examined | Failed:
        return self.shelf.blamed(value) if isinstance(value, Failed) else value

    def small(self, arrival: Arrival) -> Path:
        """Where the small picture of a still lies after the visit."""
        return self.smalls / f"{arrival.ordinal:03d}.part"

    def place(self, arrival: Arrival) -> Path:
        """Where the file lies; raises `Failed(FILE_NOT_FOUND)` for no name."""
        path = self.paths.get(arrival.fingerprint)
        if path is None:
            raise Failed(Reason.FILE_NOT_FOUND)
        return self.root / path

    def _visit(self, arrivals: Sequence[Arrival], limit_s: float) -> list[Examined | Failed]:
        context = self.context
        orders = [self._order(arrival) for arrival in arrivals]
        return context.worker.call(
            context.tools.visit, orders, limit_s=limit_s, scratch=[self.smalls]
        )

    def _order(self, arrival: Arrival) -> Order:
        path = self.paths.get(arrival.fingerprint)
        small = self.small(arrival)
        return self.shelf.order(arrival, path, self.profile, small, LONGEST_SIDE)


def together(members: Sequence[tuple[Arrival, Attempt]]) -> Iterator[list[tuple[Arrival, Attempt]]]:
    """Members in groups that one call may look at: small ones, and not too many."""
    group: list[tuple[Arrival, Attempt]] = []
    size = 0
    for one in members:
        size += one[0].size_bytes
        if group and (len(group) == _AT_ONCE or size > _AT_ONCE_BYTES):
            yield group
            group, size = [], one[0].size_bytes
        group.append(one)
    if group:
        yield group


@dataclass(frozen=True)
class Linker:
    """Puts links to files that come in where their contents belong; `targets` says where."""

    context: Context
    visitor: Visitor
    targets: Mapping[str, Path]
    killed: Mapping[int, int]

    def place(self, looked: Looked) -> Looked:
        """Links the file; one that does not come in stays where it is."""
        if isinstance(looked.value, Failed):
            return looked
        target = self.targets[looked.value.sha256]
        try:
            if not _stands(target, looked.value):
                entry = self.visitor.place(looked.arrival)
                link(entry, target, looked.arrival.mtime_ns)
        except Failed as failed:
            return replace(looked, value=failed)
        except OSError as error:
            return replace(looked, value=places.failed_from(error))
        return replace(looked, path=target)

    def waits(self, looked: Looked) -> bool:
        """True when the cause may pass; a changed file is another one, for the next scan."""
        if not isinstance(looked.value, Failed) or looked.reason is Reason.FILE_CHANGED:
            return False
        if looked.value.reason in KILLING:
            tries = self.killed.get(looked.arrival.ordinal, 0) + 1
            return tries < self.context.settings.import_tries
        return stays(looked.value.reason)


def _stands(place: Path, found: Examined) -> bool:
    """True when this content is there already, as a file of ours or by a link that is right."""
    if place.is_symlink():
        try:
            original(place, found.info.size_bytes)
        except Failed:
            return False
        return True
    return place.is_file()


@dataclass(frozen=True, kw_only=True)
class Copier(Looker):
    """Brings copies of a library's files into work/, as of what lies in a storage."""

    shelf: Shelf

    def is_remote(self, arrival: Arrival) -> bool:  # noqa: ARG002
        """True: what is refused is still in its library, and only the copy goes."""
        return True

    def _bring(self, arrival: Arrival, into: Path) -> Path:
        context = self.context
        path = self.paths.get(arrival.fingerprint)
        try:
            order = self.shelf.order(arrival, path, self.profile, into, 0)
            require_free(context.home.work, arrival.size_bytes, context.settings.reserve_bytes)
            context.worker.call(
                context.tools.copy, order, limit_s=self.limit_s(arrival), scratch=[]
            )
        except Failed as failed:
            raise self.shelf.blamed(failed) from None
        except OSError as error:
            raise self.shelf.blamed(places.failed_from(error)) from None
        return into
