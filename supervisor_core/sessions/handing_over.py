"""Hands a recorded session over: its files are entered as what came in with its intake.

From there everything goes as for a file from the inbox: looked at, hashed, kept in raw/, cleaned.
The segments that were joined are removed last, once the store knows the files that hold them.
"""

from collections.abc import Sequence
from pathlib import Path

from supervisor_core.home import Home
from supervisor_core.inbox.plan import NewArrival, NewIntake
from supervisor_core.keys import RECORDING_SOURCE, IntakeKey, fingerprint
from supervisor_core.media.files import sync
from supervisor_core.pipeline.context import Context
from supervisor_core.sessions.account import Account, account_of
from supervisor_core.sessions.beginning import KIND, streams
from supervisor_core.states import Recording as State
from supervisor_core.store import arrivals, recordings
from supervisor_core.store.recordings import Session
from supervisor_core.store.requests import Verb, ask
from supervisor_core.store.segments import RecordedFile


def hand_over(context: Context, intake: IntakeKey) -> Account:
    """Enters the files of a recorded session and asks for a run that takes them in.

    One that is handed over already stays as it is.
    """
    with context.store.read() as connection:
        account = account_of(connection, intake)
    if account.session.state is State.RECORDED:
        _enter(context, account)
        with context.store.write() as connection:
            found = recordings.require(connection, intake)
            after = found.put_down(State.HANDED_OVER, found.reason, found.ended)
            recordings.save(connection, [after], context.now())
            ask(connection, Verb.INGEST, intake, context.owner, context.now())
    _remove_joined(context, account)
    with context.store.read() as connection:
        return account_of(connection, intake)


def _enter(context: Context, account: Account) -> None:
    with context.store.read() as connection:
        header = arrivals.find_intake(connection, account.session.intake)
        known = {one.ordinal for one in arrivals.arrivals_of(connection, account.session.intake)}
    new = [file for file in account.files if file.ordinal not in known]
    if header is None or not new:
        return
    files = tuple(_arrival(context.home, file) for file in new)
    one = NewIntake(header.intake, header.profile, KIND, files)
    arrivals.record_intakes(context.store, [one], source=RECORDING_SOURCE)


def _arrival(home: Home, file: RecordedFile) -> NewArrival:
    path = home.absolute(file.path)
    name, status = path.relative_to(home.recordings).as_posix(), path.stat()
    print_ = fingerprint(RECORDING_SOURCE, name, status.st_size, status.st_mtime_ns)
    return NewArrival(print_, name, status.st_size, status.st_mtime_ns)


def _remove_joined(context: Context, account: Account) -> None:
    """Removes the segments that are part of a joined file, unless the stream's table keeps them.

    The last one stays while the stream is configured: by that the next session knows where to go
    on. It goes when that is handed over.
    """
    stream = streams(context.home, context.settings).get(account.session.stream)
    if stream is not None and stream.keep_segments:
        return
    last = account.segments[-1].number if stream is not None and account.segments else None
    _remove(_joined(context.home, account, but=last))
    if former := _former(context, account.session):
        _remove(_joined(context.home, former))


def _former(context: Context, session: Session) -> Account | None:
    """The stream's last session before this one that was handed over."""
    with context.store.read() as connection:
        former = recordings.before(connection, session)
        while former is not None and former.state is State.FAILED:
            former = recordings.before(connection, former)
        if former is None or former.state is not State.HANDED_OVER:
            return None
        return account_of(connection, former.intake)


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in paths if path.parent.is_dir()}:
        sync(folder)


def _joined(home: Home, account: Account, but: int | None = None) -> list[Path]:
    """The segments that are part of a joined file which is proven, but for one of this number."""
    files = (file for file in account.files if file.joined and file.proven)
    held = {number for file in files for number in file.numbers} - {but}
    return [home.absolute(segment.path) for segment in account.segments if segment.number in held]
