"""A recording goes on whatever happens to its source, and tells what it lacks."""

import os
import signal
import time
from pathlib import Path

import pytest
from hls_server import GROUP, RATE, Live, counting, drawn
from recording_parts import (
    WAIT_S,
    Heard,
    holds_a_secret,
    numbers_recorded,
    order,
    paths_of,
    record,
    running,
    source_of,
)

from supervisor_core.media.files import PART_SUFFIX
from supervisor_core.reasons import Reason
from supervisor_core.recording.progress import State
from supervisor_core.recording.results import Recording
from supervisor_core.recording.segment_file import Ending

HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:6\n"


def is_whole(recording: Recording, frames: int) -> bool:
    """True when every frame is there once, from the live edge it began at to the end."""
    numbers = numbers_recorded(recording)
    return numbers == list(range(numbers[0], frames)) and numbers[0] <= 2 * GROUP


@pytest.mark.campaign
def test_thirty_rotations_lose_and_double_nothing(tmp_path: Path) -> None:
    with Live(counting(34 * GROUP), published=34).open() as live:
        recording = record(live, tmp_path, groups=1)
    assert len(recording.segments) == 34
    assert (recording.ending, recording.reason, recording.sources) == (Ending.ENDED, None, 1)
    assert recording.gaps == []
    assert numbers_recorded(recording) == list(range(34 * GROUP))
    assert [segment.inspected.frames for segment in recording.segments] == [GROUP] * 34
    assert {segment.inspected.reason for segment in recording.segments} == {None}
    assert {segment.state for segment in recording.segments} == {State.OK}
    assert not list(tmp_path.glob(f"*{PART_SUFFIX}"))
    assert not holds_a_secret(tmp_path)


@pytest.mark.campaign
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_source_that_dies_or_hangs_is_opened_again(
    number: signal.Signals, tmp_path: Path
) -> None:
    frames = 40 * GROUP
    with (
        Live(counting(frames), step=2, stop_at=6).open() as live,
        running(order(live, tmp_path, stall_s=30.0 if number is signal.SIGKILL else 2.0)) as run,
    ):
        live.wait_for(lambda: "/5.ts" in live.asked)
        source = source_of(os.getpid())
        source.send_signal(number)
        live.asked.clear()
        live.wait_for(lambda: live.count("/0.ts") > 0)  # it is opened again, from the start
        live.stop_at, live.step = None, 20
    (recording,) = run.result
    assert recording.ending is Ending.ENDED
    ending, reason = {
        signal.SIGKILL: (Ending.DIED, Reason.SOURCE_DIED),
        signal.SIGSTOP: (Ending.STALLED, Reason.SOURCE_STALLED),
    }[number]
    assert recording.segments[0].closed.ending is ending
    assert recording.gaps[0].reason is reason
    assert recording.gaps[0].end_s - recording.gaps[0].start_s < 30
    assert all(gap.missing_s == 0 for gap in recording.gaps)
    assert is_whole(recording, frames)
    assert not source.is_running()


@pytest.mark.campaign
def test_a_playlist_that_stands_still_is_a_stall_and_no_end(tmp_path: Path) -> None:
    with (
        Live(counting(20 * GROUP), stop_at=4).open() as live,
        running(order(live, tmp_path, stall_s=1.0)) as run,
    ):
        live.wait_for(lambda: live.count("/0.ts") > 0)  # opened again
        live.stop_at, live.step = None, 20
    (recording,) = run.result
    assert [gap.reason for gap in recording.gaps][:1] == [Reason.SOURCE_STALLED]
    assert recording.ending is Ending.ENDED
    assert is_whole(recording, 20 * GROUP)


@pytest.mark.campaign
def test_a_stream_that_is_away_for_a_while_is_recorded_on(tmp_path: Path) -> None:
    with (
        Live(counting(20 * GROUP), stop_at=4).open() as live,
        running(order(live, tmp_path, gone_s=WAIT_S)) as run,
    ):
        live.wait_for(lambda: "/3.ts" in live.asked)
        live.status = 404
        source_of(os.getpid()).kill()
        live.asked.clear()
        live.wait_for(lambda: live.count("m3u8") > 1)
        live.stop_at, live.step, live.status = None, 20, 200
    (recording,) = run.result
    assert [gap.reason for gap in recording.gaps] == [Reason.SOURCE_DIED]
    assert recording.sources > 2
    assert is_whole(recording, 20 * GROUP)
    assert not holds_a_secret(tmp_path)


def test_what_the_playlist_no_longer_holds_is_a_gap(tmp_path: Path) -> None:
    heard = Heard()
    with (
        Live(counting(40 * GROUP), stop_at=4, window=4).open() as live,
        running(order(live, tmp_path), heard) as run,
    ):
        heard.wait_for(lambda: any(beat.media_s > GROUP / RATE for beat in heard.beats))
        with live.closed():
            source_of(os.getpid()).kill()
            heard.wait_for(lambda: heard.beats[-1].number is None)
            live.stop_at, live.published, live.step = None, 20, 20
    (recording,) = run.result
    recorded = numbers_recorded(recording)
    missing = set(range(recorded[0], 40 * GROUP)) - set(recorded)
    assert missing >= set(range(4 * GROUP, 16 * GROUP))
    assert len(set(recorded)) == len(recorded)
    assert [gap.missing_s for gap in recording.gaps] == [pytest.approx(len(missing) / RATE)]


def test_a_stream_that_is_not_there_is_given_up_soon(tmp_path: Path) -> None:
    with Live(counting(GROUP), status=404).open() as live:
        recording = record(live, tmp_path)
    assert (recording.ending, recording.reason) == (Ending.NOT_FOUND, Reason.STREAM_NOT_FOUND)
    assert recording.segments == []
    assert recording.sources == 3


