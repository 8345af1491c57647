"""`record`: one live stream into a folder of segments, without a store and without Dagster."""

import signal
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import typer

from supervisor_assets.cli import say
from supervisor_assets.cli.codes import code_of
from supervisor_assets.cli.edge import Usage, warn
from supervisor_core.reasons import Reason
from supervisor_core.recording.gaps import Gap
from supervisor_core.recording.listening import Beat, Silent
from supervisor_core.recording.progress import State
from supervisor_core.recording.recorder import Recorder
from supervisor_core.recording.results import Recording, Segment, opening_of, order_of
from supervisor_core.recording.segment_file import Ending
from supervisor_core.recording.source import address_of
from supervisor_core.settings import Settings

_STATES = {State.FROZEN: Reason.STREAM_FROZEN, State.LOOPING: Reason.STREAM_LOOPING}


def run(
    url: str, duration_s: float | None, length_s: float | None, folder: Path, *, as_json: bool
) -> None:
    """Records until the stream ends, its time is over, or Ctrl-C; prints what is there and not."""
    address = address_of(url)
    if address is None:
        raise Usage("The URL must begin with http, https, hls:// or httpstream://.")
    settings = Settings.load()
    opening = opening_of(address, settings)
    order = order_of(opening, folder.absolute(), settings, duration_s=duration_s, length_s=length_s)
    recorder = Recorder(order, _Told())
    _end_in_good_order(recorder)
    recording = recorder.run()
    _print(recording, as_json=as_json)
    if recording.reason:
        raise typer.Exit(code_of(recording.reason))


def _end_in_good_order(recorder: Recorder) -> None:
    """The first signal ends the recording, and what was recorded is told; another ends it all."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        recorder.stop(Ending.CANCELLED)
        for known, handler in before.items():
            signal.signal(known, handler)

    for number in before:
        signal.signal(number, stop)


class _Told(Silent):
    """Tells when the stream freezes or loops."""

    def __init__(self) -> None:
        self._state = State.OK

    def beat(self, beat: Beat) -> None:
        """Tells it once, until the state changes."""
        if beat.state is not self._state and (reason := _STATES.get(beat.state)):
            warn(reason, f"{reason}: {reason.sentence}")
        self._state = beat.state


def report(recording: Recording) -> dict[str, Any]:
    """The object that `--json` prints; times of segments are the stream's, of gaps the clock's."""
    reason = recording.reason
    return {
        "ended": recording.ending.value,
        "reason": reason.value if reason else None,
        "message": reason.sentence if reason else None,
        "next_step": reason.next_step if reason else None,
        "sources": recording.sources,
        "segments": [_segment(segment) for segment in recording.segments],
        "gaps": [_gap(gap) for gap in recording.gaps],
    }


def _segment(segment: Segment) -> dict[str, Any]:
    seen = segment.inspected
    return {
        "file": segment.closed.path.name,
        "frames": seen.frames,
        "first_s": None if seen.first_s is None else round(seen.first_s, 6),
        "last_s": None if seen.last_s is None else round(seen.last_s, 6),
        "bytes": seen.size_bytes,
        "ended": segment.closed.ending.value,
        "state": segment.state.value,
        "decodable": seen.reason is None,
        "reason": seen.reason.value if seen.reason else None,
        "signature": seen.signature,
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "start": _clock(gap.start_s),
        "end": _clock(gap.end_s),
        "reason": gap.reason.value,
        "missing_s": None if gap.missing_s is None else round(gap.missing_s, 3),
    }


def _clock(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds")


def _print(recording: Recording, *, as_json: bool) -> None:
    told = report(recording)
    if as_json:
        say.data_json(told)
    else:
        columns = ("file", "frames", "first_s", "last_s", "bytes", "ended", "state")
        say.table(columns, [[row[name] for name in columns] for row in told["segments"]])
        for row in told["gaps"]:
            say.note("gap " + ", ".join(f"{name} {value}" for name, value in row.items()))
    if recording.reason:
        warn(recording.reason, f"{recording.reason}: {recording.reason.sentence}")
