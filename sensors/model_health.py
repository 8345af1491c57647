"""Analyses that wait for the model go on when it is well, and say why they wait when it is not.

Cleaning needs no model, so a video is verified whatever the model server does; this sensor asks for
the analysis afterwards. While the server is away nothing is opened and no try is used up.
"""

import time

import dagster as dg

from resources import PipelineResource
from sensors.runs import last_runs
from supervisor_assets.jobs import analyse_intake
from supervisor_assets.partitions import added
from supervisor_assets.requests import repair_request
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.reasons import Reason
from supervisor_core.repair import Repair, consider, plan_repairs

AT_ONCE = 50


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
    waiting, cursor = consider(work.unanalysed(), context.cursor or "")
    now_s = time.time()
    runs = last_runs(context.instance, analyse_intake.name, {one.intake for one in waiting}, now_s)
    due = plan_repairs(waiting, runs, now_s, AT_ONCE)
    context.update_cursor(cursor)
    if not due:
        return dg.SkipReason(f"{len(waiting)} intakes wait, none is due")
    if (reason := why_not(work)) is not None:
        held = work.block_analyses([one.intake for one in due], reason)
        return dg.SkipReason(f"{reason}: {reason.sentence} {held} items wait")
    return _requests(due)


def why_not(work: Pipeline) -> Reason | None:
    """Why the model can't be asked now; None when it can."""
    return work.model_health().reason or work.model_rests()


def _requests(due: list[Repair]) -> dg.SensorResult:
    return dg.SensorResult(
        run_requests=[repair_request(one) for one in due],
        dynamic_partitions_requests=added(IntakeKey(one.intake) for one in due),
    )
