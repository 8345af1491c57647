"""Finds what fell between, and asks for the runs that are missing.

A run request that fails twice is dropped by Dagster; a daemon may die between recording and
requesting; a run worker may be killed with everything around it, and its run then stays "started"
for ever. The store knows what is unfinished, Dagster knows what runs: where the two disagree, this
sensor asks again, each time after a longer wait. So it does for a run that waited in vain for
another one with the same content. A permanent refusal is an end, not a gap.
"""

import time
from collections.abc import Iterable
from datetime import UTC, datetime

import dagster as dg

from resources import StoreResource
from resources.pipeline import WORKER_TAG, owner_name
from supervisor_assets.failures import REASON_TAG
from supervisor_assets.instance import forget_idle_ticks
from supervisor_assets.jobs import clean_intake
from supervisor_assets.partitions import added
from supervisor_assets.requests import ATTEMPT_TAG, PARTITION_TAG, repair_request
from supervisor_core.cleaning.job import CODE_VERSION
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Reason
from supervisor_core.repair import Cause, LastRun, OpenIntake, consider, plan_repairs
from supervisor_core.store.open_work import open_intakes
from supervisor_core.store.owners import is_gone

_ACTIVE = frozenset(
    {
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    }
)
_ELSEWHERE = [Reason.ITEM_BUSY.value, Reason.LEASE_LOST.value]
_SUBMISSION_S = 300.0
_FOLLOWED_S = 2 * 86_400.0
IDLE_TICKS_S = 3600.0


@dg.sensor(
    job=clean_intake,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests the runs that got lost, died, or whose cause of failure has passed.",
)
def reconcile(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult:
    """Compares what the store says is unfinished with the runs that exist."""
    now_s = time.time()
    forget_idle_ticks(context.instance, now_s - IDLE_TICKS_S)
    ended = end_dead_runs(context.instance)
    with store.open_store().read() as connection:
        unfinished = open_intakes(connection, now_s, CODE_VERSION)
    waited = waited_in_vain(context.instance, now_s)
    looked_at, cursor = consider([*unfinished, *waited], context.cursor or "")
    runs = last_runs(context.instance, {work.intake for work in looked_at}, now_s)
    repairs = plan_repairs(looked_at, runs, now_s)
    idle = f"{len(unfinished)} unfinished, none due; {ended} dead runs ended"
    return dg.SensorResult(
        run_requests=[repair_request(repair) for repair in repairs],
        dynamic_partitions_requests=added(repair.intake for repair in repairs),
        cursor=cursor,
        skip_reason=None if repairs else dg.SkipReason(idle),
    )


def last_runs(
    instance: dg.DagsterInstance, intakes: Iterable[IntakeKey], now_s: float
) -> dict[IntakeKey, LastRun]:
    """The newest run of each intake that has one."""
    found = {}
    for key in intakes:
        wanted = dg.RunsFilter(job_name=clean_intake.name, tags={PARTITION_TAG: key})
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
        active=run.status in _ACTIVE or submitting,
        ended_s=record.end_time or updated_s,
        cancelled=run.status is dg.DagsterRunStatus.CANCELED,
        gave_up=_gave_up(run),
    )


def _gave_up(run: dg.DagsterRun) -> bool:
    failed = run.status is dg.DagsterRunStatus.FAILURE
    return failed and run.tags.get(REASON_TAG) in _ELSEWHERE


def waited_in_vain(instance: dg.DagsterInstance, now_s: float) -> list[OpenIntake]:
    """Intakes of which a run ended because another one had the same content in hand.

    That one has brought the items to their end since, but the checks of these are not told.
    """
    wanted = dg.RunsFilter(
        job_name=clean_intake.name,
        statuses=[dg.DagsterRunStatus.FAILURE],
        tags={REASON_TAG: _ELSEWHERE},
        updated_after=datetime.fromtimestamp(now_s - _FOLLOWED_S, UTC),
    )
    runs = instance.get_runs(wanted)
    keys = {IntakeKey(run.tags[PARTITION_TAG]) for run in runs if PARTITION_TAG in run.tags}
    return [OpenIntake(key, Cause.RUN_FAILED, now_s) for key in sorted(keys)]


def end_dead_runs(instance: dg.DagsterInstance) -> int:
    """Fails started runs whose process is gone from this machine, and returns how many.

    Dagster's own launcher notices that only while the server that started the run lives; such a
    run would hold a place in the queue until its last limit.
    """
    started = dg.RunsFilter(job_name=clean_intake.name, statuses=[dg.DagsterRunStatus.STARTED])
    dead = [run for run in instance.get_runs(started) if _is_dead(run)]
    for run in dead:
        instance.report_run_failed(run, "The process of this run is gone.")
    return len(dead)


def _is_dead(run: dg.DagsterRun) -> bool:
    # A run that follows a dead one starts with all its tags, until it has written its own.
    worker = run.tags.get(WORKER_TAG, "")
    return worker.startswith(f"{owner_name(run.run_id)}@") and is_gone(worker)
