"""Fits the files to a store that was restored: what came after the backup is found, not lost.

RAW        an original that no row tells of goes into the inbox and comes in again; a link to a
           library's file goes, since a scan finds that file anew
PLACE      an original whose row says raw/ or aside/ goes to where its row says
MADE       what was made of files and no row tells of goes to trash/: it is made again
GONE       media whose cleaned file is gone are cleaned again
RELEASED   a release whose file can't be seen outside any more is lost: it may have been taken back
           after the backup; a file in released/ that no row lets out goes to trash/
TOLD       refused files and recorded sessions that no row tells of stay, and are told
"""

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path, PurePosixPath

from supervisor_core.care.trees import TREES, Lying, list_tree
from supervisor_core.home import Home
from supervisor_core.keys import MediaKey
from supervisor_core.media.files import PART_SUFFIX, publish, sync
from supervisor_core.pipeline import places
from supervisor_core.pipeline.context import Caller, Context
from supervisor_core.pipeline.vanished import lose_vanished
from supervisor_core.states import Cleaning
from supervisor_core.store import audit
from supervisor_core.store import media as media_table
from supervisor_core.store.audit import Deed
from supervisor_core.store.database import Connection
from supervisor_core.store.expectations import Expected, expected

_TAKEN = re.compile(r"(\d{8}_[A-Z2-7]{10})-(\d{3,})\.taken")
_KEPT = re.compile(r"(\d{8}_[A-Z2-7]{10})-(\d{3,})")
_LOOK_S = 600.0
_MADE = (Cleaning.FRAME_LEVEL, Cleaning.ROI_MASK)


@dataclass(frozen=True)
class FoundAgain:
    """How many files were found that the store did not know, or not there.

    `inbox` is the folder of the inbox that originals went into, empty where there were none;
    `missing` are originals that are nowhere; `sessions` the keys of recordings that stay.
    """

    taken_in: int = 0
    links: int = 0
    moved: int = 0
    thrown: int = 0
    cleaned_again: int = 0
    missing: int = 0
    releases_lost: int = 0
    refused: int = 0
    sessions: tuple[str, ...] = ()
    inbox: str = ""


@dataclass(frozen=True)
class Known:
    """What the store tells of."""

    files: Expected
    seen: frozenset[tuple[str, int]]
    arrivals: frozenset[tuple[str, int]]
    variants: frozenset[str]
    sessions: frozenset[str]


def look_for_files(context: Context, profile: str = "") -> FoundAgain:
    """Looks through the home and puts everything where it belongs; can be done again.

    Originals come in again by `profile`, by default as what lies in the inbox itself does. Nothing
    else may work in this home. Raises `Failed`: DeadlineExceeded where a disk does not answer.
    """
    with context.store.read() as connection:
        known = known_files(connection)
        gone = [MediaKey(media) for media in _without_file(context.home, known)]
        chosen = [
            one for one in media_table.load(connection, gone).values() if one.cleaning in _MADE
        ]
    look = _Look(context.home, known, context.now(), profile, dry_run=False)
    found = replace(look.look(context.worker), cleaned_again=len(chosen))
    found = replace(found, releases_lost=lose_vanished(context))
    now = context.now()
    told = {name: value for name, value in vars(found).items() if isinstance(value, int)}
    deeds = [Deed("send_back", one.media, {}) for one in chosen]
    with context.store.write() as connection:
        media_table.save(connection, [one.sent_back() for one in chosen], now)
        deeds.append(Deed("look_for_files", "home", told))
        audit.write(connection, context.owner, deeds, now)
    return found


def would_find(home: Home, worker: Caller, known: Known, now: datetime) -> FoundAgain:
    """What `look_for_files` would find by a store that knows this; nothing is changed."""
    found = _Look(home, known, now, "", dry_run=True).look(worker)
    return replace(found, cleaned_again=len(_without_file(home, known)))


def _without_file(home: Home, known: Known) -> set[str]:
    made = (one for one in known.files.made if one.current)
    return {one.media for one in made if not home.absolute(one.path).exists()}


