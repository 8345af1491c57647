"""Analyses that wait for the model go on when it is well, and say why they wait when it is not.

Cleaning needs no model, so a video is verified whatever the model server does; this sensor asks for
the analysis afterwards. While the server is away nothing is opened and no try is used up.
"""

import dagster as dg

from resources import PipelineResource
from sensors.requesting import due_runs, none_due, requested
from supervisor_assets.jobs import analyse_intake
from supervisor_core.pipeline import Pipeline
from supervisor_core.reasons import Reason


@dg.sensor(
    job=analyse_intake,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts the analyses that wait, once the model server and its model are well.",
)
def model_health(
    context: dg.SensorEvaluationContext, pipeline: PipelineResource
) -> dg.SensorResult | dg.SkipReason:
    """Looks at the model only when something waits for it."""
    work = pipeline.open()
    waiting = work.unanalysed()
    due = due_runs(context, analyse_intake.name, waiting)
    if not due:
        return none_due(waiting)
    if (reason := why_not(work)) is not None:
        held = work.block_analyses([one.intake for one in due], reason)
        return dg.SkipReason(f"{reason}: {reason.sentence} {held} items wait")
    return requested(due)


def why_not(work: Pipeline) -> Reason | None:
    """Why the model can't be asked now, or is not to be; None when it can."""
    return work.model_rests() or work.model_health().reason
