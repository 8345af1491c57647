"""Work that ends at its limit, whatever it is stuck in.

A thread can't be stopped, so native and outside work runs in a warm child process. Three processes
take part: the caller, a guardian (guardian.py) that holds the limit and outlives both others, and
the worker (child.py) with everything it starts. Whoever of the three dies or hangs, the other two
leave no process and no `.part` file behind:

    work over its limit    the guardian asks (SIGTERM), waits for the grace, kills, and reports
    worker dies            the guardian ends what came from it and reports how it died
    caller dies            the guardian ends everything and exits
    guardian dies          the kernel kills the worker, the caller kills whatever came from it
    guardian hangs         the caller kills everything half a second after grace
"""

import contextlib
import json
import logging
import math
import os
import pickle
import secrets
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from supervisor_core.child import prepare, report_progress
from supervisor_core.faults import fault
from supervisor_core.guardian import python_command
from supervisor_core.processes import Family, descendants, kill_until_none, marked, remove_parts
from supervisor_core.reasons import Failed, Reason
from supervisor_core.wire import MAX_BYTES, Channel, Kind, Message, wait

__all__ = ["DeadlineExceeded", "Worker", "WorkerCrashed", "report_progress"]

T = TypeVar("T")
OnProgress = Callable[[int, int], None]

START_LIMIT_S = 60.0  # for starting the child and importing what it preloads
_PATIENCE_S = 0.5  # how long after limit and grace the guardian may be silent
_RESCUE_S = 0.4  # how long the caller's own killing may take
_SETTLE_S = 5.0  # how long the guardian may take to hear that a call is over
_NOTE_EVERY_S = 15.0
_MARK = "SUPERVISOR_GUARDED_BY"
_SECRET_WORDS = ("KEY", "SECRET", "TOKEN", "PASSWORD", "PASSWD", "CREDENTIAL", "WEBHOOK")

_log = logging.getLogger("supervisor")


class DeadlineExceeded(Failed):
    """The work was killed at its limit; facts: `limit_s`."""


class WorkerCrashed(Failed):
    """The child process died by itself, or could not be started (CHILD_SPAWN_FAILED).

    Facts: `signal` or `exit_code`, `error`, or `errno`.
    """


class Worker:
    """One warm child process, in a session of its own, whose calls end at their limit.

    Modules named in `preload` are imported once when the child starts, which the first call brings
    about; after a kill the next call starts a fresh one. At a limit everything that came from the
    child gets SIGTERM, and SIGKILL `grace_s` later. Threads may share a worker: their calls queue.
    """

    def __init__(self, *, preload: Sequence[str] = (), grace_s: float = 2.0) -> None:
        self._preload = tuple(preload)
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._session: _Session | None = None
        self._finalizer: weakref.finalize[..., Worker] | None = None

    def call(
        self,
        function: Callable[..., T],
        /,
        *args: Any,
        limit_s: float,
        scratch: Sequence[Path] = (),
        on_progress: OnProgress | None = None,
        **kwargs: Any,
    ) -> T:
        """Runs `function(*args, **kwargs)` in the child and returns its result.

        The function is found there by module and name; arguments and result are pickled, 64 MiB at
        most. `limit_s` counts from the moment the child is ready. `scratch` are folders that belong
        to this call alone: their `*.part` files are removed when it is killed, crashes, or when the
        caller itself dies before its next call. `on_progress(done, total)` hears
        `report_progress`. Raises `DeadlineExceeded`, `WorkerCrashed`, the `Failed` that the
        function raised, or `Failed` with DISK_FULL, IO_ERROR, DEPENDENCY_MISSING, CANCELLED (closed
        from another thread) or INTERNAL_ERROR (any other exception: its type and place).
        """
        call = _Call(
            getattr(function, "__qualname__", type(function).__name__),
            _pack(function, args, kwargs),
            _checked(limit_s),
            tuple(str(folder.absolute()) for folder in scratch),
            on_progress,
        )
        with self._lock:
            result = self._living_session().run(call)
        fault("call.returned")
        return cast(T, result)

    def close(self) -> None:
        """Ends the child; a call under way in another thread ends with CANCELLED."""
        session = self._session
        if session is not None:
            session.ask_to_end()
            with self._lock:
                session.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _living_session(self) -> "_Session":
        if self._session and self._session.alive():
            return self._session
        if self._finalizer:
            self._finalizer.detach()
        self._session = session = _Session(self._grace_s)
        self._finalizer = weakref.finalize(self, session.end)
        path = [entry or str(Path.cwd()) for entry in sys.path]
        with contextlib.ExitStack() as undo:
            undo.callback(session.end)  # a child that is not fully prepared takes no calls
            session.run(_Call("start", _pack(prepare, (path, self._preload), {}), START_LIMIT_S))
            undo.pop_all()
        return session


