"""What Dagster knows of the runs of intakes."""

from collections.abc import Iterable

import dagster as dg

from resources.pipeline import WORKER_TAG, owner_name
from supervisor_assets.failures import REASON_TAG
from supervisor_assets.requests import ATTEMPT_TAG, PARTITION_TAG
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Reason
from supervisor_core.repair import LastRun
from supervisor_core.store.owners import is_gone

ACTIVE = frozenset(
    {
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    }
)
ELSEWHERE = [Reason.ITEM_BUSY.value, Reason.LEASE_LOST.value]
_SUBMISSION_S = 300.0


def last_runs(
    instance: dg.DagsterInstance, job: str, intakes: Iterable[IntakeKey], now_s: float
) -> dict[IntakeKey, LastRun]:
    """The newest run of a job for each intake that has one."""
    found = {}
    for key in intakes:
        wanted = dg.RunsFilter(job_name=job, tags={PARTITION_TAG: key})
        records = instance.get_run_records(wanted, limit=1)
        if records:
            found[key] = _last_run(records[0], now_s)
    return found


def _last_run(record: dg.RunRecord, now_s: float) -> LastRun:
    run = record.dagster_run
    updated_s = record.update_timestamp.timestamp()
    submitting = run.status is dg.DagsterRunStatus.NOT_STARTED and now_s - updated_s < _SUBMISSION_S
    return LastRun(
        run_id=run.run_id,
        attempt=int(run.tags.get(ATTEMPT_TAG, "1")),
        active=run.status in ACTIVE or submitting,
        # Without an end there is only a moment that Dagster has cut to whole seconds.
        ended_s=record.end_time or updated_s + 1,
        succeeded=run.status is dg.DagsterRunStatus.SUCCESS,
        cancelled=run.status is dg.DagsterRunStatus.CANCELED,
        gave_up=_gave_up(run),
    )


def _gave_up(run: dg.DagsterRun) -> bool:
    failed = run.status is dg.DagsterRunStatus.FAILURE
    return failed and run.tags.get(REASON_TAG) in ELSEWHERE


def end_dead_runs(instance: dg.DagsterInstance) -> int:
    """Fails started runs whose process is gone from this machine, and returns how many.

    Dagster's own launcher notices that only while the server that started the run lives; such a
    run would hold a place in the queue until its last limit.
    """
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    dead = [run for run in instance.get_runs(started) if _is_dead(run)]
    for run in dead:
        instance.report_run_failed(run, "The process of this run is gone.")
    return len(dead)


def _is_dead(run: dg.DagsterRun) -> bool:
    # A run that follows a dead one starts with all its tags, until it has written its own.
    worker = run.tags.get(WORKER_TAG, "")
    return worker.startswith(f"{owner_name(run.run_id)}@") and is_gone(worker)
