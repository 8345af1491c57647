"""Small pictures of cleaned files: what people see first, made of nothing that was not proven."""

from collections.abc import Iterator

import dagster as dg

from resources import PipelineResource
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.facts import GROUP, OWNERS, Facts, picture_facts, reason_facts
from supervisor_assets.failures import require_none_waiting, told
from supervisor_assets.limits import limit_tags
from supervisor_assets.partitions import intake
from supervisor_assets.pools import Pool
from supervisor_core.keys import IntakeKey


@dg.asset(
    partitions_def=intake,
    deps=[cleaned_frames],
    output_required=False,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"jpeg", "duckdb"},
    code_version="1",
    description="A small picture of every cleaned and verified file; nothing for what is aside.",
    op_tags=limit_tags("thumbnail_s"),
    pool=Pool.CLEANING.value,
)
def thumbnails(
    context: dg.AssetExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Draws what is missing; an intake of which nothing may be shown stays without a picture."""
    key = IntakeKey(context.partition_key)
    with told(context):
        work = pipeline.open()
        summary = work.summary(key)
        if not summary.verified:
            context.log.info("Nothing of this intake may be shown.")
            return
        report = work.thumbnails(key)
        require_none_waiting(report.waiting)
        facts: Facts = {"pictures": dg.MetadataValue.int(summary.verified)}
        facts |= reason_facts(report.failed) | picture_facts(work.preview(summary))
    yield dg.MaterializeResult(metadata=facts)
