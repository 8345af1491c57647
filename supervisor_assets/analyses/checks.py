"""What must be true of analyses: no score without its frames, and most of them in time."""

import dagster as dg

from resources import PipelineResource
from supervisor_assets.analyses.assets import analyses
from supervisor_assets.failures import told
from supervisor_assets.making import intake_check
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline


@intake_check(
    analyses, "Every score of the intake's analyses names frames that were shown to the model."
)
def evidence(work: Pipeline, key: IntakeKey) -> dg.AssetCheckResult:
    """Reads the results again; one that stands on nothing would have been invented."""
    found = work.evidence(key)
    return dg.AssetCheckResult(
        passed=not found.without,
        metadata={
            "results": found.results,
            "scores": found.scores,
            "scores_without_frames": found.without,
            "nulls": found.nulls,
        },
    )


@dg.asset_check(
    asset=analyses,
    description="Of the analyses of the last day enough ended well and in time.",
)
def service_level(
    context: dg.AssetCheckExecutionContext, pipeline: PipelineResource
) -> dg.AssetCheckResult:
    """Judges only once enough have ended; until then it passes and says so."""
    with told(context):
        work = pipeline.open()
        level, settings = work.service_level(), work.settings
    judged = level.meets(settings)
    goal = settings.service_success
    return dg.AssetCheckResult(
        passed=judged is not False,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "ended": level.ended,
            "good_percent": round(100 * level.ratio, 3),
            "goal_percent": 100 * goal,
            "error_budget_left_percent": round(
                100 * level.budget_left(settings.service_success), 1
            ),
            "p95_s_for_30_s": round(level.p95_s or 0.0, 3),
            "goal_s": settings.service_latency_s,
            "tokens": level.tokens,
            "tokens_wasted": level.tokens_wasted,
            "judged": judged is not None,
            "errors": dg.MetadataValue.json(dict(level.by_reason)),
        },
    )
