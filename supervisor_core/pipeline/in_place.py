"""Imports the files of a library where they lie: a link in raw/ stands for each.

What one visit has told of a still is written with the import: whether it decodes, what it looks
like, its small picture, and what it says of itself. The last only of media that need no cleaning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.keys import MediaKey
from supervisor_core.libraries.visit import Glimpse
from supervisor_core.media.links import sync_disk
from supervisor_core.media.policy import MaskPolicy
from supervisor_core.pipeline import places
from supervisor_core.pipeline.child import Examined
from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.importing import Given, Import, Places
from supervisor_core.pipeline.looking import Looked, Looker
from supervisor_core.pipeline.shelves import Shelf
from supervisor_core.pipeline.visiting import Copier, Linker, Visitor, together
from supervisor_core.reasons import Failed
from supervisor_core.states import Arrival as State
from supervisor_core.states import Cleaning
from supervisor_core.store import (
    Connection,
    exif,
    fingerprints,
    integrity,
    libraries,
    prompts,
    tags,
)
from supervisor_core.store import media as media_table
from supervisor_core.store.arrivals import Arrival
from supervisor_core.store.attempts import Attempt
from supervisor_core.store.fingerprints import StoredFingerprint
from supervisor_core.store.integrity import Integrity
from supervisor_core.store.libraries import Event, Outcome
from supervisor_core.store.media import Media
from supervisor_core.store.prompts import StoredPrompt
from supervisor_core.store.tags import Rating

_EVENTS = {
    State.IMPORTED: Event.IMPORTED,
    State.DUPLICATE: Event.DUPLICATE,
    State.REFUSED: Event.REFUSED,
}


class ImportFromLibrary(Import):
    """Imports copies of a library's files, since they are to be cleaned."""

    def __init__(self, context: Context, given: Given, shelf: Shelf) -> None:
        super().__init__(context, given)
        self._shelf = shelf
        self._root = shelf.root

    def _looker(self) -> Copier:
        paths = self._paths(self._seen)
        return Copier(self._context, self._profile, self._root, paths, shelf=self._shelf)

    def _also(
        self,
        connection: Connection,
        placed: Sequence[Looked],
        after: Sequence[Arrival],
        now: datetime,
    ) -> None:
        super()._also(connection, placed, after, now)
        ended = [one for one in after if one.state in _EVENTS]
        outcomes = [
            Outcome(
                one.fingerprint, one.intake, one.ordinal, _EVENTS[one.state], one.media, one.reason
            )
            for one in ended
        ]
        libraries.settle(connection, self._shelf.source, outcomes, now)


class ImportInPlace(ImportFromLibrary):
    """Imports files without taking or copying them."""

    group = 256

    def _import(self, start: int) -> None:
        members = self._seen[start : start + self.group]
        opened = self._open(members)
        smalls = places.attempt_folder(self._context.home, opened[0].id)
        smalls.mkdir()
        try:
            paths = self._paths(members)
            self._visitor = Visitor(
                self._context,
                self._profile,
                self._root,
                paths,
                shelf=self._shelf,
                smalls=smalls,
            )
            self._finish(self._visitor, self._visit(members, opened, start))
        finally:
            places.remove_folder(smalls)

    def _visit(
        self, members: Sequence[Arrival], opened: Sequence[Attempt], start: int
    ) -> list[Looked]:
        try:
            self._shelf.check()
        except Failed as gone:
            pairs = zip(members, opened, strict=True)
            return [Looked(arrival, attempt, None, gone) for arrival, attempt in pairs]
        looked: list[Looked] = []
        for group in together(list(zip(members, opened, strict=True))):
            looked += self._visitor.look_together(group)
            if self._context.on_progress:
                self._context.on_progress(start + len(looked), len(self._seen))
        return looked

    def _placer(self, looker: Looker, looked: Sequence[Looked]) -> Places:  # noqa: ARG002
        with self._context.store.read() as connection:
            targets = self._targets(connection, looked)
        return Linker(self._context, self._visitor, targets, self._killed)

    def _placed(self, placed: Sequence[Looked]) -> None:
        """Makes links and small pictures survive a power cut before the store speaks of them."""
        if any(one.path is not None for one in placed):
            sync_disk(self._context.home.raw)
        super()._placed(placed)

    def _also(
        self,
        connection: Connection,
        placed: Sequence[Looked],
        after: Sequence[Arrival],
        now: datetime,
    ) -> None:
        super()._also(connection, placed, after, now)
        told = {
            MediaKey(one.value.sha256): _Told(one, one.value.glimpse)
            for one in placed
            if isinstance(one.value, Examined) and one.value.glimpse
        }
        uncleaned = self._uncleaned(connection, told)
        _keep(connection, {key: told[key] for key in uncleaned}, self._context.owner, now)
        for key in uncleaned:
            self._show(key, told[key].looked)

    def _entered(self, media: Media) -> Media:
        """New here, so it came in as nothing else: nothing is required."""
        return media.step(cleaning=Cleaning.NOT_REQUIRED, next_level=None)

    def _uncleaned(self, connection: Connection, media: Mapping[MediaKey, object]) -> set[MediaKey]:
        """Those that need no cleaning, whatever else they came in as."""
        came_in = media_table.profiles_of(connection, media)
        rules = {key: self._profiles.rules(came_in[key]) for key in media if key in came_in}
        return {key for key, one in rules.items() if one.mask is MaskPolicy.NONE}

    def _show(self, media: MediaKey, looked: Looked) -> None:
        small = self._visitor.small(looked.arrival)
        place = places.thumbnail(self._context.home, media)
        if small.exists() and not place.exists():
            places.make_public(place.parent)
            small.chmod(places.PUBLIC_FILE)
            small.rename(place)


@dataclass(frozen=True)
class _Told:
    looked: Looked
    glimpse: Glimpse


def _keep(connection: Connection, told: Mapping[MediaKey, _Told], who: str, now: datetime) -> None:
    """Writes what visits have told of these media."""
    glimpses = {key: one.glimpse for key, one in told.items()}
    integrity.put(
        connection,
        [Integrity(key, key, now, frames=1, seconds=one.seconds) for key, one in glimpses.items()],
    )
    fingerprints.put(
        connection,
        [
            StoredFingerprint(key, key, one.hashes, bytes([one.quality]), now, mirrors=one.mirror)
            for key, one in glimpses.items()
        ],
    )
    read = [StoredPrompt.read(key, one.prompt) for key, one in glimpses.items() if one.prompt]
    prompts.put(connection, read, who, now)
    exif.put(connection, {key: one.exif for key, one in glimpses.items()})
    words = {key: map(tags.tag_of, one.keywords) for key, one in glimpses.items() if one.keywords}
    tags.put_all(connection, words, tags.FILE, now)
    for key, one in glimpses.items():
        if one.stars is not None:
            tags.rate(connection, key, Rating(one.stars, tags.FILE), now)
