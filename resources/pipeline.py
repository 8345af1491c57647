"""The work of one run: a pipeline that owns its items in the run's name, over one warm worker.

The run worker itself never touches a picture. What is native happens in the worker, a child process
that is ended at its limit and that ends with the run.
"""

import time

import dagster as dg
from pydantic import PrivateAttr

from resources.ollama import OllamaResource
from resources.store import StoreResource
from supervisor_core.deadline import Worker
from supervisor_core.pipeline import Pipeline
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.owners import this_process

WORKER_TAG = "supervisor/worker"
PROGRESS_EVERY_S = 15.0


def owner_name(run_id: str) -> str:
    """The name under which a run holds its items."""
    return f"run:{run_id}"


class PipelineResource(StoreResource):
    """Opens on first use, so that a locked store is the step's failure and is tried again."""

    ollama: OllamaResource | None = None

    _owner: str = PrivateAttr("")
    _worker: Worker | None = PrivateAttr(None)
    _pipeline: Pipeline | None = PrivateAttr(None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Takes the run's name, and leaves a mark by which others see whether it still lives."""
        run = context.run
        self._owner = this_process(owner_name(run.run_id) if run else "sensor")
        if run and context.instance:
            context.instance.add_run_tags(run.run_id, {WORKER_TAG: self._owner})

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002
        """Ends the worker with all that it started."""
        if self._worker is not None:
            self._worker.close()

    def open(self) -> Pipeline:
        """The run's one pipeline."""
        if self._pipeline is None:
            settings = self._settings_now()
            self._worker = Worker(grace_s=settings.grace_s)
            self._pipeline = self.build(settings, self._worker, self._owner)
        return self._pipeline

    def _settings_now(self) -> Settings:
        return self.ollama.over(self.settings()) if self.ollama else self.settings()

    def build(self, settings: Settings, worker: Worker, owner: str) -> Pipeline:
        """A pipeline over this store."""
        home = settings.open_home()
        store = Store(home, settings)
        return Pipeline(store, home, settings, worker, owner, on_progress=_Progress())


class _Progress:
    """Says in the run's log how far long work is; short work says nothing."""

    def __init__(self) -> None:
        self._said_s = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now_s = time.monotonic()
        if total and now_s - self._said_s >= PROGRESS_EVERY_S:
            self._said_s = now_s
            dg.get_dagster_logger("supervisor").info("%d %% done", 100 * done // total)
