"""A recording ends in good order before the disk is full, and also when it is."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hls_server import GROUP, Live, counting, numbers_in
from recording_parts import Heard, order, paths_of

from supervisor_core.media.files import PART_SUFFIX
from supervisor_core.reasons import Reason
from supervisor_core.recording.recorder import Recorder
from supervisor_core.recording.segment_file import Ending

DISK_BYTES = 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB, where the system lets us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.campaign
@pytest.mark.parametrize("reserve_bytes", [0, 300_000])
def test_a_full_disk_ends_a_recording_in_good_order(reserve_bytes: int, small_disk: Path) -> None:
    (small_disk / "other").write_bytes(bytes(400_000))
    heard = Heard()
    with Live(counting(100 * GROUP), published=100).open() as live:
        wanted = order(live, small_disk, groups=6, reserve_bytes=reserve_bytes)
        recording = Recorder(wanted, heard).run()
    assert (recording.ending, recording.reason) == (Ending.DISK_FULL, Reason.DISK_FULL)
    assert heard.segments == recording.segments
    numbers = numbers_in(paths_of(recording))
    assert len(numbers) > 6 * GROUP
    assert numbers[:-1] == list(range(len(numbers) - 1))  # the last frame may be cut off
    assert not list(small_disk.glob(f"*{PART_SUFFIX}"))
    used = sum(path.stat().st_size for path in small_disk.iterdir())
    assert used <= DISK_BYTES - reserve_bytes


def test_nothing_begins_where_there_is_no_room(tmp_path: Path) -> None:
    with Live(counting(GROUP)).open() as live:
        recording = Recorder(order(live, tmp_path, reserve_bytes=2**60)).run()
    assert (recording.reason, recording.sources) == (Reason.DISK_FULL, 0)
    assert live.asked == []
