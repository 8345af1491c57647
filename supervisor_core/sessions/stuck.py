"""Finds recording sessions that do not come on, and makes way for a run that goes on with them.

A recorder is judged by what it leaves: its sign of life in the store, the files that grow in its
folder, the sources it opens. What is stuck is interrupted, and never by that complete.
"""

import os
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from supervisor_core.home import Home
from supervisor_core.keys import IntakeKey
from supervisor_core.processes import descendants
from supervisor_core.reasons import Reason
from supervisor_core.recording.segment_file import SUFFIX
from supervisor_core.repair import LastRun
from supervisor_core.sessions.beginning import folder_of
from supervisor_core.states import Recording as State
from supervisor_core.store import Store, recordings
from supervisor_core.store.owners import pid_here
from supervisor_core.store.recordings import Session

SILENT_S = 120.0
_FACTOR = 2
_END_S = 5.0
_GRACE_S = 20.0  # for the run that whoever began the session has asked for
_SHORTEST_S, _LONGEST_S = 2.0, 300.0


@dataclass(frozen=True)
class Found:
    """A session with the moment at which one of its files grew last, if it has files."""

    session: Session
    written: datetime | None


def look(store: Store, home: Home) -> list[Found]:
    """The sessions that are being recorded, or should be handed over."""
    with store.read() as connection:
        sessions = recordings.in_states(connection, [*recordings.OPEN, State.RECORDED])
    return [Found(one, _written(folder_of(home, one.intake), store.now())) for one in sessions]


def why_stuck(found: Found, now: datetime) -> Reason | None:
    """Why a session that is said to be recorded is not; None for one that comes on.

    RECORDER_DIED when its process is gone or silent for two minutes; SEGMENT_STUCK when for longer
    than that, and twice as long as media may stay away, neither a file has grown nor a source was
    opened.
    """
    session = found.session
    if session.state is not State.RUNNING:
        return None
    if not session.held:
        return Reason.RECORDER_DIED
    if now - (session.beat or session.started) > timedelta(seconds=SILENT_S):
        return Reason.RECORDER_DIED
    limit = timedelta(seconds=max(SILENT_S, _FACTOR * session.limit_s))
    moved = max(filter(None, (found.written, session.opened, session.started)))
    return Reason.SEGMENT_STUCK if now - moved > limit else None


def interrupt(store: Store, session: Session, reason: Reason) -> bool:
    """Ends what is left of a stuck recorder and says so; false when it came on meanwhile."""
    now = store.now()
    with store.write() as connection:
        found = recordings.require(connection, session.intake)
        same = (found.owner, found.epoch, found.beat) == (
            session.owner,
            session.epoch,
            session.beat,
        )
        if found.state is not State.RUNNING or not same:
            return False
        recordings.save(connection, [found.put_down(State.INTERRUPTED, reason)], now)
    if session.owner:
        end_process(session.owner)
    return True


def end_process(owner: str) -> None:
    """Kills an owner's process and all below it; who is stuck in the kernel is left there."""
    pid = pid_here(owner)
    if pid is None or pid == os.getpid():
        return
    family = descendants(pid)
    for one in (pid, *family):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(one, signal.SIGKILL)
    until = time.monotonic() + _END_S
    while pid_here(owner) is not None and time.monotonic() < until:
        time.sleep(0.01)


def due(
    sessions: Iterable[Session], runs: Mapping[IntakeKey, LastRun], now: datetime
) -> list[Session]:
    """Which sessions need a run now: nobody records them, or nobody has handed them over.

    The longer media have stayed away, the longer the wait behind the last run: from 2 s to 5 min.
    """
    return [one for one in sessions if _is_due(one, runs.get(one.intake), now)]


def _is_due(session: Session, run: LastRun | None, now: datetime) -> bool:
    if session.state is State.RUNNING:
        return False
    if run is None:
        return (now - session.updated).total_seconds() >= _GRACE_S
    quiet_s = (now - (session.moved or session.started)).total_seconds()
    if session.state is State.RECORDED:
        quiet_s = (now - session.updated).total_seconds()
    wait_s = min(_LONGEST_S, max(_SHORTEST_S, quiet_s / _FACTOR))
    return not run.active and now.timestamp() - run.ended_s >= wait_s


def _written(folder: Path, now: datetime) -> datetime | None:
    """When one of the folder's files was written last; a time in the future counts as now."""
    times = []
    with suppress(OSError):
        for entry in os.scandir(folder):
            with suppress(OSError):
                if SUFFIX not in entry.name:
                    continue
                times.append(entry.stat(follow_symlinks=False).st_mtime)
    return datetime.fromtimestamp(min(max(times), now.timestamp()), now.tzinfo) if times else None
