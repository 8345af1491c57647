"""How a part tells whoever keeps it that it is alive: a letter through a pipe now and then.

A process can be there and yet do nothing: stopped, wedged inside a library, out of threads. One
that is silent for too long is ended and started again, as one that has died.
"""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum

EVERY_S = 5.0
_PR_SET_PDEATHSIG = 1


class Beat(Enum):
    """What a part says of itself."""

    STARTING = b"s"
    READY = b"r"


class Beats:
    """The part's end of the pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, beat: Beat = Beat.READY) -> None:
        """Tells once; a keeper that is gone or behind is no trouble of ours."""
        with suppress(OSError):
            os.write(self._descriptor, beat.value)

    def go_on(self, look: Callable[[], Beat | None]) -> None:
        """Tells every few seconds, from a thread, what `look` finds, if it finds anything."""
        threading.Thread(target=self._go_on, args=(look,), daemon=True, name="beats").start()

    def _go_on(self, look: Callable[[], Beat | None]) -> None:
        pause = threading.Event()
        while True:
            beat = look()
            if beat is not None:
                self.send(beat)
            pause.wait(EVERY_S if beat else EVERY_S / 5)


def begin() -> tuple[Beats, list[str]]:
    """What every part does first; returns its beats and the arguments that are its own.

    Should its keeper be killed, the kernel asks this process to stop.
    """
    parent, descriptor, *arguments = sys.argv[1:]
    os.set_inheritable(int(descriptor), False)
    os.set_blocking(int(descriptor), False)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):  # it ended before the line above
        sys.exit(1)
    beats = Beats(int(descriptor))
    beats.send(Beat.STARTING)
    return beats, arguments
