"""Whatever the work is stuck in and whoever dies: it ends in time and nothing is left behind."""

import errno
import logging
import math
import os
import pickle
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import calling_process
import hangs
import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, lists

from supervisor_core import deadline, faults
from supervisor_core.deadline import DeadlineExceeded, Worker, WorkerCrashed, report_progress
from supervisor_core.reasons import Failed, Reason
from supervisor_core.wire import Channel, Message

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


# Stuck work


@pytest.mark.parametrize(
    ("work", "knocks", "limit_s"),
    [
        (hangs.native, 1, 0.4),
        (hangs.native_holding_the_gil, 1, 0.4),
        (hangs.silent_socket, 1, 0.4),
        (hangs.busy_loop, 1, 0.4),
        (hangs.ignoring_sigterm, 1, 0.4),
        (hangs.stopped, 1, 0.4),
        (hangs.with_a_restless_child, 1, 0.4),
        (hangs.with_a_child, 2, 1.2),
        (hangs.with_an_escaped_child, 2, 1.2),
        (hangs.with_a_worker_of_its_own, 2, 1.2),
    ],
)
def test_stuck_work_ends_in_time_and_the_fallback_starts(
    work: Work, knocks: int, limit_s: float, worker: Worker, place: Place
) -> None:
    guardian = worker.call(os.getppid, limit_s=20)
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded) as failure:
        worker.call(work, *place.here, limit_s=limit_s, scratch=[place.folder])
    assert time.monotonic() - started <= limit_s + GRACE_S + SLACK_S
    assert (failure.value.reason, failure.value.facts) == (Reason.TIMEOUT, {"limit_s": limit_s})
    family = {guardian, *place.meet(knocks)}
    assert place.processes() == set()
    assert not any(map(exists, family))
    assert place.parts() == []
    assert worker.call(os.getpid, limit_s=20) not in family


