"""Runs the main job for an intake in this very process, on the real instance, seen in lineage."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar, cast

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from resources import PipelineResource
from supervisor_assets.cli.say import Bar
from supervisor_assets.definitions import definitions_for
from supervisor_assets.failures import REASON_TAG
from supervisor_assets.instance import prepare_dagster_home
from supervisor_assets.jobs import clean_intake
from supervisor_assets.partitions import intake as partition
from supervisor_assets.requests import PARTITION_TAG, run_request
from supervisor_core.deadline import Worker
from supervisor_core.home import Home
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.progress import summarise

T = TypeVar("T")

_ROUNDS = 3
_POLL_S = 0.5
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_STEPS = {
    "import_items": "looking at what came in",
    "mask": "masking",
    "verify": "reading the finished files again",
    "set_aside": "keeping aside what could not be cleaned",
    "thumbnails": "drawing thumbnails",
}
"""What each call of the pipeline is to a person."""


def open_quiet_instance(home: Home) -> dg.DagsterInstance:
    """The Dagster instance of a home, without the processes that would watch our own output."""
    nowhere = {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
    folder = str(prepare_dagster_home(home))
    return dg.DagsterInstance.from_ref(
        InstanceRef.from_dir(folder, overrides={"compute_logs": nowhere})
    )


class Runs:
    """Brings intakes to their end, by running the job or by waiting for a run that is at it."""

    def __init__(self, instance: dg.DagsterInstance, store: Store, home: Home, bar: Bar) -> None:
        self._instance, self._store, self._bar = instance, store, bar
        base = definitions_for(str(home.root))
        self._stopper = _Stopper()
        pipeline = _watched(home, bar, self._stopper)
        resources = {**(base.resources or {}), "pipeline": pipeline}
        loaded = dg.Definitions(
            assets=base.assets,
            asset_checks=base.asset_checks,
            jobs=base.jobs,
            resources=resources,
        )
        self._job = loaded.resolve_job_def(clean_intake.name)

    def finish_all(self, intakes: Sequence[IntakeKey]) -> dict[IntakeKey, Reason]:
        """Brings all of them to their end; returns why it could not be reached, where so."""
        stuck = {}
        for number, key in enumerate(intakes, 1):
            self._bar.prefix = f"{number} of {len(intakes)}: " if len(intakes) > 1 else ""
            reason = self.finish(key)
            if reason is not None:
                stuck[key] = reason
        return stuck

    def finish(self, key: IntakeKey) -> Reason | None:
        """Brings one intake to its end; returns why it is not there, when it is not."""
        self._instance.add_dynamic_partitions(cast(str, partition.name), [key])
        reason = Reason.LEASE_LOST
        for _ in range(_ROUNDS):
            self._wait_for_others(key)
            if self._settled(key):
                return None
            reason = self._run(key)
        return None if self._settled(key) else reason

    def _run(self, key: IntakeKey) -> Reason:
        """One run; returns why it failed, which counts only when the intake is not at its end.

        The run has a thread of its own, where Dagster hears of no interrupt: so one ends the work
        under way and nothing else, and what the run has begun to record it records in full.
        """
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(self._execute, key)
            try:
                return running.result()
            except KeyboardInterrupt:
                self._stopper.stop()
                raise

    def _execute(self, key: IntakeKey) -> Reason:
        done = self._job.execute_in_process(
            instance=self._instance,
            partition_key=key,
            raise_on_error=False,
            run_config=_QUIET,
            tags=run_request(key, attempt=1).tags,
        )
        run = self._instance.get_run_by_id(done.run_id)
        code = run.tags.get(REASON_TAG) if run else None
        return next((reason for reason in Reason if reason == code), Reason.LEASE_LOST)

    def _wait_for_others(self, key: IntakeKey) -> None:
        wanted = dg.RunsFilter(
            job_name=clean_intake.name, tags={PARTITION_TAG: key}, statuses=_ACTIVE
        )
        while self._instance.get_runs(wanted, limit=1):
            self._bar.step("waiting for another run")
            time.sleep(_POLL_S)

    def _settled(self, key: IntakeKey) -> bool:
        with self._store.read() as connection:
            summary = summarise(connection, key)
        return summary is not None and summary.settled


def _watched(home: Home, bar: Bar, stopper: "_Stopper") -> PipelineResource:
    class Watched(PipelineResource):
        """The pipeline of a run whose steps show on the bar, and that can be stopped."""

        def build(self, settings: Settings, worker: Worker, owner: str) -> Pipeline:
            watched = cast(Worker, stopper.watch(worker))
            work = super().build(settings, watched, owner)
            return cast(Pipeline, _Steps(work, bar, stopper))

    return Watched(home=str(home.root))


class _Stopper:
    """The run's worker, which takes no more calls once it is stopped."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self.stopped = False

    def watch(self, worker: Worker) -> Self:
        """Stands for this worker from now on."""
        self._worker = worker
        return self

    def stop(self) -> None:
        """Ends the call under way with CANCELLED, and so all that would follow."""
        self.stopped = True
        if self._worker is not None:
            self._worker.close()

    def call(self, function: Callable[..., T], /, *args: object, **terms: Any) -> T:
        """As `Worker.call`."""
        if self.stopped or self._worker is None:
            raise Failed(Reason.CANCELLED)
        return self._worker.call(function, *args, **terms)


class _Steps:
    """A pipeline that names each step on the bar when it begins, and begins none once stopped."""

    def __init__(self, work: Pipeline, bar: Bar, stopper: _Stopper) -> None:
        self._work, self._bar, self._stopper = work.reporting(bar), bar, stopper

    def __getattr__(self, name: str) -> Any:
        if self._stopper.stopped:
            raise Failed(Reason.CANCELLED)
        if name in _STEPS:
            self._bar.step(_STEPS[name])
        return getattr(self._work, name)
