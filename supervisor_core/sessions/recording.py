"""Records one session, or goes on with one that was interrupted.

However it ends, the store says so: recorded when the stream or its time is over or a person has
stopped it, interrupted when anything else did, and then another run goes on with it.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.places import failed_from
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.recorder import Recorder
from supervisor_core.recording.results import Order, Recording, opening_of, order_of
from supervisor_core.recording.segment_file import SUFFIX, Ending
from supervisor_core.recording.streams import Stream
from supervisor_core.sessions.beginning import folder_of, streams
from supervisor_core.sessions.scribe import Scribe
from supervisor_core.states import Recording as State
from supervisor_core.store import recordings, segments
from supervisor_core.store.recordings import Asked, Session
from supervisor_core.store.segments import GapRow

_OVER = frozenset({Ending.ENDED, Ending.DURATION, Ending.CANCELLED})
_GONE = frozenset({Ending.NOT_FOUND, Ending.FORBIDDEN})
_JOINS_S = 600.0  # a session that begins so soon after the last one goes on where that ended


def record(context: Context, intake: IntakeKey) -> Session:
    """Records until the session is over, and returns it; one that is over already stays as it is.

    A session of a stream that is not configured any more is over. Raises `Failed`: UNKNOWN_INTAKE,
    ITEM_BUSY while another process records it, BAD_CONFIGURATION, LEASE_LOST when another took it
    over, and what `Recorder.run` raises. The session is interrupted then, and what was recorded
    stays.
    """
    held = _take(context, intake)
    if held.state is not State.RUNNING:
        return held
    try:
        stream = streams(context.home, context.settings).get(held.stream)
        ended = _record(context, held, stream) if stream else _given_up(context, held)
    except Failed as failed:
        _put_down(context, held, State.INTERRUPTED, failed.reason)
        raise
    except OSError as error:
        told = failed_from(error)
        _put_down(context, held, State.INTERRUPTED, told.reason)
        raise told from None
    except BaseException:
        _put_down(context, held, State.INTERRUPTED, Reason.CANCELLED)
        raise
    return _put_down(context, held, *ended)


def conclude(context: Context, intake: IntakeKey, reason: Reason) -> Session:
    """Says that nothing more is recorded of an interrupted session, by a person's word."""
    now = context.now()
    with context.store.write() as connection:
        found = recordings.require(connection, intake)
        if found.state is not State.INTERRUPTED:
            return found
        over = found.put_down(State.RECORDED, reason, found.moved or now)
        recordings.save(connection, [over], now)
    return over


def _take(context: Context, intake: IntakeKey) -> Session:
    now = context.now()
    with context.store.write() as connection:
        found = recordings.require(connection, intake)
        if not found.open:
            return found
        if found.held and found.owner != context.owner:
            raise Failed(Reason.ITEM_BUSY)
        if found.state is State.RUNNING:  # its run died and nobody has noticed
            found = found.put_down(State.INTERRUPTED, Reason.RECORDER_DIED)
        held = found.taken(context.owner, now)
        recordings.save(connection, [held], now)
    return held


def _record(context: Context, held: Session, stream: Stream) -> tuple[State, Reason | None]:
    if held.asked is Asked.STOP:
        return _given_up(context, held)
    over = held.started + timedelta(seconds=stream.session_s)
    left_s = (over - context.now()).total_seconds()
    if left_s <= 0:
        _missed(context, held, over)
        return State.RECORDED, None
    wishes = _Wishes()
    with Scribe(context.store, context.home, held, wishes.heed) as scribe:
        recorder = Recorder(_order(context, held, stream, left_s), scribe)
        wishes.recorder = recorder
        recording = recorder.run()
    if scribe.lost:
        raise Failed(Reason.LEASE_LOST)
    return _outcome(context, held, recording)


def _given_up(context: Context, held: Session) -> tuple[State, Reason]:
    """What becomes of a session that nobody wants recorded any more."""
    return State.RECORDED if _anything(context, held) else State.FAILED, Reason.CANCELLED


def _missed(context: Context, held: Session, over: datetime) -> None:
    """Lists what a session lacks whose time passed while nobody recorded it."""
    start = held.moved or held.started
    if start < over:
        with context.store.write() as connection:
            gap = GapRow(held.intake, start, over, Reason.RECORDER_DIED, None)
            segments.add_gap(connection, gap)


def _anything(context: Context, held: Session) -> bool:
    folder = folder_of(context.home, held.intake)
    return any(folder.glob(f"*{SUFFIX}*"))


class _Wishes:
    """Does what a person asks for with the recorder, once there is one."""

    recorder: Recorder | None = None

    def heed(self, asked: Asked) -> None:
        if self.recorder is None:
            return
        if asked is Asked.CUT:
            self.recorder.cut_soon()
        else:
            self.recorder.stop(Ending.CANCELLED)


def _outcome(context: Context, held: Session, recording: Recording) -> tuple[State, Reason | None]:
    if recording.ending in _OVER:
        return State.RECORDED, recording.reason
    if recording.ending not in _GONE:  # a full disk: the stream may well go on
        raise Failed(recording.reason or Reason.RECORDER_DIED)
    return State.RECORDED if _anything(context, held) else State.FAILED, recording.reason


def _order(context: Context, held: Session, stream: Stream, left_s: float) -> Order:
    order = order_of(
        opening_of(stream.address, context.settings, stream.proxies, stream.quality),
        folder_of(context.home, held.intake),
        context.settings,
        duration_s=left_s,
        length_s=stream.segment_length_s,
        size_bytes=stream.segment_bytes,
    )
    after, ended = _before(context, held)
    last = held.moved or ended
    return replace(order, name=held.intake, last_s=last.timestamp() if last else None, after=after)


def _before(context: Context, held: Session) -> tuple[Path | None, datetime | None]:
    """The last segment of the stream's session before, when this one follows it closely.

    With it comes when media came last, if that session ended because its time was over: what came
    between the two is wanted as well, and missing where the playlist does not reach back to it.
    """
    with context.store.read() as connection:
        before = recordings.before(connection, held)
        rows = segments.segments_of(connection, before.intake) if before else []
    if before is None or not before.ended or not rows:
        return None, None
    path = context.home.absolute(rows[-1].path)
    closely = (held.started - before.ended).total_seconds() <= _JOINS_S
    if not closely or path.suffix != SUFFIX or not path.is_file():
        return None, None
    return path, before.moved if rows[-1].ending is Ending.DURATION else None


def _put_down(context: Context, held: Session, state: State, reason: Reason | None) -> Session:
    now = context.now()
    ended = None if state is State.INTERRUPTED else now
    with context.store.write() as connection:
        found = recordings.require(connection, held.intake)
        if (found.owner, found.epoch) != (held.owner, held.epoch):
            return found
        after = found.put_down(state, reason, ended)
        recordings.save(connection, [after], now)
    return after
