"""Released files are put out, and files that are released no more are taken away, within seconds.

A thin shell: what is due, `pipeline.unreleased` reads from the store; no folder and no storage is
asked here. After a run that failed the next one waits longer and longer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import dagster as dg

from resources import PipelineResource
from sensors.requesting import due_runs, none_due, requested
from supervisor_assets.jobs import release_intake
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.unreleased import waiting_releases
from supervisor_core.repair import Cause, LastRun, OpenIntake


@dg.sensor(
    job=release_intake,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a run for every intake with files to put out, or to take away again.",
)
def releases(
    context: dg.SensorEvaluationContext, pipeline: PipelineResource
) -> dg.SensorResult | dg.SkipReason:
    """Plans from the store alone what is to be put out or taken away next."""
    waiting = pipeline.open().do(waiting_releases)
    due = due_runs(context, release_intake.name, waiting, after_failures)
    return requested(due) if due else none_due(waiting)


def after_failures(
    waiting: Sequence[OpenIntake], runs: Mapping[IntakeKey, LastRun]
) -> list[OpenIntake]:
    """The same, with growing waits for those whose last run came to nothing."""
    failed = {key for key, run in runs.items() if not run.active and not run.succeeded}
    return [
        replace(one, cause=Cause.UNFINISHED) if one.intake in failed else one for one in waiting
    ]
