"""What runs inside a worker's child process: takes a call, answers it, takes the next.

Nothing of this is imported by the caller's side but `report_progress` and `prepare`.
"""

import contextlib
import errno
import importlib
import math
import os
import pickle
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from supervisor_core.faults import fault
from supervisor_core.reasons import Failed, Reason
from supervisor_core.wire import MAX_BYTES, Channel, Kind, Message, wait

_PROGRESS_EVERY_S = 0.2


class _Progress:
    """Where `report_progress` sends to, and when it last did."""

    def __init__(self) -> None:
        self.channel: Channel | None = None
        self.number = 0
        self.sent_at = 0.0
        self.lock = threading.Lock()


_progress = _Progress()


def report_progress(done: int, total: int) -> None:
    """Tells the caller of this call how far it is, at most five times a second.

    Does nothing outside a worker's child process, and never waits for a caller that is slow.
    """
    with _progress.lock:
        now = time.monotonic()
        early = now - _progress.sent_at < _PROGRESS_EVERY_S and done < total
        if _progress.channel is None or early:
            return
        _progress.sent_at = now
        payload = f"{int(done)} {int(total)}".encode()
        _progress.channel.send(Kind.PROGRESS, _progress.number, payload, limit_s=0)


def prepare(search_path: Sequence[str], preload: Sequence[str]) -> None:
    """Takes over the caller's module search path and imports what the calls will need."""
    sys.path[:] = search_path
    for module in preload:
        importlib.import_module(module)


def main() -> None:
    """Serves calls on the descriptor named on the command line until the other side closes it."""
    descriptor = int(sys.argv[2])
    os.set_inheritable(descriptor, False)
    with contextlib.suppress(OSError):  # when memory runs out, this process goes before its caller
        Path("/proc/self/oom_score_adj").write_text("500")
    channel = Channel(descriptor)
    _progress.channel = channel
    while channel.open:
        wait((channel,), math.inf)
        for message in channel.take():
            _serve(channel, message)


def _serve(channel: Channel, message: Message) -> None:
    with _progress.lock:
        _progress.number, _progress.sent_at = message.number, 0.0
    kind, payload = _answer(message.payload)
    with _progress.lock:
        if not channel.send(kind, message.number, payload, limit_s=math.inf):
            channel.close()


def _answer(call: bytes) -> tuple[Kind, bytes]:
    """Runs one pickled call; returns its pickled result or its pickled `Failed`."""
    home = ""
    try:
        function, args, kwargs = pickle.loads(call)  # noqa: S301 - from our own caller
        home = function.__module__
        result = _pack(function(*args, **kwargs))
        if function is not prepare:
            fault("call.finished")
    except BaseException as error:  # noqa: BLE001 - the process edge: the caller hears of it
        return Kind.FAILED, pickle.dumps(_as_failed(error, home))
    return Kind.RESULT, result


def _pack(result: object) -> bytes:
    payload = pickle.dumps(result)
    if len(payload) > MAX_BYTES:
        raise Failed(Reason.INTERNAL_ERROR, result_bytes=len(payload))
    return payload


def _as_failed(error: BaseException, home: str) -> Failed:
    """The error in our own words: texts of libraries hold paths, so none of them goes on."""
    if isinstance(error, Failed):
        return error
    code = error.errno if isinstance(error, OSError) else None
    if isinstance(error, MemoryError) or code == errno.ENOMEM:
        return Failed(Reason.WORKER_CRASHED, error="MemoryError")
    if code in (errno.ENOSPC, errno.EDQUOT):
        return Failed(Reason.DISK_FULL)
    if code == errno.EIO:
        return Failed(Reason.IO_ERROR)
    facts: dict[str, Any] = {"error": type(error).__name__}
    if error.__traceback__:
        facts["place"] = _place(error.__traceback__, home.partition(".")[0])
    if isinstance(error, ImportError) and error.name:
        return Failed(Reason.DEPENDENCY_MISSING, module=error.name, **facts)
    return Failed(Reason.INTERNAL_ERROR, **facts)


def _place(trace: TracebackType, package: str) -> str:
    """`module:line` of the innermost frame in `package`, or of the innermost of all."""
    places = []
    step: TracebackType | None = trace
    while step:
        places.append((step.tb_frame.f_globals.get("__name__", "?"), step.tb_lineno))
        step = step.tb_next
    ours = [place for place in places if place[0].partition(".")[0] == package]
    module, line = (ours or places)[-1]
    return f"{module}:{line}"