def test_another_clock_in_the_stream_begins_another_segment(tmp_path: Path) -> None:
    segments = counting(3 * GROUP) + drawn(tuple(range(100, 100 + 3 * GROUP)), 7000.0)
    with Live(segments, step=9, discontinuities=(3,)).open() as live:
        recording = record(live, tmp_path)
    assert recording.ending is Ending.ENDED
    assert [gap.reason for gap in recording.gaps] == [Reason.STREAM_JUMPED]
    assert numbers_recorded(recording) == [*range(3 * GROUP), *range(100, 100 + 3 * GROUP)]
    assert len(recording.segments) == 2


@pytest.mark.campaign
@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_a_picture_that_stands_still_is_frozen(noise: float, tmp_path: Path) -> None:
    heard = Heard()
    with (
        Live(drawn((7,) * 20 * GROUP, noise=noise), step=5).open() as live,
        running(order(live, tmp_path, groups=4, frozen_s=2.0), heard) as run,
    ):
        heard.wait_for(lambda: State.FROZEN in [beat.state for beat in heard.beats])
    (recording,) = run.result
    assert len(recording.segments) > 2  # each is shorter than it has to stand still
    states = [segment.state for segment in recording.segments]
    assert (states[0], states[-1]) == (State.OK, State.FROZEN)


def test_content_that_comes_again_is_looping(tmp_path: Path) -> None:
    with Live(counting(5 * GROUP) * 4, published=20).open() as live:
        recording = record(live, tmp_path)
    assert [segment.state for segment in recording.segments] == [
        State.OK,
        State.LOOPING,
        State.LOOPING,
        State.LOOPING,
    ]


@pytest.mark.campaign
def test_content_that_is_coded_anew_each_time_is_looping_too(tmp_path: Path) -> None:
    """Other noise, other key frames: 97 pictures are no multiple of a group."""
    with Live(drawn(tuple(range(97)) * 3, noise=3.0), published=100).open() as live:
        recording = record(live, tmp_path)
    assert [segment.state for segment in recording.segments] == [State.LOOPING]


def test_a_recording_ends_after_its_time(tmp_path: Path) -> None:
    with Live(counting(4 * GROUP), ends=False).open() as live:
        began = time.monotonic()
        recording = record(live, tmp_path, duration_s=2.0, stall_s=20.0)
    assert time.monotonic() - began < 15
    assert (recording.ending, recording.reason) == (Ending.DURATION, None)
    assert is_whole(recording, 4 * GROUP)


def test_a_cut_on_demand_loses_nothing(tmp_path: Path) -> None:
    with (
        Live(counting(20 * GROUP), stop_at=4).open() as live,
        running(order(live, tmp_path, stall_s=20.0)) as run,
    ):
        live.wait_for(lambda: any(tmp_path.glob(f"*{PART_SUFFIX}")))
        run.recorder.cut_soon()
        live.stop_at, live.step = None, 20
    (recording,) = run.result
    assert len(recording.segments) == 2
    assert is_whole(recording, 20 * GROUP)


@pytest.mark.parametrize(
    "named",
    [
        "file:///etc/hostname",
        "FILE:/etc/hostname",
        "http://127.0.0.1:9/0.ts",
        "http://[::1]/0.ts",
        "http://169.254.169.254/latest",
    ],
)
def test_a_playlist_can_not_lead_elsewhere(named: str, tmp_path: Path) -> None:
    def playlist(base: str) -> str:
        return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{named}\n"

    with Live(counting(GROUP), playlist=playlist).open() as live:
        recording = record(live, tmp_path)
    assert (recording.ending, recording.segments) == (Ending.FORBIDDEN, [])
    assert recording.reason is Reason.ADDRESS_FORBIDDEN
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".log"] == []


def test_what_came_before_a_hostile_playlist_is_told(tmp_path: Path) -> None:
    heard = Heard()
    with (
        Live(counting(20 * GROUP), stop_at=6).open() as live,
        running(order(live, tmp_path, groups=2), heard) as run,
    ):
        heard.wait_for(lambda: len(heard.segments) > 1)
        live.playlist = lambda base: f"{HEAD}#EXTINF:1,\nhttp://127.0.0.1:9/0.ts\n"
    (recording,) = run.result
    assert (recording.ending, recording.reason) == (Ending.FORBIDDEN, Reason.ADDRESS_FORBIDDEN)
    numbers = numbers_recorded(recording)
    assert numbers == list(range(numbers[0], 6 * GROUP))
    assert heard.segments == recording.segments


@pytest.mark.parametrize("tag", ['KEY:METHOD=AES-128,URI="{}"', 'MAP:URI="{}"'])
def test_nor_can_a_key_or_a_map(tag: str, tmp_path: Path) -> None:
    def playlist(base: str) -> str:
        line = tag.format("http://127.0.0.1:9/key")
        return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-{line}\n#EXTINF:1,\n{base}/0.ts\n"

    with Live(counting(GROUP), playlist=playlist).open() as live:
        recording = record(live, tmp_path)
    assert (recording.ending, recording.segments) == (Ending.FORBIDDEN, [])
    assert recording.reason is Reason.ADDRESS_FORBIDDEN


def test_every_file_is_in_name_order_and_whole(tmp_path: Path) -> None:
    with Live(counting(12 * GROUP), step=12).open() as live:
        first = record(live, tmp_path, groups=3)
        live.published = 3
        second = record(live, tmp_path, groups=3)
    paths = paths_of(first) + paths_of(second)
    assert paths == sorted(tmp_path.glob("*.ts"))
    assert all(path.stat().st_mode & 0o077 == 0 for path in paths)
