"""Puts files in the places of others, all of them or none, whenever it is killed.

What is to happen is written down first, in `store/restore.json`. From that moment on it happens:
whoever opens the store or Dagster's home next goes on where the last one was killed, alone, under
the locks of the store. Each step can be made twice.
"""

import json
import os
import shutil
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from supervisor_core.backup.sums import write_private
from supervisor_core.faults import fault
from supervisor_core.home import Home
from supervisor_core.media.files import PART_SUFFIX, sync
from supervisor_core.store.lock import FairLock

STAGE = "restoring"
"""The folder below `store/` in which lies what is to come."""
_PLAN = "restore.json"
_LOGS = (".wal", "-wal", "-shm")


@dataclass(frozen=True)
class Move:
    """`staged` comes to `place`; what is there goes to `away`. All are relative to the home.

    Without `staged`, what is at the place only goes away; it stands before the move of its file.
    """

    place: str
    away: str
    staged: str | None


def swap(home: Home, moves: Sequence[Move], wait_s: float) -> None:
    """Makes the moves. Before it has written them down nothing has changed.

    Raises `Failed(STORE_BUSY)` and OSError; what was written down happens all the same, later.
    """
    plan = home.store / _PLAN
    part = plan.with_name(plan.name + PART_SUFFIX)
    part.unlink(missing_ok=True)
    write_private(part, json.dumps([asdict(move) for move in moves]).encode())
    fault("restore.staged")
    part.rename(plan)
    sync(home.store)
    fault("restore.decided")
    finish_swap(home, wait_s)


def finish_swap(home: Home, wait_s: float) -> bool:
    """Ends what was begun, if something was; says whether it had to."""
    plan = home.store / _PLAN
    if not plan.exists():
        return False
    with (
        FairLock(home.store, "main").hold(shared=False, wait_s=wait_s),
        FairLock(home.store, "restricted").hold(shared=False, wait_s=wait_s),
    ):
        if not plan.exists():
            return False  # another one did
        moves = [Move(**one) for one in json.loads(plan.read_text("ascii"))]
        come = {one.place for one in moves if one.staged and not _there(home, one.staged)}
        for move in moves:
            _make(home, move, come)
        plan.unlink()
        shutil.rmtree(home.store / STAGE, ignore_errors=True)
        sync(home.store)
    fault("restore.done")
    return True


def is_pending(home: Home) -> bool:
    """True while something was begun and not ended."""
    return (home.store / _PLAN).exists()


def _make(home: Home, move: Move, come: Collection[str]) -> None:
    place, away = home.absolute(move.place), home.absolute(move.away)
    if move.staged is None and _owner(move.place) in come:
        return  # it is the log of the file that has come
    if move.staged is not None and not _there(home, move.staged):
        return
    if os.path.lexists(place):
        away.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.replace(away)
        sync(away.parent)
    if move.staged is not None:
        home.absolute(move.staged).rename(place)
    sync(place.parent)
    fault("restore.moved")


def _owner(place: str) -> str:
    """The database that a log is of."""
    return next((place.removesuffix(log) for log in _LOGS if place.endswith(log)), place)


def _there(home: Home, staged: str | None) -> bool:
    return staged is not None and home.absolute(staged).exists()
