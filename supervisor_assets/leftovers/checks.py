"""One standing check for each asset: no intake is left failed, however long ago that was."""

from collections.abc import Iterator

import dagster as dg

from resources import StoreResource
from supervisor_assets.by_clock import in_a_run_of_an_intake
from supervisor_assets.facts import reason_facts
from supervisor_assets.failures import told
from supervisor_core.store.left_failed import ASSETS, LeftFailed, left_failed

NAME = "none_left_failed"
_SHOWN = 10
_MINOR = frozenset({"thumbnails"})  # the file itself is shown all the same


def _spec(asset: str) -> dg.AssetCheckSpec:
    said = "No intake's last word is a failure; what was refused, or waits for its turn, is none."
    return dg.AssetCheckSpec(NAME, asset=dg.AssetKey(asset.split("/")), description=said)


SPECS = tuple(map(_spec, ASSETS))


@dg.multi_asset_check(
    name="leftovers",
    specs=SPECS,
    can_subset=True,
    description="Looks up what has ended without success and was not put right since.",
)
def leftovers(
    context: dg.AssetCheckExecutionContext, store: StoreResource
) -> Iterator[dg.AssetCheckResult]:
    """Reads the store once for all assets."""
    if in_a_run_of_an_intake(context):
        return
    wanted = {key.asset_key.to_user_string() for key in context.selected_asset_check_keys}
    with told(context):
        opened = store.open_store()
        with opened.read() as connection:
            chosen = [asset for asset in ASSETS if asset in wanted]
            found = left_failed(connection, chosen, opened.now())
    yield from map(_result, found)


def _result(found: LeftFailed) -> dg.AssetCheckResult:
    """Warns of what is tried again by itself; what waits for a person is an error."""
    severe = found.for_people and found.asset not in _MINOR
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(found.asset.split("/")),
        check_name=NAME,
        passed=not found.intakes,
        severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
        metadata={
            "intakes": len(found.intakes),
            "wait_for_a_person": found.for_people,
            "first": ", ".join(found.intakes[:_SHOWN]),
            **reason_facts(found.reasons or {}),
        },
    )