class _Look:
    def __init__(
        self, home: Home, known: Known, now: datetime, profile: str, *, dry_run: bool
    ) -> None:
        self._home, self._known, self._dry = home, known, dry_run
        stamp = f"restored-{now:%Y%m%dT%H%M%S%f}"
        self._inbox = home.inbox / profile / stamp
        self._trash = home.trash / stamp
        self._rows = {one.media: one for one in known.files.raw}
        self._lying: dict[str, Lying] = {}
        self._counts = dict.fromkeys(("taken_in", "links", "moved", "thrown"), 0)

    def look(self, worker: Caller) -> FoundAgain:
        for tree in (*TREES, "derivatives", "work", "refused"):
            lying = worker.call(list_tree, self._home.root, tree, limit_s=_LOOK_S)
            self._lying |= {one.path: one for one in lying}
        originals = [path for path in self._lying if path.startswith(("raw/", "aside/"))]
        for path in originals:
            self._original(path)
        for path in self._lying:
            if match := _TAKEN.fullmatch(PurePosixPath(path).name):
                if (match[1], int(match[2])) not in self._known.seen:
                    self._take_in(path, match[0].removesuffix(".taken"))
            elif not self._is_told(path):
                self._throw(path)
        there = {PurePosixPath(path).stem for path in originals}
        inbox = self._inbox.relative_to(self._home.root).as_posix()
        return FoundAgain(
            **self._counts,
            missing=len(self._rows.keys() - there),
            refused=sum(map(self._is_refused, self._lying)),
            sessions=tuple(self._sessions()),
            inbox=inbox if self._counts["taken_in"] else "",
        )

    def _original(self, path: str) -> None:
        row = self._rows.get(PurePosixPath(path).stem)
        if row is None and self._home.absolute(path).is_symlink():
            self._counts["links"] += 1
            if not self._dry:
                self._home.absolute(path).unlink()
        elif row is None:
            self._take_in(path, PurePosixPath(path).name)
        elif path != row.path and row.path in self._lying:
            self._throw(path)  # the same bytes a second time
        elif path != row.path:
            self._counts["moved"] += 1
            self._move(path, self._home.absolute(row.path))

    def _is_told(self, path: str) -> bool:
        tree = path.partition("/")[0]
        if tree == "cleaned":
            return path in self._proven
        if tree == "thumbnails":
            return places.shown_by(PurePosixPath(path)) in self._shown
        if tree == "released":
            return path.removesuffix(PART_SUFFIX) in self._free
        return tree != "derivatives" or path in self._known.variants

    @cached_property
    def _proven(self) -> set[str]:
        return {one.path for one in self._known.files.made if one.verified}

    @cached_property
    def _free(self) -> set[str]:
        return {one.path for one in self._known.files.released}

    @cached_property
    def _shown(self) -> set[str]:
        files = self._known.files
        return {one.sha256 for one in files.made} | {one.media for one in files.raw if one.free}

    def _is_refused(self, path: str) -> bool:
        match = _KEPT.fullmatch(PurePosixPath(path).name) if path.startswith("refused/") else None
        return bool(match) and (match[1], int(match[2])) not in self._known.arrivals  # type: ignore[index]

    def _sessions(self) -> Iterator[str]:
        for path in sorted(self._home.recordings.iterdir()):
            if path.is_dir() and path.name not in self._known.sessions:
                yield path.name

    def _take_in(self, path: str, name: str) -> None:
        self._counts["taken_in"] += 1
        self._move(path, self._inbox / name)

    def _throw(self, path: str) -> None:
        self._counts["thrown"] += 1
        self._move(path, self._trash / path.replace("/", "-"))

    def _move(self, path: str, target: Path) -> None:
        if self._dry:
            return
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._home.absolute(path).rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            publish(self._home.absolute(path), target)
        sync(target.parent)


def known_files(connection: Connection) -> Known:
    """What a store tells of."""
    arrivals = connection.execute("SELECT intake, ordinal, state FROM arrival").fetchall()
    variants = connection.execute("SELECT path FROM variant WHERE path IS NOT NULL").fetchall()
    sessions = connection.execute("SELECT intake FROM recording").fetchall()
    return Known(
        files=expected(connection),
        seen=frozenset((key, number) for key, number, state in arrivals if state == "seen"),
        arrivals=frozenset((key, number) for key, number, _ in arrivals),
        variants=frozenset(row[0] for row in variants),
        sessions=frozenset(row[0] for row in sessions),
    )
