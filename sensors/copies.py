"""Verified files that are not in the bucket yet are copied there.

A thin shell: what waits, and whose turn it is, `pipeline.uncopied` reads from the store; no storage
is asked here. Without SUPERVISOR_S3_WRITE_BUCKET it is stopped, and says so when started by hand.
"""

import dagster as dg

from resources import PipelineResource
from sensors.requesting import due_runs, none_due, requested
from sensors.s3_uploads import settings_now
from supervisor_assets.jobs import copy_intake

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
    waiting = pipeline.open().uncopied()
    due = due_runs(context, copy_intake.name, waiting)
    return requested(due) if due else none_due(waiting)
