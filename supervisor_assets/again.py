"""A run that a person has started by hand, or a backfill, makes again what its tags say.

Our own sensors start named jobs, whose runs leave alone what the store already holds. Who selects
assets in the UI, or has Dagster backfill a job, means something else: at least what has ended
without success is tried again, and with the tag `supervisor/again` what that says.
"""

from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME
from dagster._core.storage.tags import BACKFILL_ID_TAG

from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.redo import AGAIN_TAG, Redo

Context = dg.OpExecutionContext | dg.AssetExecutionContext


def forget_what_is_meant(context: Context, work: Pipeline, asset: str) -> None:
    """Has the store forget what this run is to make again of an asset; of most runs, nothing."""
    redo = redo_of(context.run)
    if redo is None or not redo.concerns(asset):
        return
    # What talks to models and storages takes a while to import; most runs need none of it here.
    from supervisor_core.pipeline.redoing import make_willing

    before = _began(context.instance, context.run)
    count = work.do(make_willing, IntakeKey(context.partition_key), asset, redo, before)
    context.log.info("%d items are made again: %s", count, redo.what.value)


def redo_of(run: dg.DagsterRun) -> Redo | None:
    """What a run makes again; None for one that a sensor or schedule of ours has started.

    Raises `Failed(BAD_CONFIGURATION)` for tags that nobody understands.
    """
    by_hand = run.job_name.startswith(IMPLICIT_ASSET_JOB_NAME)
    asked = by_hand or BACKFILL_ID_TAG in run.tags or AGAIN_TAG in run.tags
    return Redo.of_tags(run.tags) if asked else None


def _began(instance: dg.DagsterInstance, run: dg.DagsterRun) -> datetime:
    """When this run began, or the first of those that it follows: what has ended since is new."""
    record = instance.get_run_record_by_id(run.root_run_id or run.run_id)
    began_s = record.start_time if record else None
    return datetime.fromtimestamp(began_s, UTC) if began_s else datetime.now(UTC)
