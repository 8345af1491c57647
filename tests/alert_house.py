"""A code location that does nothing but tell: for a daemon that only has the sensor of alerts."""

import dagster as dg

from resources import NotifierResource
from sensors.alerts import alerts


@dg.asset
def films() -> None: ...


@dg.asset_check(asset=films)
def whole() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


defs = dg.Definitions(
    assets=[films],
    asset_checks=[whole],
    sensors=[alerts],
    resources={"notifier": NotifierResource(home="")},
)
