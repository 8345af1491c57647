"""Larger pictures that somebody has asked for are made, also when Forge comes back days later.

A thin shell: which requests are open, and whose time has come, `pipeline.enlarging` reads from the
store; the run answers them itself.
"""

import dagster as dg

from resources import PipelineResource
from sensors.requesting import due_runs, none_due, requested
from supervisor_assets.jobs import upscale_intake
from supervisor_core.pipeline.enlarging import wishing_intakes


@dg.sensor(
    job=upscale_intake,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a run for every intake with pictures that somebody wants larger.",
)
def wanted_upscales(
    context: dg.SensorEvaluationContext, pipeline: PipelineResource
) -> dg.SensorResult | dg.SkipReason:
    """Plans from the store alone which requests are worked on next."""
    waiting = pipeline.open().do(wishing_intakes)
    due = due_runs(context, upscale_intake.name, waiting)
    return requested(due) if due else none_due(waiting)
