"""A place in which stuck work can be watched: who is alive, who knocked, what was left behind."""

import os
import select
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import calling_process
import hangs
import pytest

from supervisor_core.deadline import Worker
from supervisor_core.reasons import Failed, Reason

GRACE_S = 0.3
SLACK_S = 1.0
Work = Callable[[str, str], object]
ESCAPED = [hangs.native_holding_the_gil, hangs.with_a_child, hangs.with_an_escaped_child]


class Place:
    """Where one test happens: a scratch folder, a door to knock at, and a mark on all processes."""

    def __init__(self, folder: Path, mark: str) -> None:
        self.folder = folder
        self.door = str(folder / "door")
        self._mark = mark.encode()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.door)
        self._socket.listen()
        self._socket.settimeout(20)

    @property
    def here(self) -> tuple[str, str]:
        return self.door, str(self.folder)

    def meet(self, number: int) -> list[int]:
        """Waits until so many processes have knocked; returns their ids."""
        return [self._meet_one() for _ in range(number)]

    def _meet_one(self) -> int:
        connection, _ = self._socket.accept()
        with connection:
            return int(connection.recv(100).split()[0])

    def processes(self) -> set[int]:
        """Everybody who was started, directly or not, by this test and is still alive."""
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    environment = (entry / "environ").read_bytes().split(b"\0")
                except OSError:
                    continue
                if self._mark in environment:
                    found.add(int(entry.name))
        return found

    def wait_until_deserted(self) -> None:
        """Returns when nobody is alive; fails after ten seconds."""
        until = time.monotonic() + 10
        while somebody := self.processes():
            wait_for_end_of(min(somebody), until - time.monotonic())

    def parts(self) -> list[str]:
        return [path.name for path in self.folder.glob("*.part")]

    def close(self) -> None:
        self._socket.close()


def wait_for_end_of(pid: int, limit_s: float = 10) -> None:
    """Returns when the process, which need not be a child of ours, is dead."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    ready = poll.poll(max(0, limit_s * 1000))
    os.close(descriptor)
    assert ready, "the process is still alive"


def exists(pid: int) -> bool:
    """True even for a process that is dead, but that nobody has reaped."""
    return Path("/proc", str(pid)).exists()


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    mark = uuid.uuid4().hex
    monkeypatch.setenv("DEADLINE_TEST", mark)
    # A socket's path may have 107 characters only, so not pytest's folder.
    with tempfile.TemporaryDirectory(prefix="deadline-") as folder:
        place = Place(Path(folder), f"DEADLINE_TEST={mark}")
        yield place
        place.close()
        assert place.processes() == set()


@pytest.fixture
def worker(place: Place) -> Iterator[Worker]:
    with Worker(grace_s=GRACE_S) as worker:
        yield worker


@pytest.fixture(scope="module")
def warm() -> Iterator[Worker]:
    """One child for all the tests that do it no harm."""
    with Worker(grace_s=GRACE_S) as worker:
        yield worker


@pytest.fixture
def caller(place: Place) -> Iterator[Callable[[str], "subprocess.Popen[bytes]"]]:
    """Starts a process that calls the named work."""
    started = []

    def start(what: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, calling_process.__file__, what, *place.here]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()
    place.wait_until_deserted()


def fails(reason: Reason, work: Callable[[], object]) -> Failed:
    with pytest.raises(Failed) as failure:
        work()
    assert failure.value.reason is reason
    return failure.value
