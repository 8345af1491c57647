"""The steps of the ladder. Each has its own limit and retries, and shows its own time.

A step says by its outputs how it went: an item that a level could not clean makes the step take its
second output, and the next level down runs. Nothing but order travels between the steps; what is to
be done, and what was done before a crash, is in the store.
"""

from collections.abc import Iterator

import dagster as dg

from resources import PipelineResource
from supervisor_assets.again import forget_what_is_meant
from supervisor_assets.facts import cleaning_facts, masked_facts, picture_facts
from supervisor_assets.failures import require_finished, require_none_waiting, told
from supervisor_assets.limits import limit_tags
from supervisor_assets.making import version_of
from supervisor_assets.pools import Pool
from supervisor_assets.tables import cleaning_table
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import StepReport
from supervisor_core.redo import CLEANED
from supervisor_core.states import Cleaning

_AFTER = {"after": dg.In(dg.Nothing)}
_MASKED = {
    "masked": dg.Out(dg.Nothing, is_required=False, description="Items wait to be verified."),
    "missed": dg.Out(dg.Nothing, is_required=False, description="Items wait for the next level."),
}
_VERIFIED = {
    "verified": dg.Out(dg.Nothing, is_required=False, description="Nothing was left in items."),
    "residual": dg.Out(dg.Nothing, is_required=False, description="Items fall a level."),
}
_FRAME_LEVEL = limit_tags("frame_level_base_s", "frame_level_rate")
_ROI_MASK = limit_tags("roi_mask_base_s", "roi_mask_rate")
_VERIFY = limit_tags("verify_base_s", "verify_rate")


@dg.op(ins=_AFTER, out=_MASKED, tags=_FRAME_LEVEL, pool=Pool.CLEANING.value)
def mask_every_frame(
    context: dg.OpExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.Output[None]]:
    """Level 1: looks at every frame of every item and masks every text that is found.

    Where every file was refused it takes neither output, and all that follows is skipped.
    """
    with told(context):
        work = pipeline.open()
        forget_what_is_meant(context, work, CLEANED)
        report = work.mask(_intake(context), Cleaning.FRAME_LEVEL)
        if report.empty:
            context.log.info("Nothing to clean: every file of this intake was refused.")
            return
        yield from _outcome(report, good="masked", bad="missed")


@dg.op(ins=_AFTER, out=_VERIFIED, tags=_VERIFY, pool=Pool.CLEANING.value)
def verify_every_frame(
    context: dg.OpExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.Output[None]]:
    """Reads the finished files of level 1 again, in full."""
    with told(context):
        report = pipeline.open().verify(_intake(context), Cleaning.FRAME_LEVEL)
        yield from _outcome(report, good="verified", bad="residual")


@dg.op(ins=_AFTER, out=_MASKED, tags=_ROI_MASK, pool=Pool.CLEANING.value)
def mask_outside_region(
    context: dg.OpExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.Output[None]]:
    """Level 2: masks everything outside the device's image region."""
    with told(context):
        report = pipeline.open().mask(_intake(context), Cleaning.ROI_MASK)
        yield from _outcome(report, good="masked", bad="missed")


@dg.op(ins=_AFTER, out=_VERIFIED, tags=_VERIFY, pool=Pool.CLEANING.value)
def verify_region(
    context: dg.OpExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.Output[None]]:
    """Reads the finished files of level 2 again, in full."""
    with told(context):
        report = pipeline.open().verify(_intake(context), Cleaning.ROI_MASK)
        yield from _outcome(report, good="verified", bad="residual")


@dg.op(ins=_AFTER, out=dg.Out(dg.Nothing), pool=Pool.CLEANING.value)
def keep_raw_aside(context: dg.OpExecutionContext, pipeline: PipelineResource) -> dg.Output[None]:
    """Keeps the raw files that no level could clean, where nothing below reads them."""
    with told(context):
        report = pipeline.open().set_aside(_intake(context))
        require_none_waiting(report.waiting)
        return dg.Output(None, metadata=_counts(report))


@dg.op(ins=_AFTER, out=dg.Out(dg.Nothing), tags=limit_tags("thumbnail_s"), pool=Pool.CLEANING.value)
def settle(context: dg.OpExecutionContext, pipeline: PipelineResource) -> dg.Output[None]:
    """Says how the intake stands, with a picture of what it looks like now.

    What another run has in hand (the same bytes came in twice) is waited for, within a bound.
    """
    with told(context):
        work = pipeline.open()
        summary = work.summary(_intake(context))
        require_finished(summary)
        facts = picture_facts(work.preview(summary)) | masked_facts(summary)
        facts |= cleaning_facts(summary) | cleaning_table(summary)
        proven = [one for one in summary.outputs if one.verified_at]
        version = version_of(f"{one.sha256} {one.policy} {one.code_version}" for one in proven)
        return dg.Output(None, metadata=facts, data_version=dg.DataVersion(version))


def _intake(context: dg.OpExecutionContext) -> IntakeKey:
    return IntakeKey(context.partition_key)


def _outcome(report: StepReport, *, good: str, bad: str) -> Iterator[dg.Output[None]]:
    """Takes the second output when items fell, and the first unless all of them did."""
    require_none_waiting(report.waiting)
    if report.done or report.skipped or not report.below:
        yield dg.Output(None, good, metadata=_counts(report))
    if report.below:
        yield dg.Output(None, bad, metadata=_counts(report))


def _counts(report: StepReport) -> dict[str, int]:
    counts = {
        "done": report.done,
        "skipped": report.skipped,
        "waiting_below": report.below,
        "busy_elsewhere": report.busy,
    }
    return counts | {f"failed_{reason}": count for reason, count in report.failed.items()}
