"""Verified files that are not in the bucket yet are copied there.

A thin shell: what waits, and whose turn it is, `pipeline.uncopied` reads from the store; no storage
is asked here. Without SUPERVISOR_S3_WRITE_BUCKET it is stopped, and says so when started by hand.
"""

import time

import dagster as dg

from resources import PipelineResource
from sensors.runs import last_runs
from sensors.s3_uploads import settings_now
from supervisor_assets.jobs import copy_intake
from supervisor_assets.partitions import added
from supervisor_assets.requests import repair_request
from supervisor_core.keys import IntakeKey
from supervisor_core.repair import Repair, consider, plan_repairs

AT_ONCE = 50
_UNSET = "SUPERVISOR_S3_WRITE_BUCKET is not set: nothing is copied"


def copies_of() -> dg.SensorDefinition:
    """The sensor; whether it runs from the start is read when the definitions load."""
    running = dg.DefaultSensorStatus.RUNNING, dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        job=copy_intake,
        minimum_interval_seconds=15,
        default_status=running[not settings_now().s3_write_bucket],
        description="Starts a run for every intake with verified files that are not copied yet.",
    )
    def copies(
        context: dg.SensorEvaluationContext, pipeline: PipelineResource
    ) -> dg.SensorResult | dg.SkipReason:
        """Plans from the store alone what is to be copied next."""
        return _tick(context, pipeline)

    return copies


def _tick(
    context: dg.SensorEvaluationContext, pipeline: PipelineResource
) -> dg.SensorResult | dg.SkipReason:
    if not pipeline.settings().s3_write_bucket:
        return dg.SkipReason(_UNSET)
    waiting, cursor = consider(pipeline.open().uncopied(), context.cursor or "")
    now_s = time.time()
    runs = last_runs(context.instance, copy_intake.name, {one.intake for one in waiting}, now_s)
    due = plan_repairs(waiting, runs, now_s, AT_ONCE)
    context.update_cursor(cursor)
    if not due:
        return dg.SkipReason(f"{len(waiting)} intakes wait, none is due")
    return _requests(due)


def _requests(due: list[Repair]) -> dg.SensorResult:
    return dg.SensorResult(
        run_requests=[repair_request(one) for one in due],
        dynamic_partitions_requests=added(IntakeKey(one.intake) for one in due),
    )
