"""Rates over a window as checks of the assets they speak of, judged every quarter of an hour."""

from collections.abc import Iterator

import dagster as dg

from resources import StoreResource
from supervisor_assets.by_clock import in_a_run_of_an_intake
from supervisor_assets.failures import told
from supervisor_core.store.rates import FIGURES, Figure, Measured, Unit, Verdict, measure


def _spec(figure: Figure) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(figure.name, asset=figure.asset, description=figure.says)


SPECS = tuple(map(_spec, FIGURES))
_FIGURES = {spec.key: figure for spec, figure in zip(SPECS, FIGURES, strict=True)}


@dg.multi_asset_check(
    name="rates",
    specs=SPECS,
    can_subset=True,
    description="Counts what ended in the window, and judges its shares.",
)
def rates(
    context: dg.AssetCheckExecutionContext, store: StoreResource
) -> Iterator[dg.AssetCheckResult]:
    """Reads the store once for all of them."""
    if in_a_run_of_an_intake(context):
        return
    wanted = context.selected_asset_check_keys
    with told(context):
        opened = store.open_store()
        chosen = [figure for key, figure in _FIGURES.items() if key in wanted]
        with opened.read() as connection:
            found = measure(connection, chosen, opened.now(), store.settings())
    yield from map(_result, found)


def _result(found: Measured) -> dg.AssetCheckResult:
    severe = found.verdict is Verdict.ERROR
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(found.figure.asset),
        check_name=found.figure.name,
        passed=found.verdict in (Verdict.GOOD, Verdict.TOO_FEW),
        severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
        metadata=_facts(found),
    )


def _facts(found: Measured) -> dict[str, float | int | bool | str]:
    """The figure with all that it was made of; a duration has no part."""
    unit = found.figure.unit
    scale, name = {
        Unit.SHARE: (100, "percent"),
        Unit.COUNT: (1, "count"),
        Unit.SECONDS: (1, "p95_s_for_30_s"),
    }[unit]
    facts: dict[str, float | int | bool | str] = {
        "whole": found.whole,
        f"warn_{name}": round(scale * found.warn, 3),
        f"error_{name}": round(scale * found.error, 3),
        "window_s": found.window_s,
        "minimum": found.minimum,
        "judged": found.verdict is not Verdict.TOO_FEW,
        "verdict": found.verdict.value,
    }
    if found.part is not None:
        facts["part"] = found.part
    if found.value is not None:
        facts[name] = round(scale * found.value, 3)
    return facts
