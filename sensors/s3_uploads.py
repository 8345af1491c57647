"""Objects that are put into a bucket become intakes, as files in the inbox do.

A thin shell: `inbox.bucket` lists, decides and records. It looks less often than at the inbox,
because every listing costs money. Without SUPERVISOR_S3_BUCKET it is stopped, and says so when it
is started by hand.
"""

import time

import dagster as dg

from resources import StoreResource
from supervisor_assets.jobs import clean_intake
from supervisor_assets.partitions import added
from supervisor_assets.requests import run_request
from supervisor_core.inbox.bucket import look_at_bucket
from supervisor_core.inbox.look import Look, Memory
from supervisor_core.reasons import Failed
from supervisor_core.settings import Settings
from supervisor_core.store import Store

_UNSET = "SUPERVISOR_S3_BUCKET is not set: no bucket is looked at"


def s3_uploads_of(home: str) -> dg.SensorDefinition:
    """The sensor for the configured bucket and one home; an empty one is what SUPERVISOR_HOME says.

    How often it looks, and whether it runs from the start, is read when the definitions load.
    """
    store = StoreResource(home=home)
    settings = settings_now()
    running = dg.DefaultSensorStatus.RUNNING, dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        job=clean_intake,
        minimum_interval_seconds=int(settings.s3_every_s),
        default_status=running[not settings.s3_bucket],
        description="Starts a run for every video, and every batch of stills, in the bucket.",
    )
    def s3_uploads(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Records what is new in the bucket and requests its runs."""
        return _tick(store, Memory.parse(context.cursor))

    return s3_uploads


def settings_now() -> Settings:
    """The settings, or the defaults where one is wrong: each tick and run will say which."""
    try:
        return Settings.load()
    except Failed:
        return Settings.model_construct()


def _tick(store: StoreResource, memory: Memory) -> dg.SensorResult | dg.SkipReason:
    settings = store.settings()
    if not settings.s3_bucket:
        return dg.SkipReason(_UNSET)
    from resources.s3 import StorageResource  # takes 0.8 s, which no run without it has to pay

    home = settings.open_home()
    storage = StorageResource().storage()
    found = look_at_bucket(
        lambda: Store(home, settings), storage, home, settings, memory, time.time()
    )
    return dg.SensorResult(
        run_requests=[run_request(key, attempt=1) for key in found.intakes],
        dynamic_partitions_requests=added(found.intakes),
        cursor=str(found.memory),
        skip_reason=None if found.intakes else dg.SkipReason(_skipped(found)),
    )


def _skipped(found: Look) -> str:
    return f"{found.waiting} wait for others to settle" if found.waiting else "nothing new"
