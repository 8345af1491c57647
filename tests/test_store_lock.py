"""The lock between processes: neither readers nor writers can hog it, and death lets go of it."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from store_builders import start_python

from supervisor_core.reasons import Failed, Reason
from supervisor_core.store.lock import FairLock, hold_file

HOLD = """
import sys
from pathlib import Path
from supervisor_core.store.lock import FairLock
lock = FairLock(Path(sys.argv[1]), "test")
with lock.hold(shared=sys.argv[2] == "shared", wait_s=60):
    print("held", flush=True)
    sys.stdin.readline()
"""

STREAM = """
import sys, time
from pathlib import Path
from supervisor_core.store.lock import FairLock
folder = Path(sys.argv[1])
lock = FairLock(folder, "test")
print("started", flush=True)
while not (folder / "stop").exists():
    with lock.hold(shared=sys.argv[2] == "shared", wait_s=60):
        time.sleep(0.02)
"""


@contextmanager
def holder(folder: Path, kind: str) -> Iterator[subprocess.Popen[str]]:
    process = start_python(HOLD, folder, kind)
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def streaming(folder: Path, kind: str, count: int) -> Iterator[None]:
    """Processes that take the lock again the moment they gave it back."""
    processes = [start_python(STREAM, folder, kind) for _ in range(count)]
    try:
        for process in processes:
            assert process.stdout.readline() == "started\n"
        yield
    finally:
        (folder / "stop").touch()
        ends = [process.communicate(timeout=60) and process.returncode for process in processes]
    assert ends == [0] * count


@pytest.mark.parametrize("readers", [1, 3])
def test_readers_that_never_pause_do_not_starve_a_writer(tmp_path: Path, readers: int) -> None:
    lock = FairLock(tmp_path, "test")
    with streaming(tmp_path, "shared", readers):
        for _ in range(20):
            with lock.hold(shared=False, wait_s=10):
                pass


def test_writers_that_never_pause_do_not_starve_a_reader(tmp_path: Path) -> None:
    lock = FairLock(tmp_path, "test")
    with streaming(tmp_path, "exclusive", 3):
        for _ in range(20):
            with lock.hold(shared=True, wait_s=10):
                pass


def test_readers_are_inside_together_and_a_writer_waits_its_time(tmp_path: Path) -> None:
    lock = FairLock(tmp_path, "test")
    with holder(tmp_path, "shared"):
        with lock.hold(shared=True, wait_s=5):
            pass
        with pytest.raises(Failed) as caught, lock.hold(shared=False, wait_s=0.1):
            pass
    assert caught.value.reason is Reason.STORE_BUSY


def test_one_who_waited_in_vain_leaves_the_way_free(tmp_path: Path) -> None:
    lock = FairLock(tmp_path, "test")
    with holder(tmp_path, "shared"):
        with pytest.raises(Failed), lock.hold(shared=False, wait_s=0.05):
            pass
        with lock.hold(shared=True, wait_s=5):
            pass


@pytest.mark.parametrize("kind", ["shared", "exclusive"])
def test_a_killed_holder_lets_go(tmp_path: Path, kind: str) -> None:
    lock = FairLock(tmp_path, "test")
    with holder(tmp_path, kind) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with lock.hold(shared=False, wait_s=10):
            pass


def test_a_held_file_is_refused_to_others_and_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "intake.lock"
    with hold_file(path) as first:
        with hold_file(path) as second:
            assert (first, second) == (True, False)
        assert path.exists()
    assert not path.exists()
    with hold_file(path) as again:
        assert again