def test_a_job_that_the_child_does_not_even_read_ends_in_time(worker: Worker, place: Place) -> None:
    os.kill(worker.call(os.getpid, limit_s=20), signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        worker.call(len, bytes(10_000_000), limit_s=0.4)
    assert time.monotonic() - started <= 0.4 + GRACE_S + SLACK_S
    assert place.processes() == set()


def test_a_stopped_process_is_woken_to_be_asked(place: Place) -> None:
    with Worker(grace_s=10) as worker:
        started = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            worker.call(hangs.stopped, *place.here, limit_s=0.4)
        assert time.monotonic() - started < 5  # so it was not killed at the end of its grace


def test_a_stuck_guardian_does_not_keep_stuck_work_alive(worker: Worker, place: Place) -> None:
    os.kill(worker.call(os.getppid, limit_s=20), signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        worker.call(hangs.with_an_escaped_child, *place.here, limit_s=1.2, scratch=[place.folder])
    assert time.monotonic() - started <= 1.2 + GRACE_S + SLACK_S
    place.meet(2)
    assert place.processes() == set()
    assert place.parts() == []
    assert worker.call(math.sqrt, 4, limit_s=20) == 2


def test_a_used_up_budget_starts_nothing(worker: Worker, place: Place) -> None:
    for limit_s in (0, -3.5):
        with pytest.raises(DeadlineExceeded):
            worker.call(os.getpid, limit_s=limit_s)
    with pytest.raises(ValueError, match="finite"):
        worker.call(os.getpid, limit_s=math.inf)
    assert place.processes() == set()


# Somebody dies


@pytest.mark.parametrize("work", ESCAPED)
def test_killing_the_caller_leaves_nothing(
    work: Work, caller: Callable[[str], "subprocess.Popen[bytes]"], place: Place
) -> None:
    process = caller(work.__name__)
    place.meet(1 if work is hangs.native_holding_the_gil else 2)
    assert place.parts() == ["half.part"]
    process.kill()
    place.wait_until_deserted()
    assert place.parts() == []


def test_killing_the_caller_between_two_calls_leaves_nothing(
    caller: Callable[[str], "subprocess.Popen[bytes]"], place: Place
) -> None:
    process = caller("leave_a_child")
    place.meet(3)
    assert len(place.processes()) == 4  # caller, guardian, worker, its escaped child
    process.kill()
    place.wait_until_deserted()
    assert place.parts() == []


def test_a_fork_of_the_caller_that_lives_on_does_not_hide_its_death(
    caller: Callable[[str], "subprocess.Popen[bytes]"], place: Place
) -> None:
    process = caller("fork_first")
    fork, stuck = place.meet(2)
    process.kill()
    wait_for_end_of(stuck)
    os.kill(fork, signal.SIGKILL)
    place.wait_until_deserted()
    assert place.parts() == []


def test_a_caller_that_ends_without_closing_leaves_nothing(
    caller: Callable[[str], "subprocess.Popen[bytes]"], place: Place
) -> None:
    process = caller("leave_a_child")
    place.meet(3)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert place.processes() == set()
    assert place.parts() == ["half.part"]  # an orderly caller keeps what its calls wrote


def test_killing_the_guardian_leaves_nothing(worker: Worker, place: Place) -> None:
    guardian = worker.call(os.getppid, limit_s=20)
    killer = threading.Thread(
        target=lambda: (place.meet(2), os.kill(guardian, signal.SIGKILL)),
    )
    killer.start()
    with pytest.raises(WorkerCrashed):
        worker.call(hangs.with_an_escaped_child, *place.here, limit_s=60, scratch=[place.folder])
    killer.join()
    assert place.processes() == set()
    assert place.parts() == []
    assert worker.call(math.sqrt, 4, limit_s=20) == 2


def test_killing_caller_and_guardian_at_once_ends_the_worker(
    caller: Callable[[str], "subprocess.Popen[bytes]"], place: Place
) -> None:
    process = caller("native_holding_the_gil")
    (stuck,) = place.meet(1)
    (guardian,) = place.processes() - {process.pid, stuck}
    os.kill(process.pid, signal.SIGSTOP)  # so that it can't do what the kernel is to do
    os.kill(guardian, signal.SIGKILL)
    wait_for_end_of(stuck)


@pytest.mark.parametrize(
    ("code", "facts"), [(3, {"exit_code": 3}), (-signal.SIGKILL, {"signal": signal.SIGKILL})]
)
def test_a_worker_that_dies_takes_its_children_along(
    code: int, facts: dict[str, int], worker: Worker, place: Place
) -> None:
    fifo = place.folder / "fifo"
    os.mkfifo(fifo)
    opener = threading.Thread(target=lambda: (place.meet(2), fifo.write_bytes(b"")))
    opener.start()
    with pytest.raises(WorkerCrashed) as failure:
        worker.call(
            hangs.leave_a_child_and_wait_for,
            *place.here,
            str(fifo),
            code,
            limit_s=60,
            scratch=[place.folder],
        )
    opener.join()
    assert failure.value.facts == facts
    assert place.processes() == set()
    assert place.parts() == []
    assert worker.call(math.sqrt, 4, limit_s=20) == 2


def test_a_native_crash_says_its_signal(worker: Worker) -> None:
    with pytest.raises(WorkerCrashed) as failure:
        worker.call(hangs.segfault, limit_s=20)
    assert failure.value.facts == {"signal": signal.SIGSEGV}


def test_a_worker_that_died_between_two_calls_is_replaced(worker: Worker, place: Place) -> None:
    first, guardian = worker.call(os.getpid, limit_s=20), worker.call(os.getppid, limit_s=20)
    os.kill(first, signal.SIGKILL)
    wait_for_end_of(guardian)
    assert worker.call(os.getpid, limit_s=20) != first


def test_the_thread_that_started_the_worker_may_end(worker: Worker) -> None:
    pids: list[int] = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: pids.append(worker.call(os.getpid, limit_s=20)))
        thread.start()
        thread.join()
    assert worker.call(os.getpid, limit_s=20) == pids[0] == pids[1]


def test_a_fork_of_the_caller_gets_a_worker_of_its_own(worker: Worker, place: Place) -> None:
    before, in_fork, after = worker.call(hangs.use_one_worker_on_both_sides_of_a_fork, limit_s=20)
    assert before == after != in_fork


def test_many_kills_leave_no_descriptor_open(worker: Worker, place: Place) -> None:
    def kill_once() -> int:
        with pytest.raises(WorkerCrashed):
            worker.call(os._exit, 1, limit_s=20)
        return len(list(Path("/proc/self/fd").iterdir()))

    assert kill_once() == [kill_once() for _ in range(5)][-1]


@pytest.mark.parametrize(
    "content",
    [b"not a message, but what a library printed", b"svis", b"svis\x07" + bytes(7) + b"\x02\x7f"],
    ids=["garbage", "cut", "half"],
)
def test_what_is_no_message_is_a_crash_or_runs_into_the_limit(
    content: bytes, worker: Worker, place: Place
) -> None:
    with pytest.raises((WorkerCrashed, DeadlineExceeded)) as failure:
        worker.call(
            hangs.write_to_caller, content, *place.here, limit_s=1.0, scratch=[place.folder]
        )
    assert failure.type is (WorkerCrashed if content.startswith(b"not") else DeadlineExceeded)
    assert place.processes() == set()
    assert place.parts() == []


def test_an_answer_that_can_not_be_read_is_a_crash(worker: Worker, place: Place) -> None:
    number = 2  # of the call, the child's start being the first
    forged = b"svis\x07" + number.to_bytes(8, "big") + (5).to_bytes(4, "big") + b"dirty"
    with pytest.raises(WorkerCrashed):
        worker.call(hangs.write_to_caller, forged, *place.here, limit_s=20, scratch=[place.folder])
    assert place.processes() == set()
    assert place.parts() == []


@given(sizes=lists(integers(0, 300_000), max_size=4), pieces=lists(integers(1, 70_000)))
def test_messages_survive_any_cutting(sizes: list[int], pieces: list[int]) -> None:
    stream = b"".join(
        b"svis\x07" + n.to_bytes(8, "big") + size.to_bytes(4, "big") + bytes(size)
        for n, size in enumerate(sizes)
    )
    received = [(m.number, len(m.payload)) for m in take_all(stream, pieces)]
    assert received == list(enumerate(sizes))


@given(content=binary(max_size=200), pieces=lists(integers(1, 50)))
def test_no_bytes_can_break_the_reader(content: bytes, pieces: list[int]) -> None:
    for message in take_all(content, pieces):
        assert content.startswith(b"svis")
        assert len(message.payload) < len(content)


def take_all(stream: bytes, pieces: list[int]) -> list[Message]:
    """What a reader makes of `stream`, written in pieces of these sizes and then in one."""
    here, there = socket.socketpair()
    reader, messages, position = Channel(here.detach()), [], 0
    with there:
        for size in [*pieces, *[60_000] * (1 + len(stream) // 60_000)]:
            there.send(stream[position : position + size])
            position += size
            messages += reader.take()
    messages += reader.take()
    reader.close()
    return messages


def test_a_child_that_hangs_up_is_a_crash(worker: Worker, place: Place) -> None:
    with pytest.raises(WorkerCrashed):
        worker.call(hangs.close_connection, *place.here, limit_s=20, scratch=[place.folder])
    assert place.processes() == set()
    assert place.parts() == []


# Somebody stops it


def test_an_interrupt_ends_the_work_and_goes_on(worker: Worker, place: Place) -> None:
    stopper = threading.Thread(
        target=lambda: (place.meet(2), os.kill(os.getpid(), signal.SIGINT)),
    )
    stopper.start()
    with pytest.raises(KeyboardInterrupt):
        worker.call(hangs.with_an_escaped_child, *place.here, limit_s=60, scratch=[place.folder])
    stopper.join()
    assert place.processes() == set()
    assert place.parts() == []


def test_closing_from_another_thread_cancels(worker: Worker, place: Place) -> None:
    closer = threading.Thread(target=lambda: (place.meet(2), worker.close()))
    closer.start()
    failure = fails(
        Reason.CANCELLED,
        lambda: worker.call(
            hangs.with_an_escaped_child, *place.here, limit_s=60, scratch=[place.folder]
        ),
    )
    closer.join()
    assert failure.facts == {}
    assert place.processes() == set()
    assert place.parts() == []


def test_asking_the_guardian_to_end_cancels(worker: Worker, place: Place) -> None:
    guardian = worker.call(os.getppid, limit_s=20)
    stopper = threading.Thread(
        target=lambda: (place.meet(1), os.kill(guardian, signal.SIGTERM)),
    )
    stopper.start()
    fails(Reason.CANCELLED, lambda: worker.call(hangs.native, *place.here, limit_s=60))
    stopper.join()
    assert place.processes() == set()


def test_an_error_in_the_progress_callback_ends_the_work(worker: Worker, place: Place) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyError(done, total)

    with pytest.raises(KeyError) as failure:
        worker.call(
            hangs.report_and_hang,
            *place.here,
            limit_s=60,
            scratch=[place.folder],
            on_progress=stop,
        )
    assert failure.value.args == (1, 2)
    assert place.processes() == set()
    assert place.parts() == []


def test_closing_twice_or_unused_is_nothing_special(place: Place) -> None:
    Worker().close()
    with Worker() as worker:
        first = worker.call(os.getpid, limit_s=20)
        worker.close()
        worker.close()
        assert place.processes() == set()
        assert worker.call(os.getpid, limit_s=20) != first
    assert place.processes() == set()


def test_a_worker_nobody_holds_any_more_ends(place: Place) -> None:
    worker = Worker()
    worker.call(os.getpid, limit_s=20)
    del worker
    assert place.processes() == set()


# Scratch


def test_only_parts_of_a_failed_call_are_removed(worker: Worker, place: Place) -> None:
    other = place.folder / "other"
    other.mkdir()
    kept = [place.folder / "done.mp4", other / "elsewhere.part", place.folder / "door"]
    kept[0].touch()
    kept[1].touch()
    (place.folder / "folder.part").mkdir()
    (place.folder / "link.part").symlink_to(kept[1])
    worker.call(hangs.begin, *place.here, limit_s=20, scratch=[place.folder])
    assert set(place.parts()) == {"half.part", "link.part", "folder.part"}
    with pytest.raises(WorkerCrashed):
        worker.call(os._exit, 1, limit_s=20, scratch=[place.folder, place.folder / "missing"])
    assert place.parts() == ["folder.part"]
    assert all(path.exists() for path in kept)


# Answers


def test_arguments_and_results_travel(warm: Worker) -> None:
    assert warm.call(sorted, [3, 1, 2], limit_s=20, reverse=True) == [3, 2, 1]
    assert warm.call(hangs.of_size, 5_000_000, limit_s=20) == bytes(5_000_000)
    assert warm.call(len, bytes(5_000_000), limit_s=20) == 5_000_000


def test_a_failure_arrives_as_it_was_raised(warm: Worker) -> None:
    failure = fails(Reason.DECODE_FAILED, lambda: warm.call(hangs.raise_failed, limit_s=20))
    assert failure.facts == {"frame": 7}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ENOSPC, Reason.DISK_FULL),
        (errno.EDQUOT, Reason.DISK_FULL),
        (errno.EIO, Reason.IO_ERROR),
        (errno.EACCES, Reason.INTERNAL_ERROR),
    ],
)
def test_a_disk_error_arrives_as_its_reason(code: int, reason: Reason, warm: Worker) -> None:
    arguments = (OSError, code, "refused", hangs.PATIENT)
    failure = fails(reason, lambda: warm.call(hangs.raise_error, *arguments, limit_s=20))
    assert hangs.PATIENT not in repr(failure) + str(failure)


