"""The small process between a caller and its worker, which outlives both and leaves nothing behind.

It starts the worker in a session of its own, holds the limit of the call under way, and ends the
worker with everything that ever came from it when the limit is over, the worker dies, the caller
says so, or the caller itself is gone. Then it removes the `.part` files of the call, reports and
exits. It imports the standard library only and never runs the work, so nothing can wedge it.
"""

import contextlib
import json
import os
import signal
import sys
import time

from supervisor_core.processes import (
    adopt_orphans,
    descendants,
    die_with_parent,
    remove_parts,
    send_signal,
)
from supervisor_core.wire import Channel, Kind, Message, wait

_START = "import sys; sys.path.insert(0, sys.argv[1]); from supervisor_core.{} import main; main()"
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
_LONGEST_PAUSE_S = 0.25


def python_command(module: str, flags: list[str], *arguments: object) -> list[str]:
    """The command that runs `main` of one of our modules in a Python of its own."""
    return [sys.executable, *flags, "-c", _START.format(module), _ROOT, *map(str, arguments)]


def main() -> None:
    """Runs a guardian: control descriptor, worker's descriptor, caller's pid, grace in seconds."""
    control, worker, caller, grace_s = sys.argv[2:6]
    Guardian(Channel(int(control)), int(caller), float(grace_s)).run(int(worker))


class Guardian:
    """Keeps one worker, from its start until nothing of it is left."""

    def __init__(self, control: Channel, caller: int, grace_s: float) -> None:
        self._control = control
        self._grace_s = grace_s
        self._caller = _watch(caller)
        self._signals = _receive_signals()
        self._worker = 0
        self._status: int | None = None  # of the worker, once it has ended
        self._number = 0
        self._busy = False
        self._until = 0.0  # monotonic; counts while busy
        self._folders: list[str] = []
        self._asked = ""
        self._caller_gone = False

    def run(self, worker_descriptor: int) -> None:
        """Starts the worker and returns when it and all that came from it have ended."""
        os.set_inheritable(self._control.fileno(), False)
        adopt_orphans()
        self._worker = _start_worker(worker_descriptor)
        os.close(worker_descriptor)
        while not (cause := self._cause()):
            self._listen()
        self._end_all()
        # A caller that died between two calls can't rename what the last one wrote.
        if self._busy or self._caller_gone:
            remove_parts(self._folders)
        self._control.send(Kind.ENDED, self._number, self._report(cause))

    def _cause(self) -> str:
        """Why everything has to end now, or nothing."""
        self._reap()
        if self._caller_gone:
            return "caller"
        if self._busy and time.monotonic() >= self._until:
            return "limit"
        return self._asked or ("" if self._status is None else "died")

    def _listen(self) -> None:
        """Waits for a message, a signal, the caller's end or the limit."""
        limit_s = self._until - time.monotonic() if self._busy else 3600.0
        ready = wait((self._control, self._signals, self._caller), limit_s)
        if self._signals in ready:
            self._take_signals()
        for message in self._control.take():
            self._obey(message)
        self._caller_gone = not self._control.open or self._caller in ready

    def _obey(self, message: Message) -> None:
        self._number = message.number
        if message.kind is Kind.CALL:
            limit_s, self._folders = json.loads(message.payload)
            self._until = time.monotonic() + limit_s
            self._busy = True
        elif message.kind is Kind.DONE:
            self._busy = False
            self._control.send(Kind.IDLE, message.number)
        elif message.kind is Kind.END:
            self._asked = self._asked or "asked"

    def _end_all(self) -> None:
        """Ends every descendant: asks, waits for the grace, then kills until there is none."""
        family = descendants(os.getpid())
        send_signal(family, signal.SIGTERM)
        send_signal(family, signal.SIGCONT)  # a stopped process would not notice
        until = time.monotonic() + self._grace_s
        while (left := self._reap()) and (left_s := until - time.monotonic()) > 0:
            self._pause(left_s)
        pause_s = 0.002
        while left:
            send_signal(descendants(os.getpid()), signal.SIGKILL)
            left = self._reap()  # only now: the dead show which groups there are
            self._pause(pause_s)
            pause_s = min(1.5 * pause_s, _LONGEST_PAUSE_S)

    def _reap(self) -> bool:
        """Takes note of every child that ended (orphans come here too); true while any is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not pid:
                return True
            if pid == self._worker:
                self._status = status

    def _pause(self, limit_s: float) -> None:
        if wait((self._signals,), limit_s):
            self._take_signals()

    def _take_signals(self) -> None:
        """Empties the pipe of signals: a child's end only wakes up, any other asks to end."""
        if set(os.read(self._signals, 4096)) - {signal.SIGCHLD}:
            self._asked = "signal"

    def _report(self, cause: str) -> bytes:
        exit_code = os.waitstatus_to_exitcode(self._status or 0)
        facts = {"signal": -exit_code} if exit_code < 0 else {"exit_code": exit_code}
        return json.dumps([cause, facts]).encode()


def _watch(caller: int) -> int:
    """A descriptor that becomes readable when the caller is gone, even if a fork of it lives on."""
    try:
        return os.pidfd_open(caller)
    except OSError:  # an old kernel, or it has just ended: the closed control channel tells
        return -1


def _receive_signals() -> int:
    """Turns signals into bytes of a pipe; returns its readable end."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return reader


def _start_worker(descriptor: int) -> int:
    """Forks and executes the worker, which dies with this process; returns its process id."""
    guardian = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        for number in signal.valid_signals():  # whoever started the caller may have ignored some
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
        die_with_parent(guardian)
        os.set_inheritable(descriptor, True)
        command = python_command("child", ["-P"], descriptor)
        os.execv(command[0], command)  # noqa: S606 - our own Python
    finally:
        os._exit(127)
