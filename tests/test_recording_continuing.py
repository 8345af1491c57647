"""A recorder that was killed is followed by another, which neither loses nor doubles anything."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from hls_server import GROUP, RATE, Live, counting, numbers_in
from recording_parts import Heard, order, record, running

from supervisor_core.media.files import PART_SUFFIX
from supervisor_core.reasons import Reason
from supervisor_core.recording.gaps import Gaps
from supervisor_core.recording.recall import recall
from supervisor_core.recording.recorder import Recorder
from supervisor_core.recording.segment_file import Ending, Folder

PROCESS = Path(__file__).with_name("recording_process.py")


def record_and_kill(live: Live, folder: Path, media_s: float, last_s: float = 0) -> None:
    """Another process records so much; then it and all that came from it end at once."""
    command = [sys.executable, PROCESS, live.url, folder, str(last_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        came = any(float(said) >= media_s for said in process.stdout)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert came
    assert not psutil.wait_procs(children, timeout=10)[1]
    assert list(folder.glob(f"*{PART_SUFFIX}"))


@pytest.mark.campaign
def test_killed_twice_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    with Live(counting(60 * GROUP), step=4).open() as live:
        live.stop_at = 8
        record_and_kill(live, tmp_path, GROUP / RATE)
        live.stop_at = 20
        record_and_kill(live, tmp_path, 6 * GROUP / RATE, time.time())
        live.stop_at, live.step = None, 60
        recording = record(live, tmp_path, groups=5, name="a", last_s=time.time() - 1)
    paths = sorted(tmp_path.glob("*.ts"))
    numbers = numbers_in(paths)
    assert numbers == list(range(numbers[0], 60 * GROUP))
    assert numbers[0] <= 5 * GROUP
    assert [path.name for path in paths] == [f"a_{n + 1:06d}.ts" for n in range(len(paths))]
    assert recording.segments[0].closed.ending is Ending.SALVAGED
    (gap,) = recording.gaps
    assert (gap.reason, gap.missing_s) == (Reason.RECORDER_DIED, 0)
    assert 1 <= gap.end_s - gap.start_s < 20
    assert not list(tmp_path.glob(f"*{PART_SUFFIX}"))


def test_what_the_playlist_no_longer_holds_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a_000001.ts.part").write_bytes(b"".join(counting(60 * GROUP)[:8]))
    with Live(counting(60 * GROUP), published=40, step=60, window=6).open() as live:
        recording = record(live, tmp_path, name="a", last_s=time.time())
    numbers = numbers_in(sorted(tmp_path.glob("*.ts")))
    assert numbers == sorted(set(numbers))
    lost = 60 * GROUP - numbers[0] - len(numbers)
    assert lost >= 20 * GROUP
    assert recording.gaps[0].missing_s == pytest.approx(lost / RATE)


@pytest.mark.campaign
def test_a_recording_goes_on_after_one_that_lies_elsewhere(tmp_path: Path) -> None:
    with Live(counting(20 * GROUP), stop_at=10, step=10).open() as live:
        with running(order(live, tmp_path / "a", groups=2)) as run:
            live.wait_for(lambda: "/9.ts" in live.asked)
            run.recorder.stop()
        (first,) = run.result
        live.stop_at = None
        last = first.segments[-1].closed.path
        wanted = order(live, tmp_path / "b", groups=2, after=last, last_s=time.time())
        second = Recorder(wanted).run()
    begun, gone_on = (
        numbers_in([segment.closed.path for segment in one.segments]) for one in (first, second)
    )
    assert set(begun) | set(gone_on) == set(range(begun[0], 20 * GROUP))
    assert len(set(begun) & set(gone_on)) <= GROUP
    assert [gap.missing_s for gap in second.gaps] == [0]


def test_nobody_knows_what_is_missing_when_nothing_is_left(tmp_path: Path) -> None:
    with Live(counting(8 * GROUP), step=8).open() as live:
        recording = record(live, tmp_path, last_s=time.time() - 100)
    (gap,) = recording.gaps
    assert (gap.reason, gap.missing_s) == (Reason.RECORDER_DIED, None)
    assert gap.end_s - gap.start_s == pytest.approx(100, abs=20)


@pytest.mark.campaign
def test_another_stream_in_the_same_folder_is_no_gap(tmp_path: Path) -> None:
    with Live(counting(4 * GROUP, first=50_000), published=4).open() as live:
        record(live, tmp_path)
    with Live(counting(6 * GROUP), published=6).open() as live:
        recording = record(live, tmp_path)
    assert recording.gaps == []
    assert [segment.inspected.frames for segment in recording.segments] == [6 * GROUP]


@pytest.mark.campaign
def test_a_salvaged_segment_is_told_first(tmp_path: Path) -> None:
    (tmp_path / "a_000004.ts.part").write_bytes(counting(3 * GROUP)[0] + b"\x47 half a packet")
    heard = Heard()
    with (
        Live(counting(GROUP), status=404).open() as live,
        running(order(live, tmp_path, name="a"), heard) as run,
    ):
        pass
    assert run.result[0].ending is Ending.NOT_FOUND
    (segment,) = heard.segments
    assert (segment.closed.path.name, segment.inspected.frames) == ("a_000004.ts", GROUP)


def test_what_can_not_be_read_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a_000001.ts").write_bytes(counting(GROUP)[0])
    (tmp_path / "a_000002.ts").symlink_to("/etc/hostname")
    (tmp_path / "a_000003.ts").write_bytes(b"no packets at all" * 1000)
    recalled = recall(tmp_path, tmp_path / "gone.ts")
    assert recalled.clock.now is not None
    assert (recalled.broken, recalled.clock.elapsed_s) == (None, 0)
    (tmp_path / "b").mkdir()
    assert recall(tmp_path / "b").clock.now is None


def test_a_clock_that_is_set_back_changes_no_order(tmp_path: Path) -> None:
    (tmp_path / "29991231T235959000000Z_000002.ts").write_bytes(b"")
    file = Folder(tmp_path).next_file()
    file.abandon()
    assert file.final.name == "29991231T235959000000Z_000003.ts"


def test_a_gap_is_as_long_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = time.time()
    gaps = Gaps(now_s - 50)
    monkeypatch.setattr(time, "time", lambda: now_s - 3600)  # set back meanwhile
    gaps.resume(None, [])
    (gap,) = gaps.found
    assert gap.end_s - gap.start_s == pytest.approx(50, abs=1)
    assert Gaps(now_s).away_s < 1  # the store's time lies ahead of the clock
