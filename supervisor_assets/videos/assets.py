"""What came in, once it was looked at: the first thing that is recorded of every intake."""

from collections.abc import Iterator

import dagster as dg

from resources import PipelineResource
from supervisor_assets.facts import GROUP, OWNERS, arrival_facts
from supervisor_assets.failures import require_none_waiting, told
from supervisor_assets.limits import limit_tags
from supervisor_assets.partitions import intake
from supervisor_assets.pools import Pool
from supervisor_assets.recordings.assets import recordings
from supervisor_assets.videos.checks import ACCEPTED, accepted
from supervisor_core.keys import IntakeKey


@dg.asset(
    partitions_def=intake,
    deps=[recordings],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"file", "ffmpeg", "duckdb"},
    code_version="1",
    description=(
        "The files of one intake, as they came: judged by their source's profile, known by their "
        "content's SHA-256 and kept unchanged. What was refused is kept too, with its reason."
    ),
    op_tags=limit_tags("import_base_s"),
    pool=Pool.CLEANING.value,
    check_specs=[ACCEPTED],
)
def videos(
    context: dg.AssetExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Takes the files out of the inbox; what may not come in is told by the check `accepted`."""
    with told(context):
        work = pipeline.open()
        report = work.import_items(IntakeKey(context.partition_key))
        require_none_waiting(report.waiting)
        summary = work.summary(report.intake)
        facts, check = arrival_facts(summary), accepted(summary)
    yield dg.MaterializeResult(metadata=facts, check_results=[check])
