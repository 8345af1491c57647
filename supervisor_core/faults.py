"""Named places where a test can make the program die, hang or see a broken disk.

`SUPERVISOR_FAULT="<point>[:<action>][:<nth>]"` strikes at the nth time (1 when not given) that one
process reaches the point; child processes inherit the variable. Without it a point does nothing.
"""

import errno
import itertools
import os
import re
import signal
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import NoReturn

from supervisor_core.reasons import Failed, Reason

VARIABLE = "SUPERVISOR_FAULT"

# Every point that exists, so that a campaign can walk all of them: whoever publishes something
# (a file's rename, a row) adds its points here.
POINTS = frozenset(
    {
        "call.finished",  # child: the work is done, nobody has been told
        "call.returned",  # caller: the result is here, nothing has been recorded
        "take.renamed",  # a file was moved out of the inbox, nothing has been recorded
        "take.copied",  # a file was copied to another disk, the inbox still holds it too
        "publish.synced",  # a file is complete, but still under its .part name
        "publish.renamed",  # a file has its final name, but no row tells of it
        "mask.staged",  # a cleaned file is complete in work/, no row tells of it
        "import.refused",  # a file lies in refused/, its arrival does not know yet
        "import.returned",  # a file lies in the inbox again, its arrival does not know yet
        "store.made",  # a new database is complete, but still under its .part name
        "store.before_commit",  # a transaction is written, nothing of it counts yet
        "store.after_commit",  # a transaction counts, its caller has not heard of it
    }
)

# Points on the way of a backup and back, which no work on media ever reaches.
CARE_POINTS = frozenset(
    {
        "backup.copied",  # all is copied, nothing of it was read again
        "backup.synced",  # a backup is complete, but has no name yet
        "restore.staged",  # all lies ready beside the store, which is as it was
        "restore.decided",  # from here on whoever comes next finishes the restore
        "restore.moved",  # one more file has changed places
        "restore.done",  # the store is the backup's, files were not looked for yet
    }
)

# Points on the way of a released file out and back, which only a person's word begins.
RELEASE_POINTS = frozenset(
    {
        "release.intended",  # a row says that a file may lie there, nothing does
        "release.placed",  # a file lies there whole, its row does not say so
        "release.taken",  # a file was taken away, its row does not say so
    }
)
_ALL = POINTS | CARE_POINTS | RELEASE_POINTS

_PLAN = re.compile(r"(?P<point>[^:]+)(?::(?P<action>[a-z]+))?(?::(?P<nth>[1-9][0-9]*))?")


def fault(point: str) -> None:
    """Does nothing unless `SUPERVISOR_FAULT` names this point and this is the time it names.

    The action is `kill` (the default: SIGKILL of this process), `hang` (blocks for ever), `error`
    (OSError EIO) or `full` (OSError ENOSPC). Raises `Failed(INTERNAL_ERROR)` for a point that is
    not in one of these lists, and `Failed(BAD_CONFIGURATION)` for a variable that can't be
    understood.
    """
    if point not in _ALL:
        raise Failed(Reason.INTERNAL_ERROR, fault_point=point)
    if text := os.environ.get(VARIABLE):
        _plan(text).reach(point)


def start_over() -> None:
    """Counts from the beginning again, for tests that share one process."""
    _plan.cache_clear()


class _Plan:
    """What one value of the variable asks for, and how often its point was reached so far."""

    def __init__(self, text: str) -> None:
        match = _PLAN.fullmatch(text)
        action = match["action"] or "kill" if match else ""
        if match is None or match["point"] not in _ALL or action not in _ACTIONS:
            raise Failed(Reason.BAD_CONFIGURATION, setting=VARIABLE)
        self._point, self._act = match["point"], _ACTIONS[action]
        self._nth = int(match["nth"] or 1)
        self._times = itertools.count(1)

    def reach(self, point: str) -> None:
        if point == self._point and next(self._times) == self._nth:
            self._act()


@lru_cache(maxsize=8)
def _plan(text: str) -> _Plan:
    return _Plan(text)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang() -> NoReturn:
    while True:
        threading.Event().wait()


def _error() -> NoReturn:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def _full() -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


_ACTIONS: dict[str, Callable[[], None]] = {
    "kill": _kill,
    "hang": _hang,
    "error": _error,
    "full": _full,
}
