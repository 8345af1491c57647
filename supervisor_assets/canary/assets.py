"""An invented examination goes through everything every 15 minutes: does the whole way work?"""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from resources import PipelineResource
from supervisor_assets.facts import reason_facts
from supervisor_assets.failures import told
from supervisor_assets.making import OWNERS, Group, described
from supervisor_assets.pools import Pool
from supervisor_core.canary.outcome import Health
from supervisor_core.store.service import OVERDUE

EVERY_MINUTES = 15
SEVERITY = {
    Health.DEGRADED: dg.AssetCheckSeverity.WARN,
    Health.UNHEALTHY: dg.AssetCheckSeverity.ERROR,
}

# As long as `health` still believes the last flight; a flight takes a while itself.
FRESH = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(minutes=1.75 * EVERY_MINUTES),
    fail_window=timedelta(minutes=OVERDUE * EVERY_MINUTES),
)

HEALTHY = dg.AssetCheckSpec(
    "healthy",
    asset="canary",
    description="The last flight went all the way, in time, and nothing of its name was left.",
)


@dg.asset(
    group_name=Group.HEALTH.value,
    owners=OWNERS,
    kinds={"duckdb"},
    code_version="1",
    check_specs=[HEALTHY],
    freshness_policy=FRESH,
    pool=Pool.CLOCK.value,
    description=described(
        "Draws an examination of nobody, drops it into a home of its own, and takes it through "
        "import, cleaning, verification and analysis. Its home is thrown away afterwards.",
        reads="nothing that came in; it flies every quarter of an hour.",
        fails="the check `healthy` says how far it came and why it came no further: what befalls "
        "it befalls real files as well. `supervisor-assets doctor` looks for the cause.",
    ),
)
def canary(
    context: dg.AssetExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Flies once; whatever goes wrong on the way is the check's result, not the run's failure."""
    with told(context):
        flight = pipeline.open().fly_canary()
    facts = {
        "health": dg.MetadataValue.text(flight.health.value),
        "seconds": dg.MetadataValue.float(round(flight.seconds, 3)),
        "stages": dg.MetadataValue.json(dict(flight.stages)),
    } | reason_facts({flight.reason: 1} if flight.reason else {})
    result = dg.AssetCheckResult(
        check_name=HEALTHY.name,
        passed=flight.health is Health.HEALTHY,
        severity=SEVERITY.get(flight.health, dg.AssetCheckSeverity.ERROR),
        metadata=facts,
    )
    yield dg.MaterializeResult(metadata=facts, check_results=[result])
