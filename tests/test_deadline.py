"""Whatever the work is stuck in and whoever dies: it ends in time and nothing is left behind."""

import math
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import hangs
import pytest
from deadline_parts import ESCAPED, GRACE_S, SLACK_S, Place, Work, exists, wait_for_end_of
from hypothesis import given
from hypothesis.strategies import binary, integers, lists

from supervisor_core.deadline import DeadlineExceeded, Worker, WorkerCrashed
from supervisor_core.reasons import Reason
from supervisor_core.wire import Channel, Message

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
