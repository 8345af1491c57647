"""Files that may be read are read whole and compared with all others, each once.

A thin shell: what waits `pipeline.unlooked` reads from the store. What is merely to be read once
more after half a year comes behind everything else, a few intakes at a time.
"""

import dagster as dg

from resources import PipelineResource
from sensors.requesting import due_runs, none_due, requested
from supervisor_assets.jobs import fingerprint_intake
from supervisor_core.pipeline.unlooked import unlooked_intakes


@dg.sensor(
    job=fingerprint_intake,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a run for every intake with files that were not read or compared yet.",
)
def unlooked_files(
    context: dg.SensorEvaluationContext, pipeline: PipelineResource
) -> dg.SensorResult | dg.SkipReason:
    """Plans from the store alone which files are looked at next."""
    waiting = pipeline.open().do(unlooked_intakes)
    due = due_runs(context, fingerprint_intake.name, waiting)
    return requested(due) if due else none_due(waiting)
