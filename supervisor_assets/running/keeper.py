"""Keeps the parts running until somebody says stop, and then leaves nothing behind.

Runs are children of the code server and stay in its process group. When it dies this process steps
in its place: so they go on, and are ended with everything else when it is time. The work of a run
is in groups of its own, and the run ends it: work that is ended by others looks like a crash.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from supervisor_assets.running.part import Part, Recipe, State
from supervisor_core.metrics.samples import PartState
from supervisor_core.processes import (
    Family,
    adopt_orphans,
    descendants,
    kill_until_none,
    send_signal,
)
from supervisor_core.reasons import Failed

LOOK_S = 0.25
_PARTS_STOP_S = 15.0
_RUNS_STOP_S = 20.0
_REST_STOP_S = 5.0
_KILL_S = 5.0
_WATCHMAN = "watchman"  # ends what is left should this process be killed while it stops


class Keeper:
    """The parts of one `up`; those named in `first_to_stop` start no work while runs are ended.

    Every end of a part is told to `tell`.
    """

    def __init__(
        self,
        recipes: Sequence[Recipe],
        tell: Callable[[Failed], None],
        *,
        first_to_stop: Sequence[str] = (),
    ) -> None:
        self.parts = [Part(recipe) for recipe in recipes]
        self._tell, self._first = tell, first_to_stop

    def run(self) -> None:
        """Returns when it is interrupted (KeyboardInterrupt), with every process gone."""
        try:
            adopt_orphans()
            while True:
                self._look()
        except KeyboardInterrupt:
            pass
        finally:
            # A second Ctrl-C does not cut this short: what is half stopped would live on.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            self._stop()

    @property
    def told(self) -> dict[str, dict[str, Any]]:
        """How every part is, for the health page."""
        return {
            part.recipe.name: {
                "state": part.state.value,
                "ended": part.restarts.deaths,
                "last_end": part.ended,
            }
            for part in self.parts
        }

    def states(self) -> dict[str, PartState]:
        """How every part is, for the metrics."""
        return {
            part.recipe.name: PartState(part.state is State.RUNNING, part.ends, part.silent_s)
            for part in self.parts
        }

    @property
    def works(self) -> bool:
        """False when a part keeps ending."""
        return not any(part.restarts.keeps_ending for part in self.parts)

    def _look(self) -> None:
        for part in self.parts:
            ended = part.look()
            if ended is not None:
                self._tell(ended)
        self._reap({part.pid for part in self.parts})
        said = [part.descriptor for part in self.parts if part.descriptor is not None]
        select.select(said, [], [], LOOK_S)

    def _reap(self, ours: set[int | None]) -> None:
        """Buries orphans; the parts bury theirs themselves."""
        with suppress(ChildProcessError):
            while True:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if ended is None or ended.si_pid in ours:
                    return
                os.waitpid(ended.si_pid, 0)

    def _stop(self) -> None:
        """Asks those who start work, then the runs and whoever is left, and then asks no more."""
        first, last = self._pids(*self._first), self._pids(_WATCHMAN)
        if first:
            for pid in first:
                os.kill(pid, signal.SIGTERM)  # not buried yet, so it is still the same process
            _wait_for_none(partial(_family, only=first), _PARTS_STOP_S)
            kill_until_none(partial(_family, only=first), _KILL_S)
        runs = partial(_family, but=last, groups=self._groups())
        send_signal(runs(), signal.SIGTERM)
        _wait_for_none(runs, _RUNS_STOP_S)
        send_signal(_family(but=last), signal.SIGTERM)
        _wait_for_none(partial(_family, but=last), _REST_STOP_S)
        kill_until_none(_family, _KILL_S)

    def _pids(self, *names: str) -> list[int]:
        return [part.pid for part in self.parts if part.pid and part.recipe.name in names]

    def _groups(self) -> set[int]:
        return {group for part in self.parts for group in part.groups}


def _family(
    *, only: Sequence[int] = (), but: Sequence[int] = (), groups: Collection[int] = ()
) -> Family:
    """What came from this process and lives, the dead being buried on the way."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    return {
        pid: one
        for pid, one in descendants(os.getpid()).items()
        if pid not in but and (not only or pid in only) and (not groups or one.group in groups)
    }


def _wait_for_none(find: Callable[[], Family], limit_s: float) -> None:
    until_s = time.monotonic() + limit_s
    while any(process.alive for process in find().values()) and time.monotonic() < until_s:
        time.sleep(0.05)
