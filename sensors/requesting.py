"""Runs for intakes that wait for one task: whose turn it is, and how they are asked for."""

import time
from collections.abc import Callable, Mapping, Sequence

import dagster as dg

from sensors.runs import last_runs
from supervisor_assets.partitions import added
from supervisor_assets.requests import repair_request
from supervisor_core.keys import IntakeKey
from supervisor_core.repair import LastRun, OpenIntake, Repair, consider, plan_repairs

AT_ONCE = 50


Judge = Callable[[Sequence[OpenIntake], Mapping[IntakeKey, LastRun]], Sequence[OpenIntake]]


def due_runs(
    context: dg.SensorEvaluationContext,
    job: str,
    waiting: Sequence[OpenIntake],
    judge: Judge | None = None,
) -> list[Repair]:
    """The runs of a job to ask for now; moves the cursor on to those that are looked at next.

    `judge` may say otherwise why they wait, once their last runs are known.
    """
    looked_at, cursor = consider(waiting, context.cursor or "")
    now_s = time.time()
    runs = last_runs(context.instance, job, {one.intake for one in looked_at}, now_s)
    context.update_cursor(cursor)
    looked_at = list(judge(looked_at, runs)) if judge else looked_at
    return plan_repairs(looked_at, runs, now_s, AT_ONCE)


def none_due(waiting: Sequence[OpenIntake]) -> dg.SkipReason:
    """What a tick says that asks for nothing."""
    return dg.SkipReason(f"{len(waiting)} intakes wait, none is due")


def requested(due: Sequence[Repair]) -> dg.SensorResult:
    """The runs as Dagster takes them, each with its partition."""
    return dg.SensorResult(
        run_requests=[repair_request(one) for one in due],
        dynamic_partitions_requests=added(one.intake for one in due),
    )
