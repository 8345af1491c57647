"""`record` as a user types it: files, JSON, signals, and nothing of the address anywhere."""

import json
import signal
from pathlib import Path

import psutil
import pytest
from command import LIMIT_S, run, start
from hls_server import GROUP, RATE, TOKEN, Live, counting, numbers_in
from recording_parts import holds_a_secret

from supervisor_core.media.files import PART_SUFFIX
from supervisor_core.recording.segment_file import salvage


def test_a_stream_is_recorded_to_its_end(tmp_path: Path) -> None:
    place = tmp_path / "out"
    with Live(counting(12 * GROUP), published=12).open() as live:
        length = ("--segment-length", 3 * GROUP / RATE)
        ran = run("record", live.url, *length, "--output", place, "--json", home=tmp_path / "home")
    told = ran.json
    assert (ran.code, told["ended"], told["reason"], told["gaps"]) == (0, "ended", None, [])
    files = sorted(place.glob("*.ts"))
    assert [segment["file"] for segment in told["segments"]] == [path.name for path in files]
    assert numbers_in(files) == list(range(12 * GROUP))
    assert [segment["frames"] for segment in told["segments"]] == [3 * GROUP] * 4
    assert [segment["bytes"] for segment in told["segments"]] == [f.stat().st_size for f in files]
    assert [segment["ended"] for segment in told["segments"]] == ["age"] * 3 + ["ended"]
    assert all(segment["decodable"] for segment in told["segments"])
    assert TOKEN not in ran.out + ran.err
    assert "127.0.0.1" not in ran.out + ran.err
    assert not (tmp_path / "home").exists()


def test_no_argument_of_any_process_holds_the_address(tmp_path: Path) -> None:
    with Live(counting(4 * GROUP), ends=False).open() as live:
        process = start("record", live.url, "--output", tmp_path / "out", "--json", home=tmp_path)
        live.wait_for(lambda: "/3.ts" in live.asked)
        children = psutil.Process(process.pid).children(recursive=True)
        words = [" ".join(child.cmdline()) for child in children]
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=LIMIT_S)
    assert len(words) >= 1
    assert not any(TOKEN in line for line in words)
    assert process.returncode == 130
    assert '"ended": "cancelled"' in out
    assert not psutil.wait_procs(children, timeout=10)[1]


def test_what_a_killed_recorder_leaves_is_salvaged(tmp_path: Path) -> None:
    place = tmp_path / "out"
    with Live(counting(8 * GROUP), ends=False).open() as live:
        process = start("record", live.url, "--output", place, home=tmp_path)
        live.wait_for(lambda: "/6.ts" in live.asked)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate(timeout=LIMIT_S)
        assert not psutil.wait_procs(children, timeout=10)[1]
    assert list(place.glob(f"*{PART_SUFFIX}"))
    paths = [closed.path for closed in salvage(place)]
    recorded = numbers_in(paths)
    assert len(recorded) > 2 * GROUP
    assert recorded == list(range(recorded[0], recorded[0] + len(recorded)))
    assert not holds_a_secret(place)


@pytest.mark.campaign
def test_a_hostile_playlist_takes_nothing_back(tmp_path: Path) -> None:
    place = tmp_path / "out"
    with Live(counting(4 * GROUP), ends=False).open() as live:
        process = start("record", live.url, "--output", place, "--json", home=tmp_path)
        live.wait_for(lambda: "/3.ts" in live.asked)
        live.playlist = lambda base: "#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n"
        out, err = process.communicate(timeout=LIMIT_S)
    told = json.loads(out)
    assert (process.returncode, told["reason"]) == (1, "ADDRESS_FORBIDDEN")
    assert [segment["frames"] >= 2 * GROUP for segment in told["segments"]] == [True]
    assert "ADDRESS_FORBIDDEN" in err


@pytest.mark.campaign
def test_a_stream_that_is_not_there_is_said(tmp_path: Path) -> None:
    with Live(counting(GROUP), status=404).open() as live:
        ran = run("record", live.url, "--output", tmp_path / "out", "--json", home=tmp_path)
    assert (ran.code, ran.json["reason"], ran.json["segments"]) == (1, "STREAM_NOT_FOUND", [])
    assert TOKEN not in ran.out + ran.err


@pytest.mark.campaign
@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "x", "hls://", "rtmp://127.0.0.1/a", "hls://file:///a"]
)
def test_only_addresses_on_the_web_are_taken(url: str, tmp_path: Path) -> None:
    ran = run("record", url, "--output", tmp_path / "out", "--json", home=tmp_path)
    assert (ran.code, ran.json["reason"]) == (2, "USAGE")
    assert not (tmp_path / "out").exists()
