"""A real daemon over a throw-away home: its own processes, which all end with the block."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil

from supervisor_assets.instance import prepare_dagster_home
from supervisor_core.home import Home

ROOT = Path(__file__).parents[1]
T = TypeVar("T")


@contextmanager
def daemon(
    home: Home, *, module: str = "supervisor_assets.definitions"
) -> Iterator[psutil.Process]:
    """Runs dagster-daemon on this home until the block ends; then nothing of it is left."""
    prepare_dagster_home(home)
    environment = os.environ | {
        "SUPERVISOR_HOME": str(home.root),
        "DAGSTER_HOME": str(home.dagster),
        "PYTHONWARNINGS": "ignore",
    }
    with (home.logs / "daemon.log").open("ab") as log:
        process = psutil.Popen(
            [sys.executable, "-m", "dagster._daemon", "run", "-m", module],
            cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            end(process)


def end(process: psutil.Popen) -> None:
    """Ends a process with everything that came from it."""
    family = [process, *process.children(recursive=True)]
    process.terminate()
    _, alive = psutil.wait_procs(family, timeout=15)
    for one in alive:
        one.kill()
    psutil.wait_procs(alive, timeout=5)


def wait_for(look: Callable[[], T | None], limit_s: float, every_s: float = 0.2) -> T:
    """What `look` finds once it finds something; fails when the limit is over."""
    end_s = time.monotonic() + limit_s
    while (found := look()) is None:
        assert time.monotonic() < end_s, f"nothing after {limit_s} s"
        time.sleep(every_s)
    return found
