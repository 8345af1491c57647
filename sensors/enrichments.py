"""Enrichments that wait go on: at once where no model is needed, else when the model is well.

A run has all modes that its intake waits for, and those that read them. While a model is away the
items say so, no try is used up, and what needs no model is done all the same. What had a result
before (corrected tags, a file that was scanned anew) goes before what is new.
"""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from resources import PipelineResource
from sensors.requesting import AT_ONCE, due_runs
from supervisor_assets.enrichments.assets import key_of
from supervisor_assets.jobs import enrich_intake
from supervisor_assets.partitions import added
from supervisor_assets.requests import PRIORITY_TAG, run_request
from supervisor_core.enrichment.modes import MODES, Asks, dependents, in_order
from supervisor_core.pipeline import Pipeline
from supervisor_core.reasons import Reason
from supervisor_core.repair import Cause, OpenIntake, Repair
from supervisor_core.store.open_enrichments import Waiting

_WITHOUT = ("quality", "dupe_hints")
"""What these can say without a model they say while it is away, unless somebody paused them."""


@dg.sensor(
    job=enrich_intake,
    minimum_interval_seconds=20,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts the enrichments that wait, once their models are well.",
)
def enrichments(
    context: dg.SensorEvaluationContext, pipeline: PipelineResource
) -> dg.SensorResult | dg.SkipReason:
    """Looks at the models only when something waits for them."""
    work = pipeline.open()
    waiting = {one.intake: one for one in work.unenriched()}
    due = due_runs(context, enrich_intake.name, [_open(one) for one in waiting.values()])
    if not due:
        return dg.SkipReason(f"{len(waiting)} intakes wait, none is due")
    asked = {name for one in due for name in waiting[one.intake].modes}
    away = work.why_not(in_order(asked))
    _block(work, [waiting[one.intake] for one in due], away)
    wanted = {one.intake: runnable(waiting[one.intake], away) for one in due}
    runs = [_run(one, wanted[one.intake], waiting[one.intake]) for one in due if wanted[one.intake]]
    if not runs:
        reasons = ", ".join(sorted(set(away.values())))
        return dg.SkipReason(f"{len(due)} intakes wait: {reasons}")
    return dg.SensorResult(
        run_requests=runs[:AT_ONCE],
        dynamic_partitions_requests=added(str(one.partition_key) for one in runs),
    )


def runnable(waiting: Waiting, away: Mapping[str, Reason]) -> list[str]:
    """The modes to run for an intake: those whose model is well, and what can do without."""
    can = [name for name in waiting.modes if name not in away]
    can += [name for name in waiting.fresh if name in away and _goes_on(name, away[name])]
    later = [more for name in can if name not in away for more in dependents(name)]
    return in_order({*can, *(name for name in later if name not in away)})


def _block(work: Pipeline, due: Sequence[Waiting], away: Mapping[str, Reason]) -> None:
    """Says on the items why they wait, where that is not written yet."""
    for name, reason in away.items():
        if _goes_on(name, reason):
            continue
        intakes = [one.intake for one in due if name in one.fresh]
        work.block_enrichments(intakes, name, reason)


def _goes_on(name: str, reason: Reason) -> bool:
    """True for what can do without its model."""
    return name in _WITHOUT and reason is not Reason.PAUSED


def _open(waiting: Waiting) -> OpenIntake:
    """Corrections come first: they are told as older than everything that is new."""
    fresh = any(MODES[name].asks is not Asks.NOTHING for name in waiting.fresh)
    cause = Cause.NEW if fresh else Cause.CAUSE_PASSED
    return OpenIntake(waiting.intake, cause, -1.0 if waiting.corrections else 0.0)


def _run(due: Repair, modes: Iterable[str], waiting: Waiting) -> dg.RunRequest:
    tags = {PRIORITY_TAG: "1"} if waiting.corrections else {}
    made = run_request(due.intake, attempt=due.attempt, run_key=due.run_key, **tags)
    return dg.RunRequest(
        run_key=made.run_key,
        partition_key=made.partition_key,
        tags=dict(made.tags),
        asset_selection=[key_of(name) for name in modes],
    )