def test_any_other_error_arrives_as_its_type_and_place_without_its_text(warm: Worker) -> None:
    failure = fails(Reason.INTERNAL_ERROR, lambda: warm.call(hangs.raise_in_a_library, limit_s=20))
    line = hangs.raise_in_a_library.__code__.co_firstlineno + 1
    assert failure.facts == {"error": "FileNotFoundError", "place": f"hangs:{line}"}
    assert hangs.PATIENT not in repr(failure) + str(failure)
    assert failure.__cause__ is None
    assert failure.__context__ is None


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, RecursionError])
def test_no_exception_gets_away(kind: type[BaseException], warm: Worker) -> None:
    pid = warm.call(os.getpid, limit_s=20)
    failure = fails(Reason.INTERNAL_ERROR, lambda: warm.call(hangs.raise_error, kind, limit_s=20))
    assert failure.facts["error"] == kind.__name__
    assert warm.call(os.getpid, limit_s=20) == pid


def test_running_out_of_memory_is_a_crash_and_brings_a_fresh_worker(worker: Worker) -> None:
    pid = worker.call(os.getpid, limit_s=20)
    with pytest.raises(WorkerCrashed) as failure:
        worker.call(hangs.eat_memory, limit_s=20)
    assert failure.value.facts == {"error": "MemoryError"}
    assert worker.call(os.getpid, limit_s=20) != pid


