"""The configured libraries are looked at every few minutes; what is new becomes intakes and runs.

A thin shell: `libraries.scanning` lists, decides and records; what is doubtful changes nothing. A
library on a disk that hangs costs its limit and no other library's turn. At most 50 runs are asked
for in a tick; those of all else that was recorded, also by hand, the reconcile sensor asks for.
"""

import time
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from resources import StoreResource
from sensors.requesting import AT_ONCE
from sensors.s3_uploads import settings_now
from supervisor_assets.jobs import clean_intake
from supervisor_assets.partitions import added
from supervisor_assets.requests import run_request
from supervisor_core.deadline import Worker
from supervisor_core.home import Home
from supervisor_core.libraries.listing import Listing
from supervisor_core.libraries.looking import look_at
from supervisor_core.libraries.marker import Mark
from supervisor_core.libraries.roots import Root, load_roots, roots_file
from supervisor_core.libraries.scanning import Report, Wish, scan
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store, libraries

_A_TICK_S = 40.0  # Dagster ends a tick after a minute
_LIST_S = 20.0
_INTAKES = 200


def libraries_of(home: str) -> dg.SensorDefinition:
    """The sensor for one home; an empty one is what SUPERVISOR_HOME says.

    How often it looks is read when the definitions load.
    """
    store = StoreResource(home=home)

    @dg.sensor(
        name="libraries",
        job=clean_intake,
        minimum_interval_seconds=max(1, int(settings_now().library_every_s)),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts runs for what is new or changed in the folders of libraries.toml.",
    )
    def look_at_libraries(context: dg.SensorEvaluationContext) -> dg.SensorResult:  # noqa: ARG001
        """Scans the libraries, the longest not looked at first, and requests the runs."""
        settings = store.settings()
        home = settings.open_home()
        roots = load_roots(roots_file(home, settings))
        if not roots:
            return dg.SensorResult(skip_reason="No library is configured.")
        return _result(_scan_all(Store(home, settings), home, settings, roots))

    return look_at_libraries


def _scan_all(
    store: Store, home: Home, settings: Settings, roots: Mapping[str, Root]
) -> dict[str, Report | Reason]:
    """Scans as many roots as a tick has time for; one that can't be scanned stops no other."""
    until_s = time.monotonic() + _A_TICK_S - _LIST_S
    with store.read() as connection:
        last = libraries.last_scans(connection)
    wish = Wish(settle_s=settings.settle_s, at_most=_INTAKES)
    found: dict[str, Report | Reason] = {}
    with Worker() as worker:

        def look(root: Path, settle_s: float) -> tuple[Mark, Listing]:
            return worker.call(look_at, root, settle_s, limit_s=_LIST_S)

        for name in sorted(roots, key=lambda one: last[one].timestamp() if one in last else 0.0):
            if time.monotonic() > until_s and found:
                break
            try:
                found[name] = scan(store, home, settings, name, roots[name], wish, look=look)
            except Failed as failed:
                found[name] = failed.reason
    return found


def _result(found: Mapping[str, Report | Reason]) -> dg.SensorResult:
    keys = [key for one in found.values() if isinstance(one, Report) for key in one.intakes]
    told = "; ".join(f"{name}: {_said(one)}" for name, one in found.items())
    return dg.SensorResult(
        run_requests=[run_request(key, attempt=1) for key in keys[:AT_ONCE]],
        dynamic_partitions_requests=added(keys),
        skip_reason=None if keys else told,
    )


def _said(found: Report | Reason) -> str:
    reason = found.reason if isinstance(found, Report) else found
    return f"{reason}: {reason.sentence}" if reason else "nothing new"
