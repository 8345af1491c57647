"""Files that people drop into the inbox become intakes, and each intake becomes one run.

A thin shell: `inbox.look` lists, decides and records; this turns what was recorded into partitions
and runs. What is recorded but gets lost on the way (a daemon that dies here) is found again by the
reconcile sensor, so nothing depends on this tick or on its cursor.
"""

import time

import dagster as dg

from resources import StoreResource
from supervisor_assets.jobs import clean_intake
from supervisor_assets.partitions import added
from supervisor_assets.requests import run_request
from supervisor_core.inbox.look import Look, Memory, look
from supervisor_core.store import Store


def uploads_of(home: str) -> dg.SensorDefinition:
    """The sensor for the inbox of one home; an empty one is what SUPERVISOR_HOME says.

    It is given the store here and not by Dagster: for a sensor that asks for a resource Dagster
    opens all its own databases anew, which costs thirty times as much as a look at the inbox.
    """
    store = StoreResource(home=home)

    @dg.sensor(
        job=clean_intake,
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a run for every video, and for every batch of stills, in the inbox.",
    )
    def uploads(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        """Records what is new and settled in the inbox and requests its runs."""
        return _tick(store, Memory.parse(context.cursor))

    return uploads


def _tick(store: StoreResource, memory: Memory) -> dg.SensorResult:
    settings = store.settings()
    home = settings.open_home()
    found = look(lambda: Store(home, settings), home, settings, memory, time.time())
    return dg.SensorResult(
        run_requests=[run_request(key, attempt=1) for key in found.intakes],
        dynamic_partitions_requests=added(found.intakes),
        cursor=str(found.memory),
        skip_reason=None if found.intakes else dg.SkipReason(_skipped(found)),
    )


def _skipped(found: Look) -> str:
    reason = f"{found.waiting} still being written" if found.waiting else "nothing new"
    closed = f"; {found.unreadable} folders can't be listed" if found.unreadable else ""
    return reason + closed
