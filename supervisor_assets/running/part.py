"""One part: its process, what it says of itself, and when it is started again."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from supervisor_assets.running.beats import Beat
from supervisor_assets.running.restarts import Restarts
from supervisor_core.reasons import Failed, Reason

SILENCE_S = 120.0
START_S = 300.0


class State(StrEnum):
    """How a part is."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"


@dataclass(frozen=True)
class Recipe:
    """How a part is started: `module` is run as a program, in `folder`."""

    name: str
    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    descriptors: tuple[int, ...] = ()
    silence_s: float = SILENCE_S
    start_s: float = START_S
    nice: int = 0  # by how much it and all that it starts give way to us


@dataclass
class Part:
    """A part that is kept running; `look` is called again and again."""

    recipe: Recipe
    restarts: Restarts = field(default_factory=Restarts)
    ended: str | None = None
    ends: int = 0  # in all, as long as it is kept
    groups: set[int] = field(default_factory=set)  # of all its processes so far
    _process: "subprocess.Popen[bytes] | None" = None
    _beats: int = -1
    _ready: bool = False
    _began_s: float = 0.0
    _heard_s: float = 0.0
    _again_s: float = 0.0

    @property
    def pid(self) -> int | None:
        """Its process, while there is one."""
        return self._process.pid if self._process else None

    @property
    def descriptor(self) -> int | None:
        """Becomes readable when the part says something or ends."""
        return self._beats if self._process else None

    @property
    def state(self) -> State:
        """How it is, as far as is known."""
        if self._process is None:
            return State.WAITING
        return State.RUNNING if self._ready else State.STARTING

    @property
    def silent_s(self) -> float | None:
        """For how long its process has said nothing; None while there is none."""
        return time.monotonic() - self._heard_s if self._process else None

    def look(self) -> Failed | None:
        """Starts it if it is time to; returns why it ended, if it has just ended."""
        now_s = time.monotonic()
        if self._process is None:
            return self._start(now_s) if now_s >= self._again_s else None
        self._listen(now_s)
        self.restarts.runs(now_s - self._began_s if self._ready else 0.0)
        limit_s = self.recipe.silence_s if self._ready else self.recipe.start_s
        silent = now_s - self._heard_s > limit_s
        if silent:
            self._process.kill()
            self._process.wait()
        code = self._process.poll()
        return None if code is None else self._bury(now_s, "silence" if silent else how(code))

    def _start(self, now_s: float) -> Failed | None:
        beats, told = os.pipe()
        os.set_blocking(beats, False)
        recipe = self.recipe
        python = (sys.executable, "-m", recipe.module)
        try:
            self._process = subprocess.Popen(
                [*python, str(os.getpid()), str(told), *recipe.arguments],
                cwd=recipe.folder,
                env=dict(recipe.environment),
                stdin=subprocess.DEVNULL,
                pass_fds=(told, *recipe.descriptors),
                start_new_session=True,
            )
        except OSError as error:  # no memory, or too many processes
            os.close(beats)
            return self._put_off(now_s, 0.0, f"errno {error.errno}")
        finally:
            os.close(told)
        self.groups.add(self._process.pid)
        with suppress(OSError):  # it may have ended
            ours = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, self._process.pid, ours + recipe.nice)
        self._beats, self._ready = beats, False
        self._began_s = self._heard_s = now_s
        return None

    def _listen(self, now_s: float) -> None:
        try:
            heard = os.read(self._beats, 4096)
        except BlockingIOError:
            return
        if heard:
            self._heard_s = now_s
            self._ready = self._ready or Beat.READY.value in heard

    def _bury(self, now_s: float, ended: str) -> Failed:
        os.close(self._beats)
        self._process = None
        return self._put_off(now_s, now_s - self._began_s if self._ready else 0.0, ended)

    def _put_off(self, now_s: float, ran_s: float, ended: str) -> Failed:
        wait_s = self.restarts.ended(ran_s)
        self.ends += 1
        self.ended, self._again_s = ended, now_s + wait_s
        return Failed(Reason.PART_ENDED, part=self.recipe.name, how=ended, wait_s=wait_s)


def how(code: int) -> str:
    """An exit code in words."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"
