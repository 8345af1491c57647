"""Work that hangs, dies or misbehaves in every way a native library can, for test_deadline*.py.

Work that takes `door` and `folder` knocks at the test's door when it has begun, and leaves a
half-written file in the folder.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import knocker

from supervisor_core.deadline import Worker, report_progress
from supervisor_core.reasons import Failed, Reason

PATIENT = "Erika Mustermann"


def begin(door: str, folder: str) -> None:
    Path(folder, "half.part").write_bytes(b"half")
    knocker.knock(door)


def start_child(door: str, how: str) -> None:
    command = [sys.executable, "-I", "-S", knocker.__file__, door, how]
    subprocess.Popen(command)


def lock_twice(library: ctypes.CDLL) -> None:
    mutex = ctypes.create_string_buffer(64)
    library.pthread_mutex_lock(mutex)
    library.pthread_mutex_lock(mutex)


def native(door: str, folder: str) -> None:
    begin(door, folder)
    lock_twice(ctypes.CDLL(None))


def native_holding_the_gil(door: str, folder: str) -> None:
    begin(door, folder)
    lock_twice(ctypes.PyDLL(None))


def silent_socket(door: str, folder: str) -> None:
    begin(door, folder)
    here, _there = socket.socketpair()
    here.recv(1)


def busy_loop(door: str, folder: str) -> None:
    begin(door, folder)
    while True:
        pass


def ignoring_sigterm(door: str, folder: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    begin(door, folder)
    lock_twice(ctypes.CDLL(None))


def stopped(door: str, folder: str) -> None:
    begin(door, folder)
    os.kill(os.getpid(), signal.SIGSTOP)


def with_a_child(door: str, folder: str) -> None:
    start_child(door, "plain")
    begin(door, folder)
    lock_twice(ctypes.CDLL(None))


def with_an_escaped_child(door: str, folder: str) -> None:
    start_child(door, "escaped")
    begin(door, folder)
    lock_twice(ctypes.PyDLL(None))


def with_a_restless_child(door: str, folder: str) -> None:
    """A process that moves on to another process id all the time, in a session of its own."""
    begin(door, folder)
    if os.fork() == 0:
        os.setsid()
        until = time.monotonic() + 10  # should the test fail, the machine gets its peace back
        while time.monotonic() < until:
            if os.fork():
                os._exit(0)
    lock_twice(ctypes.CDLL(None))


def with_a_worker_of_its_own(door: str, folder: str) -> None:
    begin(door, folder)
    with Worker(grace_s=0.2) as worker:
        worker.call(native_holding_the_gil, door, folder, limit_s=60)


def leave_a_child(door: str, folder: str) -> int:
    start_child(door, "escaped")
    begin(door, folder)
    return os.getpid()


def leave_a_child_and_wait_for(door: str, folder: str, fifo: str, code: int) -> None:
    """Dies with an exit code (or, negative, by a signal) as soon as the test opens the FIFO."""
    leave_a_child(door, folder)
    Path(fifo).read_bytes()
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


def segfault() -> None:
    ctypes.string_at(0)


def raise_error(kind: type[BaseException], *args: object) -> None:
    raise kind(*args)


def raise_failed() -> None:
    raise Failed(Reason.DECODE_FAILED, frame=7)


def raise_in_a_library() -> None:
    Path(f"/nowhere/{PATIENT}.mp4").read_bytes()


def eat_memory() -> None:
    bytearray(2**62)


def unpicklable() -> object:
    return threading.Lock()


def of_size(size_bytes: int) -> bytes:
    return bytes(size_bytes)


def environment() -> dict[str, str]:
    return dict(os.environ)


def signals_ignored() -> list[int]:
    return [n for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN]


def print_names() -> None:
    print(PATIENT, flush=True)
    os.write(1, PATIENT.encode())
    os.write(2, PATIENT.encode())
    ctypes.CDLL(None).puts(PATIENT.encode())
    ctypes.CDLL(None).fflush(None)


def count_to(total: int) -> int:
    for done in range(1, total + 1):
        report_progress(done, total)
    return total


def report_and_hang(door: str, folder: str) -> None:
    begin(door, folder)
    report_progress(1, 2)
    lock_twice(ctypes.PyDLL(None))


def write_to_caller(content: bytes, door: str, folder: str) -> None:
    """Writes into the very socket on which the answer is expected, then hangs."""
    begin(door, folder)
    os.write(int(sys.argv[2]), content)
    signal.pause()


def close_connection(door: str, folder: str) -> None:
    begin(door, folder)
    os.close(int(sys.argv[2]))
    signal.pause()


def apply(function: Callable[..., object], *args: object) -> object:
    return function(*args)


def is_loaded(module: str) -> bool:
    return module in sys.modules


def use_one_worker_on_both_sides_of_a_fork() -> tuple[int, int, int]:
    """The worker's process id before, in the fork, and afterwards in the process that forked."""
    with Worker(grace_s=0.2) as worker:
        before = worker.call(os.getpid, limit_s=20)
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.write(writer, b"%d" % worker.call(os.getpid, limit_s=20))
            worker.close()
            os._exit(0)
        os.wait()
        return before, int(os.read(reader, 100)), worker.call(os.getpid, limit_s=20)