def test_what_can_not_travel_is_a_mistake_and_harms_nothing(warm: Worker) -> None:
    pid = warm.call(os.getpid, limit_s=20)
    too_large = deadline.MAX_BYTES + 1
    for function, arguments in (
        (lambda: None, ()),
        (len, (threading.Lock(),)),
        (hangs.unpicklable, ()),
        (hangs.of_size, (too_large,)),
        (len, (bytes(too_large),)),
        (calling_process_main_function(), ()),
    ):
        fails(Reason.INTERNAL_ERROR, lambda f=function, a=arguments: warm.call(f, *a, limit_s=20))  # type: ignore[misc]
    assert warm.call(os.getpid, limit_s=20) == pid


def calling_process_main_function() -> Callable[[], Any]:
    """A function as it looks when its module was started as a script."""

    def function() -> None: ...

    function.__module__, function.__qualname__ = "__main__", "function"
    return function


def test_a_subclass_of_failed_keeps_its_class() -> None:
    for kind in (DeadlineExceeded, WorkerCrashed):
        copy = pickle.loads(pickle.dumps(kind(Reason.TIMEOUT, limit_s=1.5)))
        assert (type(copy), copy.reason, copy.facts) == (kind, Reason.TIMEOUT, {"limit_s": 1.5})


# Surroundings


