"""Whoever listens to a recording hears of every segment, gap and heartbeat, in their order."""

import os
from pathlib import Path

import psutil
import pytest
from hls_server import GROUP, Live, counting
from recording_parts import Heard, order, running, source_of

from supervisor_core.media.files import PART_SUFFIX
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.recorder import Recorder


def test_segments_and_gaps_are_told_as_they_come(tmp_path: Path) -> None:
    heard = Heard()
    with (
        Live(counting(20 * GROUP), stop_at=6).open() as live,
        running(order(live, tmp_path, groups=2), heard) as run,
    ):
        heard.wait_for(lambda: len(heard.segments) == 2)
        assert not run.result
        source_of(os.getpid()).kill()
        heard.wait_for(lambda: heard.beats[-1].number is None)
        live.stop_at, live.step = None, 20
        heard.wait_for(lambda: len(heard.gaps) == 1 and len(heard.segments) > 2)
    (recording,) = run.result
    assert heard.segments == recording.segments
    assert heard.gaps == recording.gaps
    paths = [segment.closed.path for segment in heard.segments]
    assert paths == sorted(paths)


def test_beats_come_while_media_come_stay_away_and_are_waited_for(tmp_path: Path) -> None:
    heard = Heard()
    with (
        Live(counting(20 * GROUP), stop_at=4).open() as live,
        running(order(live, tmp_path, retry_first_s=0.8), heard) as run,
    ):
        heard.wait_for(lambda: bool(heard.beats) and heard.beats[-1].media_s > 1)
        while_on = heard.beats[-1]
        live.status = 404
        source_of(os.getpid()).kill()
        heard.wait_for(lambda: heard.beats[-1].source_pid is None)
        away = heard.beats[-1]
        count = len(heard.beats)
        heard.wait_for(lambda: len(heard.beats) > count + 2)
        live.stop_at, live.step, live.status = None, 20, 200
    assert (while_on.number, while_on.sources) == (1, 1)
    assert while_on.source_pid
    assert while_on.size_bytes > 10_000
    assert away.number is None
    assert away.moved_s == pytest.approx(while_on.moved_s, abs=0.5)
    assert heard.beats[-1].media_s > while_on.media_s
    assert run.result


def test_a_listener_can_end_a_recording(tmp_path: Path) -> None:
    heard, before = Heard(), psutil.Process().children()
    heard.raises = lambda beat: bool(heard.segments)
    with Live(counting(4 * GROUP), ends=False).open() as live, pytest.raises(Failed) as failure:
        Recorder(order(live, tmp_path, groups=2), heard).run()
    assert failure.value.reason is Reason.LEASE_LOST
    assert len(list(tmp_path.glob("*.ts"))) == 2
    assert not list(tmp_path.glob(f"*{PART_SUFFIX}"))
    assert len(heard.segments) == 1  # what was closed in the end is told to nobody
    assert not set(psutil.Process().children()) - set(before)
