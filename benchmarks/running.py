"""A process of Dagster's over a throw-away home, which ends with everything that came from it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from supervisor_core.home import Home

ROOT = Path(__file__).parents[1]
LOCATIONS = ("ours", "bare")
_ENDS_S = 20.0


@contextmanager
def running(home: Home, location: str, *module: str) -> Iterator[psutil.Process]:
    """Runs `python -m <module...>` on a code location of ours; what it says is in the home."""
    environment = os.environ | {
        "SUPERVISOR_HOME": str(home.root),
        "DAGSTER_HOME": str(home.dagster),
        "PYTHONWARNINGS": "ignore",
    }
    with (home.logs / "benchmark.log").open("wb") as log:
        process = psutil.Popen(
            [sys.executable, "-m", *module, "-m", f"benchmarks.{location}_location"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            family = [process, *process.children(recursive=True)]
            process.terminate()
            _, alive = psutil.wait_procs(family, timeout=_ENDS_S)
            for one in alive:
                one.kill()