@dataclass(frozen=True)
class _Call:
    """One call, ready to be sent."""

    name: str
    job: bytes
    limit_s: float
    folders: tuple[str, ...] = ()
    on_progress: OnProgress | None = None


class _Session:
    """One guardian with its worker, from their start to their end; it never comes back to life."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._owner = os.getpid()
        self._number = 0
        self._call: _Call | None = None  # the one under way
        self._cancelled = False
        self._nothing_left = False
        self._ending = threading.Lock()
        self._mark = f"{_MARK}={secrets.token_hex(16)}"
        self._start()

    def _start(self) -> None:
        control, guardians_control = socket.socketpair()
        data, workers_data = socket.socketpair()
        handed_over = (guardians_control.fileno(), workers_data.fileno())
        command = python_command("guardian", ["-I", "-S"], *handed_over, self._owner, self._grace_s)
        with guardians_control, workers_data, control, data:
            try:
                self._guardian = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,  # native libraries print file names
                    stderr=subprocess.DEVNULL,
                    pass_fds=handed_over,
                    env=_environment(self._mark),
                    start_new_session=True,
                )
            except OSError as error:
                raise WorkerCrashed(Reason.CHILD_SPAWN_FAILED, errno=error.errno or 0) from None
            self._control, self._data = Channel(control.detach()), Channel(data.detach())

    def alive(self) -> bool:
        """False once anything ended, or in a fork of the process that started this session."""
        if os.getpid() == self._owner and self._control.open and not wait((self._control,), 0):
            return True
        self.end()
        return False

    def run(self, call: _Call) -> Any:
        """Has the worker do one call; on any way out but an orderly answer everything is ended."""
        self._number += 1
        self._call = call
        settled = False
        try:
            failed, result = _unpack(self._exchange(call))
            settled = not isinstance(failed, WorkerCrashed) and self._settle()
        finally:
            if not settled:
                self.end()
            self._call = None
        if failed:
            raise failed
        return result

    def ask_to_end(self) -> None:
        """Ends a call under way in another thread, without waiting for it."""
        self._cancelled = True
        self._control.send(Kind.END, self._number)

    def end(self) -> None:
        """Ends guardian, worker and all that came from it, and waits for that; once is enough."""
        if os.getpid() != self._owner:  # a fork: these are not its processes
            self._close()
            return
        with self._ending:
            try:
                self._control.send(Kind.END, self._number)
                self._hear(self._grace_s + _PATIENCE_S, Kind.ENDED)
                if not self._nothing_left:
                    self._rescue()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._guardian.wait(timeout=_PATIENCE_S)
            finally:
                self._close()  # should this be interrupted, the guardian goes on alone

    def _close(self) -> None:
        self._control.close()
        self._data.close()

    def _exchange(self, call: _Call) -> Message:
        """Sends the call and waits for its answer; raises when everything has ended instead."""
        started = noted = time.monotonic()
        until = started + call.limit_s + self._grace_s + _PATIENCE_S
        terms = json.dumps([call.limit_s, call.folders]).encode()
        self._control.send(Kind.CALL, self._number, terms)
        self._data.send(Kind.CALL, self._number, call.job, until - time.monotonic())
        self._look_for_end(call)  # it may have ended since it was found alive
        while (now := time.monotonic()) < until:
            if now - noted >= _NOTE_EVERY_S:
                noted = now
                _log.info("still waiting, %d s: %s", now - started, call.name)
            wait(self._channels(), min(until, noted + _NOTE_EVERY_S) - now)
            if answer := self._answer(call):
                return answer
            self._look_for_end(call)
        self._rescue()
        raise DeadlineExceeded(Reason.TIMEOUT, limit_s=call.limit_s)

    def _channels(self) -> list[Channel | int]:
        """Those worth waiting on: one that is closed would be ready at once, for ever."""
        return [channel for channel in (self._data, self._control) if channel.open]

    def _answer(self, call: _Call) -> Message | None:
        """The answer to this call if it is here; passes progress on."""
        was_open = self._data.open
        for message in self._data.take():
            if message.number != self._number:
                continue
            if message.kind in (Kind.RESULT, Kind.FAILED):
                return message
            if message.kind is Kind.PROGRESS and call.on_progress:
                done, total = message.payload.split()
                call.on_progress(int(done), int(total))
        if was_open and not self._data.open:
            self._control.send(Kind.END, self._number)  # should it live on, it can't be used
        return None

    def _look_for_end(self, call: _Call) -> None:
        """Raises what the guardian's report says, or what the guardian's own death means."""
        report = self._hear(0, Kind.ENDED)
        if report:
            cause, facts = json.loads(report.payload)
            if cause == "limit":
                raise DeadlineExceeded(Reason.TIMEOUT, limit_s=call.limit_s)
            if cause == "signal" or self._cancelled:
                raise Failed(Reason.CANCELLED)
            raise WorkerCrashed(Reason.WORKER_CRASHED, **facts)
        if not self._control.open and self._cancelled:
            raise Failed(Reason.CANCELLED)
        if not self._control.open:
            raise WorkerCrashed(Reason.WORKER_CRASHED, error="guardian")

    def _settle(self) -> bool:
        """Stops the limit; false when the guardian has ended everything meanwhile, or is stuck."""
        self._control.send(Kind.DONE, self._number)
        answer = self._hear(_SETTLE_S, Kind.IDLE, Kind.ENDED)
        return answer is not None and answer.kind is Kind.IDLE

    def _hear(self, limit_s: float, *kinds: Kind) -> Message | None:
        """The guardian's next message of one of these kinds, or nothing in time."""
        until = time.monotonic() + limit_s
        while True:
            messages = self._control.take()
            self._nothing_left |= any(message.kind is Kind.ENDED for message in messages)
            wanted = [message for message in messages if message.kind in kinds]
            left_s = until - time.monotonic()
            if wanted or self._nothing_left or left_s <= 0 or not self._control.open:
                return wanted[0] if wanted else None
            wait((self._control,), left_s)

    def _rescue(self) -> None:
        """Does what the guardian should have done, when it is dead or does not answer."""
        if kill_until_none(self._family, _RESCUE_S):
            self._guardian.kill()
        else:
            _log.error("%s: %s", Reason.KILL_FAILED, Reason.KILL_FAILED.sentence)
        if self._call:
            remove_parts(self._call.folders)
        self._nothing_left = True

    def _family(self) -> Family:
        """All that came from the guardian, found by descent and, should it be dead, by mark."""
        family = descendants(self._guardian.pid) | marked(self._mark)
        family.pop(self._guardian.pid, None)
        return family


