"""Takes the files of an intake out of the inbox, looks at each, and keeps it in raw/ or refused/.

What lies in an object storage is fetched instead of taken; nothing is ever changed there.

The hash is written to the arrival before its file moves to raw/. So whatever step a crash
interrupts, the next call finds the file where it is and goes on from there. One process imports an
intake at a time.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

from supervisor_core.keys import RECORDING_SOURCE, IntakeKey, MediaKey
from supervisor_core.libraries.roots import RESERVED
from supervisor_core.media.files import publish
from supervisor_core.media.policy import MaskPolicy, load_profile
from supervisor_core.pipeline import places
from supervisor_core.pipeline.child import Examined
from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.falls import KILLING, STOPPING
from supervisor_core.pipeline.looking import Looked, Looker
from supervisor_core.pipeline.placing import Placer
from supervisor_core.pipeline.reports import ImportReport
from supervisor_core.pipeline.rules import Profiles
from supervisor_core.pipeline.sweeping import sweep
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Arrival as State
from supervisor_core.states import Cleaning
from supervisor_core.store import (
    Connection,
    arrivals,
    attempts,
    audit,
    identifiers,
    names,
    objects,
)
from supervisor_core.store import media as media_table
from supervisor_core.store.arrivals import Arrival, Intake
from supervisor_core.store.attempts import Attempt, Outcome, Step
from supervisor_core.store.audit import Deed
from supervisor_core.store.lock import hold_file
from supervisor_core.store.media import Media
from supervisor_core.store.taking_back import take_back

GROUP = 64
Change = tuple[Arrival, Arrival]


def import_items(context: Context, intake: IntakeKey) -> ImportReport:
    """Imports what an intake still holds in state seen; see `Pipeline.import_items`."""
    with hold_file(context.home.work / f"{intake}.lock") as ours:
        if not ours:
            raise Failed(Reason.LEASE_LOST)
        sweep(context)
        return _import_of(context, intake).run()


def _import_of(context: Context, intake: IntakeKey) -> "Import":
    with context.store.read() as connection:
        header = arrivals.find_intake(connection, intake)
        members = arrivals.arrivals_of(connection, intake)
        killed = attempts.count_failed(connection, intake, Step.IMPORT, KILLING)
    if header is None:
        raise Failed(Reason.UNKNOWN_INTAKE)
    given = Given(header, members, killed)
    if header.source in RESERVED:
        return Import(context, given)
    from supervisor_core.pipeline.in_place import ImportFromLibrary, ImportInPlace
    from supervisor_core.pipeline.shelves import shelf_of

    profile = load_profile(header.profile, context.profiles_folder())
    in_place = profile.mask is MaskPolicy.NONE
    kind = ImportInPlace if in_place else ImportFromLibrary
    return kind(context, given, shelf_of(context, header.source))


@dataclass(frozen=True)
class Given:
    """An intake with its files, and how often each (by ordinal) has killed its reader."""

    header: Intake
    members: Sequence[Arrival]
    killed: Mapping[int, int]


class Places(Protocol):
    """Puts files where they belong, and says whether those that did not come in may yet."""

    def place(self, looked: Looked) -> Looked:
        """Puts one file where it belongs."""
        ...

    def waits(self, looked: Looked) -> bool:
        """True when the cause may pass."""
        ...


class Import:
    """Imports an intake of the inbox, of a storage or of a recording."""

    group = GROUP

    def __init__(self, context: Context, given: Given) -> None:
        header, members = given.header, given.members
        self._context = context
        self._intake = header.intake
        self._killed = given.killed
        home, recorded = context.home, header.source == RECORDING_SOURCE
        self._root = home.recordings if recorded else home.inbox
        self._profiles = Profiles(context.profiles_folder())
        self._profile = self._profiles.named(header.profile)
        self._seen = [member for member in members if member.state is State.SEEN]
        self._known = len(members) - len(self._seen)
        self._ended: Counter[State] = Counter()
        self._refused: Counter[Reason] = Counter()
        self._waiting: Counter[Reason] = Counter()

    def run(self) -> ImportReport:
        """Imports what is still in state seen."""
        for start in range(0, len(self._seen), self.group):
            self._import(start)
        return ImportReport(
            intake=self._intake,
            imported=self._ended[State.IMPORTED],
            duplicates=self._ended[State.DUPLICATE],
            known=self._known,
            refused=dict(self._refused),
            waiting=dict(self._waiting),
        )

    def _looker(self) -> Looker:
        with self._context.store.restricted() as connection:
            paths = names.recall(connection, [one.fingerprint for one in self._seen])
            found = objects.recall(connection, paths)
        return Looker(self._context, self._profile, self._root, paths, found)

    def _paths(self, members: Sequence[Arrival]) -> dict[str, str]:
        with self._context.store.restricted() as connection:
            return names.recall(connection, [one.fingerprint for one in members])

    @cached_property
    def _own_looker(self) -> Looker:
        return self._looker()

    def _import(self, start: int) -> None:
        looker = self._own_looker
        members = self._seen[start : start + self.group]
        self._finish(looker, self._look_at(looker, members, self._open(members), start))

    def _finish(self, looker: Looker, found: Sequence[Looked]) -> None:
        looked = [_intended(one) for one in found]
        placer = self._placer(looker, looked)
        placed = [placer.place(one) for one in looked]
        self._placed(placed)
        self._record(placer, placed)
        for one in placed:
            if one.reason in STOPPING and isinstance(one.value, Failed):
                raise one.value

    def _placer(self, looker: Looker, looked: Sequence[Looked]) -> Places:
        return Placer(self._context, looker, self._intend(looked), self._killed)

    def _placed(self, placed: Sequence[Looked]) -> None:
        """What must be kept before the store says that these files are there."""
        self._keep_tags(placed)

    def _open(self, members: Sequence[Arrival]) -> list[Attempt]:
        opened = [self._attempt(arrival) for arrival in members]
        with self._context.store.write() as connection:
            # What is open was left by a dead importer: nobody else imports this intake now.
            attempts.close_dead_import(connection, self._intake, self._context.now())
            attempts.open_all(connection, opened)
        return opened

    def _look_at(
        self, looker: Looker, members: Sequence[Arrival], opened: Sequence[Attempt], start: int
    ) -> list[Looked]:
        looked = []
        for index, (arrival, attempt) in enumerate(zip(members, opened, strict=True), start + 1):
            looked.append(looker.look(arrival, attempt))
            if self._context.on_progress:
                self._context.on_progress(index, len(self._seen))
        return looked

    def _attempt(self, arrival: Arrival) -> Attempt:
        return Attempt(
            step=Step.IMPORT,
            owner=self._context.owner,
            started=self._context.now(),
            intake=self._intake,
            ordinal=arrival.ordinal,
        )

    def _intend(self, looked: Sequence[Looked]) -> dict[str, Path]:
        """Writes what is about to move to raw/, and finds where each content belongs."""
        found = _contents(looked)
        if not found:
            return {}
        with self._context.store.write() as connection:
            intended = [(one.arrival, one.arrival) for one, _ in found]
            arrivals.save_all(connection, intended, self._context.now())
            return self._targets(connection, looked)

    def _targets(self, connection: Connection, looked: Sequence[Looked]) -> dict[str, Path]:
        """Where each content belongs."""
        found = _contents(looked)
        known = media_table.load(connection, {key for _, key in found})
        return {key: self._target(one, known.get(key)) for one, key in found}

    def _target(self, looked: Looked, known: Media | None) -> Path:
        home = self._context.home
        if known is not None:
            return places.raw_place(home, known)
        if not isinstance(looked.value, Examined):
            raise looked.value
        return places.raw(home, looked.value.sha256, looked.value.info.container)

    def _keep_tags(self, placed: Sequence[Looked]) -> None:
        found = {
            one.value.sha256: one.value.tags
            for one in placed
            if isinstance(one.value, Examined) and one.value.tags
        }
        if found:
            with self._context.store.restricted() as connection:
                identifiers.replace_tags(connection, found)

    def _also(
        self,
        connection: Connection,
        placed: Sequence[Looked],  # noqa: ARG002
        after: Sequence[Arrival],
        now: datetime,
    ) -> None:
        """What is written in the same transaction.

        What needed no cleaning until now waits for it: nobody reads it any more, and nothing stays
        that its file said of itself or was found in it, nor pictures of it.
        """
        again = [one.media for one in after if one.state is State.DUPLICATE and one.media]
        if not again or self._profile.mask is MaskPolicy.NONE:
            return
        known = media_table.load(connection, again)
        open_ = [one for one in known.values() if one.cleaning is Cleaning.NOT_REQUIRED]
        if open_:
            keys = [one.media for one in open_]
            media_table.save(connection, [one.sent_back() for one in open_], now)
            take_back(connection, keys)
            for key in keys:
                for drawn in places.drawn_of(self._context.home, key):
                    drawn.unlink(missing_ok=True)

    def _record(self, placer: Places, placed: Sequence[Looked]) -> None:
        now = self._context.now()
        with self._context.store.write() as connection:
            known = media_table.load(connection, {key for _, key in _contents(placed)})
            new: dict[MediaKey, Media] = {}
            changes = [(one.arrival, self._after(placer, one, known, new)) for one in placed]
            arrivals.save_all(connection, changes, now)
            media_table.add(connection, list(new.values()), now)
            attempts.close_all(connection, [_closed(one, now) for one in placed])
            audit.write(connection, self._context.owner, list(self._deeds(changes)), now)
            self._also(connection, placed, [after for _, after in changes], now)
        for _, after in changes:
            self._count(after)

    def _after(
        self,
        placer: Places,
        looked: Looked,
        known: dict[MediaKey, Media],
        new: dict[MediaKey, Media],
    ) -> Arrival:
        """What becomes of the arrival; a content that nobody knows is entered into `new`."""
        if isinstance(looked.value, Failed):
            if placer.waits(looked):
                return replace(looked.arrival, reason=looked.reason)
            refused = {"state": State.REFUSED, "media": None, "reason": looked.reason}
            return replace(looked.arrival, **refused)  # type: ignore[arg-type]
        key, info = MediaKey(looked.value.sha256), looked.value.info
        state = State.DUPLICATE
        if key in known:
            self._one_copy(looked.path, known[key])
        elif key not in new and looked.path is not None:
            new[key] = self._entered(Media(key, info, self._context.home.relative(looked.path)))
            state = State.IMPORTED
        return replace(looked.arrival, state=state, media=key, reason=None)

    def _entered(self, media: Media) -> Media:
        """A content that nobody knew, as it is entered."""
        return media

    def _one_copy(self, path: Path | None, media: Media) -> None:
        """Keeps one copy, should the raw file have been moved aside since its place was found."""
        said = self._context.home.absolute(media.raw_path)
        if path is not None and path.is_symlink() and path != said and os.path.lexists(said):
            path.unlink()  # never in the place of a file of ours
        elif path is not None and path != said and path.is_file():
            publish(path, said)

    def _deeds(self, changes: Sequence[Change]) -> Iterator[Deed]:
        for _, after in changes:
            if after.state is State.DUPLICATE:
                subject = f"{after.intake}-{after.ordinal:03d}"
                yield Deed("keep_one_copy", subject, {"media": str(after.media)})

    def _count(self, after: Arrival) -> None:
        if after.state is State.SEEN and after.reason:
            self._waiting[after.reason] += 1
        elif after.state is State.REFUSED and after.reason:
            self._refused[after.reason] += 1
        else:
            self._ended[after.state] += 1


def _intended(looked: Looked) -> Looked:
    """The arrival with the hash under which its file is about to be kept."""
    if isinstance(looked.value, Failed):
        return looked
    return replace(looked, arrival=replace(looked.arrival, media=MediaKey(looked.value.sha256)))


def _contents(looked: Sequence[Looked]) -> list[tuple[Looked, MediaKey]]:
    """Those that come in, with the hash of their content."""
    return [(one, MediaKey(one.value.sha256)) for one in looked if isinstance(one.value, Examined)]


def _closed(looked: Looked, now: datetime) -> Attempt:
    outcome = Outcome.FAILED if looked.reason else Outcome.DONE
    return replace(looked.attempt, ended=now, outcome=outcome, reason=looked.reason)
