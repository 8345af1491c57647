"""Starts runs as Dagster does, and can also end one whose code server is another by now.

A run is a child of the code server that started it, and the next one does not know it: Dagster
would call it cancelled after a minute and leave it running. But every run writes which process it
is.
"""

import os
import signal
from contextlib import suppress

from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher

from resources.pipeline import WORKER_TAG, owner_name
from supervisor_core.store.owners import pid_here


class Launcher(DefaultRunLauncher):
    """Dagster's own, but for the end of runs that were left alone."""

    def terminate(self, run_id: str) -> bool:
        """Asks the run to stop; true if somebody was there to hear it."""
        with suppress(DagsterUserCodeUnreachableError):  # it is just being started again
            if super().terminate(run_id):  # type: ignore[no-untyped-call]
                return True
        pid = self._process_of(run_id)
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        return True

    def _process_of(self, run_id: str) -> int | None:
        run = self._instance.get_run_by_id(run_id)
        worker = run.tags.get(WORKER_TAG, "") if run and not run.is_finished else ""
        # A run that follows another starts with all its tags, until it has written its own.
        return pid_here(worker) if worker.startswith(f"{owner_name(run_id)}@") else None
