"""Finds what fell between, and asks for the runs that are missing.

A run request that fails twice is dropped by Dagster; a daemon may die between recording and
requesting; a run worker may be killed with everything around it, and its run then stays "started"
for ever. The store knows what is unfinished, Dagster knows what runs: where the two disagree, this
sensor asks again, each time after a longer wait. So it does for a run that waited in vain for
another one with the same content. A permanent refusal is an end, not a gap.
"""

import time
from datetime import UTC, datetime

import dagster as dg

from resources import StoreResource
from sensors.runs import ELSEWHERE, end_dead_runs, last_runs
from supervisor_assets.failures import REASON_TAG
from supervisor_assets.instance import forget_idle_ticks
from supervisor_assets.jobs import clean_intake
from supervisor_assets.partitions import added
from supervisor_assets.requests import PARTITION_TAG, repair_request
from supervisor_core.cleaning.job import CODE_VERSION
from supervisor_core.keys import IntakeKey
from supervisor_core.repair import Cause, OpenIntake, consider, plan_repairs
from supervisor_core.store.open_work import open_intakes

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
    runs = last_runs(
        context.instance, clean_intake.name, {work.intake for work in looked_at}, now_s
    )
    repairs = plan_repairs(looked_at, runs, now_s)
    idle = f"{len(unfinished)} unfinished, none due; {ended} dead runs ended"
    return dg.SensorResult(
        run_requests=[repair_request(repair) for repair in repairs],
        dynamic_partitions_requests=added(repair.intake for repair in repairs),
        cursor=cursor,
        skip_reason=None if repairs else dg.SkipReason(idle),
    )


def waited_in_vain(instance: dg.DagsterInstance, now_s: float) -> list[OpenIntake]:
    """Intakes of which a run ended because another one had the same content in hand.

    That one has brought the items to their end since, but the checks of these are not told.
    """
    wanted = dg.RunsFilter(
        job_name=clean_intake.name,
        statuses=[dg.DagsterRunStatus.FAILURE],
        tags={REASON_TAG: ELSEWHERE},
        updated_after=datetime.fromtimestamp(now_s - _FOLLOWED_S, UTC),
    )
    runs = instance.get_runs(wanted)
    keys = {IntakeKey(run.tags[PARTITION_TAG]) for run in runs if PARTITION_TAG in run.tags}
    return [OpenIntake(key, Cause.RUN_FAILED, now_s) for key in sorted(keys)]