def _checked(limit_s: float) -> float:
    if not math.isfinite(limit_s):
        raise ValueError("a limit is a finite number of seconds")
    if limit_s <= 0:  # a budget that is used up
        raise DeadlineExceeded(Reason.TIMEOUT, limit_s=limit_s)
    return limit_s


def _pack(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    if getattr(function, "__module__", "") == "__main__":
        raise Failed(Reason.INTERNAL_ERROR, error="the function is not in an importable module")
    try:
        job = pickle.dumps((function, args, kwargs))
    except Exception as error:  # noqa: BLE001 - the edge to another process: any class may object
        raise Failed(Reason.INTERNAL_ERROR, error=type(error).__name__) from None
    if len(job) > MAX_BYTES:
        raise Failed(Reason.INTERNAL_ERROR, call_bytes=len(job))
    return job


def _unpack(answer: Message) -> tuple[Failed | None, Any]:
    """What the child says, as a failure or a result; what can't be read counts as a crash."""
    try:
        content = pickle.loads(answer.payload)  # noqa: S301 - from our own child
    except Exception as error:  # noqa: BLE001 - the edge to another process
        return WorkerCrashed(Reason.WORKER_CRASHED, error=type(error).__name__), None
    if answer.kind is Kind.RESULT:
        return None, content
    if type(content) is Failed and content.reason is Reason.WORKER_CRASHED:
        return WorkerCrashed(content.reason, **content.facts), None  # out of memory
    return content, None


def _environment(mark: str) -> dict[str, str]:
    """Ours, without anything secret: hostile media are decoded there."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not any(word in name.upper() for word in _SECRET_WORDS)
    }
    name, _, value = mark.partition("=")
    # The products are small: waking a thread for each costs several times what it saves.
    return {"OPENBLAS_NUM_THREADS": "1", **kept, name: value}
