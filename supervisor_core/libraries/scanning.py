"""One look at a root: what is new there is recorded, what has changed is written down.

Nothing is hashed or opened, and nothing is ever changed in the root but its marker, once. Whatever
is doubtful (another folder in its place, half of it gone) changes nothing and is told.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from supervisor_core.home import Home
from supervisor_core.inbox.plan import NewIntake
from supervisor_core.keys import Fingerprint, IntakeKey, fingerprint
from supervisor_core.libraries.listing import Entry, Listing
from supervisor_core.libraries.looking import Look, look_at
from supervisor_core.libraries.marker import Mark, leave_mark
from supervisor_core.libraries.relinking import relink, relink_all
from supervisor_core.libraries.rescan import (
    Changes,
    Known,
    compare,
    intakes,
    is_shrunk,
    path_key,
)
from supervisor_core.libraries.roots import Root
from supervisor_core.media.policy import load_profile
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Connection, Store, arrivals, libraries, names, work
from supervisor_core.store.arrivals import Common
from supervisor_core.store.libraries import Event, KnownRoot, Logged, Scan, Seen
from supervisor_core.store.lock import hold_file

Tell = Callable[[str], None]
# Why nothing is believed; a root that can't be listed in time is as good as not there.
_DOUBTFUL = (Reason.LIBRARY_NOT_THERE, Reason.LIBRARY_SHRUNK, Reason.TIMEOUT)


@dataclass(frozen=True)
class Wish:
    """How a root is to be looked at.

    `accept` is a person's word that it is right as it is, `dry_run` changes nothing at all, and
    `at_most` bounds the intakes; what is left over is new again for the next look.
    """

    accept: bool = False
    dry_run: bool = False
    at_most: int | None = None
    settle_s: float = 0.0


@dataclass(frozen=True)
class Report:
    """What a look has shown; `left` files are new but not recorded yet, `busy` still written."""

    scan: Scan
    intakes: tuple[IntakeKey, ...] = ()
    busy: int = 0
    other: int = 0
    unreadable: int = 0
    left: int = 0

    @property
    def reason(self) -> Reason | None:
        """Why nothing was changed."""
        return self.scan.refused_reason


@dataclass
class _Found:
    """What is known while a root is looked at."""

    started: datetime
    listing: Listing = field(default_factory=lambda: Listing(()))
    changes: Changes = field(default_factory=Changes)
    reason: Reason | None = None


def scan(
    store: Store,
    home: Home,
    settings: Settings,
    name: str,
    root: Root,
    wish: Wish | None = None,
    tell: Tell | None = None,
    look: Look = look_at,
) -> Report:
    """Looks at a root and records what is new; see `Wish` and `Report`.

    `look` lists the root; another one may do so in another process.

    Raises `Failed`: UNKNOWN_PROFILE, LEASE_LOST while another process looks at it.
    """
    load_profile(root.profile, settings.profiles_folder or home.root / "profiles")
    with hold_file(home.work / f"scan-{name}.lock") as ours:
        if not ours:
            raise Failed(Reason.LEASE_LOST)
        told = tell or (lambda _: None)
        return _Scan(store, home, name, root, wish or Wish(), told, look).run()


class _Scan:
    def __init__(
        self,
        store: Store,
        home: Home,
        name: str,
        root: Root,
        wish: Wish,
        tell: Tell,
        look: Look,
    ) -> None:
        self._store = store
        self._home = home
        self._name = name
        self._root = root
        self._wish = wish
        self._tell = tell
        self._look_at = look
        self._found = _Found(store.now())

    def run(self) -> Report:
        with self._store.read() as connection:
            before = libraries.find_root(connection, self._name)
            known = libraries.known_files(connection, self._name)
        try:
            self._tell("listing")
            found, self._found.listing = self._look_at(self._root.path, self._wish.settle_s)
            self._tell("comparing")
            mark = self._mark(before, found)
            self._found.changes = self._compare(known)
        except Failed as failed:
            if failed.reason not in _DOUBTFUL:
                raise
            self._found.reason = failed.reason
            return self._refused()
        self._tell("recording")
        return self._record(before, mark)

    def _mark(self, before: KnownRoot | None, found: Mark) -> Mark:
        if before is None or self._wish.accept:
            return found if self._wish.dry_run else leave_mark(self._root.path, self._name)
        if not before.mark.is_of(found):
            raise Failed(Reason.LIBRARY_NOT_THERE)
        return before.mark

    def _compare(self, known: dict[str, Known]) -> Changes:
        listing = self._found.listing
        changes = compare(self._name, listing.entries, known)
        hidden = self._hidden(changes.missing)
        missing = [one for one in changes.missing if one.path_key not in hidden]
        there = sum(one.present for one in known.values())
        left = len(listing.entries) + len(hidden)
        if is_shrunk(there, left) and not self._wish.accept:
            raise Failed(Reason.LIBRARY_SHRUNK, known=there, left=left)
        return replace(changes, missing=missing)

    def _hidden(self, missing: Sequence[Known]) -> set[str]:
        """Those of which the listing can't say whether they are there."""
        listing = self._found.listing
        if not missing or not (listing.unreadable or listing.busy):
            return set()
        by_name = {one.fingerprint: one.path_key for one in missing}
        with self._store.restricted() as connection:
            paths = names.recall(connection, by_name)
        return {by_name[Fingerprint(one)] for one, path in paths.items() if listing.hides(path)}

    def _refused(self) -> Report:
        row = self._row()
        if not self._wish.dry_run:
            with self._store.write() as connection:
                libraries.write_scan(connection, row)
        return Report(row)

    def _record(self, before: KnownRoot | None, mark: Mark) -> Report:
        changes = self._found.changes
        changed = [entry for entry, _ in changes.changed]
        fresh = [*self._named(changed), *self._named(changes.new)]
        wanted = intakes(self._root.profile, fresh, time.time())
        chosen = list(islice(wanted, self._wish.at_most))
        left = len(fresh) - sum(len(new.arrivals) for new in chosen)
        row = self._row(left)
        if not self._wish.dry_run:
            paths: dict[str, str] = {
                file.fingerprint: file.path for new in chosen for file in new.arrivals
            }
            if paths:
                with self._store.restricted() as connection:
                    names.remember(connection, paths)
            with self._store.write() as connection:
                self._write(connection, row, chosen, mark)
            self._relink(before)
        listing = self._found.listing
        return Report(
            row,
            tuple(new.key for new in chosen),
            busy=len(listing.busy),
            other=listing.other,
            unreadable=len(listing.unreadable),
            left=left,
        )

    def _named(self, entries: Sequence[Entry]) -> list[tuple[Entry, Fingerprint]]:
        """Fingerprints; one that was there before, and went, and is back, is another sighting."""
        found = [fingerprint(self._name, *entry) for entry in entries]
        with self._store.read() as connection:
            taken = arrivals.known_among(connection, found)
        now_ns = time.time_ns()
        return [
            (entry, fingerprint(self._name, *entry, now_ns) if name in taken else name)
            for entry, name in zip(entries, found, strict=True)
        ]

    def _write(
        self, connection: Connection, row: Scan, chosen: Sequence[NewIntake], mark: Mark
    ) -> None:
        now = self._store.now()
        libraries.save_root(connection, KnownRoot(self._name, mark, self._place), now)
        arrivals.record_into(connection, chosen, Common(self._name, None, now))
        changes = self._found.changes
        seen = [
            Seen(path_key(self._name, one.path), one.fingerprint, one.size_bytes, one.mtime_ns)
            for new in chosen
            for one in new.arrivals
        ]
        returned = [
            Seen(one.path_key, one.fingerprint, one.size_bytes, one.mtime_ns, one.media)
            for _, one in changes.back
        ]
        libraries.miss(connection, self._name, [one.path_key for one in changes.missing], now)
        libraries.enter(connection, self._name, [*seen, *returned], now)
        back = [one.media for _, one in changes.back if one.media]
        work.queue_again(connection, back, [Reason.FILE_NOT_FOUND, Reason.FILE_CHANGED], now)
        scan_id = libraries.write_scan(connection, row)
        libraries.log(connection, self._events(scan_id, chosen), now)

    def _events(self, scan_id: str, chosen: Sequence[NewIntake]) -> Iterable[Logged]:
        changes = self._found.changes
        former = {path_key(self._name, entry.path): one for entry, one in changes.changed}
        for new in chosen:
            for ordinal, file in enumerate(new.arrivals):
                old = former.get(path_key(self._name, file.path))
                event = Event.CHANGED if old else Event.NEW
                media = old.media if old else None
                yield Logged(self._name, file.fingerprint, event, scan_id, new.key, ordinal, media)
        for event, files in (
            (Event.MISSING, changes.missing),
            (Event.BACK, [one for _, one in changes.back]),
        ):
            for one in files:
                yield Logged(self._name, one.fingerprint, event, scan_id, media=one.media)

    def _relink(self, before: KnownRoot | None) -> None:
        """Points links of files that are gone at another copy, and all when the root has moved."""
        if before is not None and before.place != self._place:
            relink_all(self._store, self._home, self._name, self._root.path)
            return
        changes = self._found.changes
        gone = {
            one.media
            for one in [*changes.missing, *(old for _, old in changes.changed)]
            if one.media
        }
        if gone:
            relink(self._store, self._home, {self._name: self._root.path}, gone)

    @property
    def _place(self) -> str:
        return hashlib.sha256(os.fsencode(self._root.path)).hexdigest()

    def _row(self, left: int = 0) -> Scan:
        changes = self._found.changes
        return Scan(
            source=self._name,
            started=self._found.started,
            ended=self._store.now(),
            listed=len(self._found.listing.entries),
            new=max(0, len(changes.new) - changes.moved - left),
            changed=len(changes.changed),
            moved=changes.moved,
            missing=len(changes.missing) - changes.moved,
            back=len(changes.back),
            unchanged=changes.unchanged,
            refused_reason=self._found.reason,
        )
