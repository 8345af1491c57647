"""What a vision model says of cleaned pictures: scores with their frames, or null and why."""

from collections.abc import Iterator

import dagster as dg

from resources import PipelineResource
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.facts import GROUP, OWNERS, analysis_facts
from supervisor_assets.failures import told
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
    kinds={"ollama", "duckdb"},
    code_version="1",
    description=(
        "What a vision model says of a few frames of every cleaned and verified file. Each score "
        "names the frames it rests on; what the model can't or won't say is null with a reason."
    ),
    op_tags=limit_tags("model_total_s"),
    pool=Pool.MODEL.value,
)
def analyses(
    context: dg.AssetExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Asks about what may be shown; while the model is away the items wait, and nothing is made."""
    key = IntakeKey(context.partition_key)
    with told(context):
        work = pipeline.open()
        report = work.analyse(key)
        facts = analysis_facts(report, work.evidence(key), work.settings.model)
        if report.results + report.skipped == 0:
            context.log.info("No result yet: %s", ", ".join(sorted(report.open)) or "none wanted")
            return
    yield dg.MaterializeResult(metadata=facts)
