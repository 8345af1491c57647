"""What Dagster knows of the runs of intakes."""

from collections.abc import Iterable, Sequence

import dagster as dg
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME

from resources.pipeline import WORKER_TAG, owner_name
from supervisor_assets.failures import REASON_TAG
from supervisor_assets.jobs import ASSETS_OF
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
_BY_HAND = 10


def last_runs(
    instance: dg.DagsterInstance, job: str, intakes: Iterable[IntakeKey], now_s: float
) -> dict[IntakeKey, LastRun]:
    """The newest run of each intake: of a job, or by hand of assets that the job makes as well."""
    found = {}
    for key in intakes:
        records = [*_of_job(instance, job, key), *_by_hand(instance, job, key)]
        if records:
            found[key] = _last_run(max(records, key=lambda one: one.storage_id), now_s)
    return found


def _of_job(instance: dg.DagsterInstance, job: str, key: IntakeKey) -> Sequence[dg.RunRecord]:
    wanted = dg.RunsFilter(job_name=job, tags={PARTITION_TAG: key})
    return instance.get_run_records(wanted, limit=1)


def _by_hand(instance: dg.DagsterInstance, job: str, key: IntakeKey) -> Sequence[dg.RunRecord]:
    """The newest run that somebody, or a backfill, has started of assets of a job."""
    wanted = dg.RunsFilter(job_name=IMPLICIT_ASSET_JOB_NAME, tags={PARTITION_TAG: key})
    records = instance.get_run_records(wanted, limit=_BY_HAND)
    assets = ASSETS_OF.get(job, frozenset())
    mine = [one for one in records if assets & (one.dagster_run.asset_selection or set())]
    return mine[:1]


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
