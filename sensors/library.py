"""Recordings that were cleaned and verified are put into the library; see `sessions.exporting`."""

import dagster as dg

from resources import PipelineResource
from sensors.requesting import due_runs, none_due, requested
from supervisor_assets.jobs import export_recording


@dg.sensor(
    job=export_recording,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a run for every recording with files that are not in the library yet.",
)
def library_exports(
    context: dg.SensorEvaluationContext, pipeline: PipelineResource
) -> dg.SensorResult | dg.SkipReason:
    """Plans from the store alone what is to be exported next."""
    waiting = pipeline.open().unexported_recordings()
    due = due_runs(context, export_recording.name, waiting)
    return requested(due) if due else none_due(waiting)