def test_a_missing_preload_is_a_missing_dependency(place: Place) -> None:
    with Worker(preload=("no_such_module",)) as worker:
        for _ in range(2):  # nor does a half-prepared child take the second call
            failure = fails(Reason.DEPENDENCY_MISSING, lambda: worker.call(os.getpid, limit_s=20))
            assert failure.facts["module"] == "no_such_module"
            assert place.processes() == set()


def test_preloaded_modules_are_there(place: Place) -> None:
    with Worker(preload=("colorsys",)) as worker:
        assert worker.call(hangs.apply, hangs.is_loaded, "colorsys", limit_s=20)
        assert not worker.call(hangs.apply, hangs.is_loaded, "chunk", limit_s=20)


def test_secrets_stay_here_and_the_rest_goes_along(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = ("SUPERVISOR_RESTRICTED_KEY", "AWS_SECRET_ACCESS_KEY", "forge_token", "DB_PASSWORD")
    for name in secrets:
        monkeypatch.setenv(name, hangs.PATIENT)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    there = worker.call(hangs.environment, limit_s=20)
    assert not set(secrets) & set(there)
    assert hangs.PATIENT not in there.values()
    assert (there["OMP_NUM_THREADS"], there["PATH"]) == ("2", os.environ["PATH"])


def test_a_fault_reaches_the_child(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(faults.VARIABLE, "call.finished:full")
    fails(Reason.DISK_FULL, lambda: worker.call(os.getpid, limit_s=20))
    assert worker.call(os.getpid, limit_s=20)


def test_nothing_that_the_child_prints_comes_out_here(
    warm: Worker, capfd: pytest.CaptureFixture[str]
) -> None:
    warm.call(hangs.print_names, limit_s=20)
    assert capfd.readouterr() == ("", "")


def test_the_child_inherits_no_ignored_signals(worker: Worker) -> None:
    numbers = (signal.SIGTERM, signal.SIGUSR1)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        ignored = worker.call(hangs.signals_ignored, limit_s=20)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    assert not set(numbers) & set(ignored)


# Progress and waiting


def test_progress_arrives_seldom_and_ends_complete(warm: Worker) -> None:
    seen: list[tuple[int, int]] = []
    started = time.monotonic()
    warm.call(hangs.count_to, 200_000, limit_s=60, on_progress=lambda *count: seen.append(count))
    seconds = time.monotonic() - started
    assert seen[0] == (1, 200_000)
    assert seen[-1] == (200_000, 200_000)
    assert seen == sorted(seen)
    assert len(seen) <= 2 + 5 * seconds


def test_progress_is_nothing_outside_a_child() -> None:
    report_progress(1, 2)


def test_a_long_wait_is_logged_in_our_own_words(
    warm: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(deadline, "_NOTE_EVERY_S", 0.2)
    with caplog.at_level(logging.INFO, logger="supervisor"):
        warm.call(time.sleep, 0.7, limit_s=20)
    assert 1 <= len(caplog.records) <= 3
    assert {record.name for record in caplog.records} == {"supervisor"}
    assert all("sleep" in record.getMessage() for record in caplog.records)


def test_a_warm_call_costs_less_than_two_milliseconds(warm: Worker) -> None:
    warm.call(math.sqrt, 4, limit_s=20)
    seconds = []
    for _ in range(100):
        started = time.perf_counter()
        warm.call(math.sqrt, 4, limit_s=20)
        seconds.append(time.perf_counter() - started)
    assert statistics.median(seconds) < 0.002
