"""What should be true of the enrichment of every mode; all are told by one step.

schema_valid_ratio   enough answers had the shape that was asked for
degraded_ratio       not too many results are only a part
oldest_queued        nothing waits for too long
queue_idle           while work is due, some begins
"""

from collections.abc import Callable, Iterator

import dagster as dg

from resources import PipelineResource
from supervisor_assets.by_clock import in_a_run_of_an_intake
from supervisor_assets.enrichments.assets import key_of
from supervisor_assets.failures import told
from supervisor_core.enrichment.modes import MODES, Asks
from supervisor_core.settings import Settings
from supervisor_core.store.enrichment_levels import Level

_SAYS = {
    "schema_valid_ratio": "Of the answers of the last day enough had the shape that was asked for.",
    "degraded_ratio": "Of the results of the last day not too many are only a part.",
    "oldest_queued": "No item waits for longer than SUPERVISOR_ENRICH_OLDEST_S.",
    "queue_idle": "While items are due, some begin.",
}
_ASKED = ("schema_valid_ratio", "degraded_ratio")
_WARN = dg.AssetCheckSeverity.WARN


def _specs() -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(name, asset=key_of(mode.name), description=says)
        for mode in MODES.values()
        for name, says in _SAYS.items()
        if mode.asks is not Asks.NOTHING or name not in _ASKED
    ]


SPECS = _specs()


@dg.multi_asset_check(specs=SPECS, name="enrichment_levels", can_subset=True)
def enrichment_levels(
    context: dg.AssetCheckExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.AssetCheckResult]:
    """Reads the figures of all modes once; shares are judged when enough answers have come."""
    if in_a_run_of_an_intake(context):
        return
    with told(context):
        work = pipeline.open()
        found, settings = work.enrichment_levels(), work.settings
    for key in sorted(context.selected_asset_check_keys):
        level = found[key.asset_key.path[-1]]
        passed, facts = _JUDGES[key.name](level, settings)
        yield dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=passed,
            severity=_WARN,
            metadata=facts,
        )


_Judged = tuple[bool, dict[str, float | int | bool]]


def _valid(level: Level, settings: Settings) -> _Judged:
    judged = level.enough(settings)
    facts = {"valid_percent": round(100 * level.valid, 2), "unusable": level.unusable}
    goal = {"goal_percent": 100 * settings.enrich_valid, "judged": judged}
    return not judged or level.valid >= settings.enrich_valid, {**facts, **goal}


def _degraded(level: Level, settings: Settings) -> _Judged:
    judged = level.enough(settings)
    facts = {"degraded_percent": round(100 * level.partial, 2), "degraded": level.degraded}
    limit = {"limit_percent": 100 * settings.enrich_degraded, "judged": judged}
    return not judged or level.partial <= settings.enrich_degraded, {**facts, **limit}


def _oldest(level: Level, settings: Settings) -> _Judged:
    oldest_s = level.oldest_s or 0.0
    facts = {"oldest_s": round(oldest_s, 1), "limit_s": settings.enrich_oldest_s}
    return oldest_s <= settings.enrich_oldest_s, facts


def _idle(level: Level, settings: Settings) -> _Judged:
    facts = {
        "due": level.due,
        "due_for_s": round(level.due_s or 0.0, 1),
        "last_began_before_s": round(level.begun_s or 0.0, 1),
    }
    return not level.idles(settings), facts


_JUDGES: dict[str, Callable[[Level, Settings], _Judged]] = {
    "schema_valid_ratio": _valid,
    "degraded_ratio": _degraded,
    "oldest_queued": _oldest,
    "queue_idle": _idle,
}
