"""The part that is left when `up` itself is killed, and ends everything that came from it.

The kernel ends the other parts too, but the runs have lost their parent by then. They are known by
a mark in their environment. It imports little, so that it costs next to nothing.
"""

import os
import select
import signal
import time
from functools import partial

from supervisor_assets.running.beats import EVERY_S, Beat, begin
from supervisor_core.processes import Family, kill_until_none, marked, send_signal

MARK = "SUPERVISOR_UP"
_STOP_S = 20.0
_KILL_S = 10.0


def main() -> None:
    """Watches its parent; its one argument is the mark's value."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is the last to go
    keeper = os.pidfd_open(os.getppid())
    beats, (value,) = begin()
    while not select.select([keeper], [], [], EVERY_S)[0]:
        beats.send(Beat.READY)
    end_all(value)


def end_all(value: str, stop_s: float = _STOP_S) -> None:
    """Ends every process with this mark but our own: asks, waits, then kills."""
    find = partial(others, value)
    send_signal(find(), signal.SIGTERM)
    until_s = time.monotonic() + stop_s
    while find() and time.monotonic() < until_s:
        time.sleep(0.1)
    kill_until_none(find, _KILL_S)


def others(value: str) -> Family:
    """Every living process with this mark but our own."""
    family = marked(f"{MARK}={value}")
    return {pid: one for pid, one in family.items() if pid != os.getpid() and one.alive}


if __name__ == "__main__":
    main()
