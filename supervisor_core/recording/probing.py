"""Is a stream live at this moment? Asked of the same guarded process that opens it to record."""

import contextlib
import os
import signal
import subprocess
import time
from enum import StrEnum, auto
from typing import Any

from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.guard import Outcome
from supervisor_core.recording.source import Opening, order_of, send, start


class Liveness(StrEnum):
    """What a stream is, as far as one look tells.

    `ended` is a playlist with its end mark, or a file; a name that is not known, a server that does
    not answer in time or answers nonsense are `unreachable`; `forbidden` leads where nothing may.
    """

    LIVE = auto()
    ENDED = auto()
    NOT_FOUND = auto()
    UNREACHABLE = auto()
    FORBIDDEN = auto()


_SAID: dict[int, Liveness] = {
    Outcome.LIVE: Liveness.LIVE,
    Outcome.ENDED: Liveness.ENDED,
    Outcome.NOT_FOUND: Liveness.NOT_FOUND,
    Outcome.FORBIDDEN: Liveness.FORBIDDEN,
}


def probe(opening: Opening, limit_s: float, grace_s: float = 5.0) -> Liveness:
    """Looks, through every proxy in turn until the stream answers; leaves no process.

    Ends within both limits whatever the server does. Raises `Failed`: CHILD_SPAWN_FAILED, or
    KILL_FAILED when the process is stuck in the kernel.
    """
    ways = max(1, len(opening.proxies))
    over_at = time.monotonic() + limit_s
    for turn in range(ways):
        left_s = max(0.0, over_at - time.monotonic())
        seen = _look(order_of(opening, turn), left_s / (ways - turn), grace_s)
        if seen is not Liveness.UNREACHABLE:
            return seen
    return Liveness.UNREACHABLE


def _look(order: dict[str, Any], limit_s: float, grace_s: float) -> Liveness:
    process = start(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        send(process, order | {"probe": True})
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(limit_s)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        try:
            code = process.wait(grace_s)
        except subprocess.TimeoutExpired:
            raise Failed(Reason.KILL_FAILED) from None
    return _SAID.get(code, Liveness.UNREACHABLE)
