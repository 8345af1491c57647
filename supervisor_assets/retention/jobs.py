"""Every night what is kept no longer goes: old runs, old records, and trash where that is set."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import dagster as dg

from resources import PipelineResource
from supervisor_assets.failures import told
from supervisor_assets.pools import Pool
from supervisor_assets.retention.runs import remove_old_runs

if TYPE_CHECKING:
    from supervisor_core.care.records import Forgotten
    from supervisor_core.pipeline.context import Context

_DAY_S = 86_400.0


@dg.op(pool=Pool.COPIES.value)
def remove_runs(context: dg.OpExecutionContext, pipeline: PipelineResource) -> dg.Output[None]:
    """Removes runs of long ago on which nothing rests, so many at once as the settings say."""
    with told(context):
        work = pipeline.open()
        settings = work.settings
        before_s = work.do(_now_s) - settings.runs_kept_days * _DAY_S
        gone = remove_old_runs(context.instance, before_s, settings.runs_per_tick, dry_run=False)
    return dg.Output(None, metadata=asdict(gone))


@dg.op(pool=Pool.COPIES.value)
def forget_records(context: dg.OpExecutionContext, pipeline: PipelineResource) -> dg.Output[None]:
    """Removes requests, scans and looks of long ago, and what lies in trash for too long."""
    with told(context):
        gone = pipeline.open().do(_forget)
    return dg.Output(None, metadata=asdict(gone))


def _now_s(work: "Context") -> float:
    return work.now().timestamp()


def _forget(work: "Context") -> "Forgotten":
    from supervisor_core.care.records import forget_records as forget

    return forget(work, dry_run=False)


@dg.job(
    executor_def=dg.in_process_executor,
    description="Removes runs and records of long ago on which nothing rests any more.",
)
def prune_records() -> None:
    """Once a night."""
    remove_runs()
    forget_records()
