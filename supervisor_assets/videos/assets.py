"""What came in, once it was looked at: the first thing that is recorded of every intake."""

import dagster as dg

from resources import PipelineResource
from supervisor_assets.facts import GROUP, OWNERS, arrival_facts
from supervisor_assets.failures import require_none_waiting, told
from supervisor_assets.limits import limit_tags
from supervisor_assets.partitions import intake
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Failed
from supervisor_core.states import Arrival
from supervisor_core.store.progress import IntakeSummary


@dg.asset(
    partitions_def=intake,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"file", "ffmpeg", "duckdb"},
    code_version="1",
    description=(
        "The files of one intake, as they came: judged by their source's profile, known by their "
        "content's SHA-256 and kept unchanged. What was refused is kept too, with its reason."
    ),
    op_tags=limit_tags("import_base_s"),
)
def videos(
    context: dg.AssetExecutionContext, pipeline: PipelineResource
) -> dg.MaterializeResult[None]:
    """Takes the files out of the inbox; fails only when nothing of the intake may come in."""
    with told(context):
        work = pipeline.open()
        report = work.import_items(IntakeKey(context.partition_key))
        require_none_waiting(report.waiting)
        summary = work.summary(report.intake)
        require_any_imported(summary)
        return dg.MaterializeResult(metadata=arrival_facts(summary))


def require_any_imported(summary: IntakeSummary) -> None:
    """Raises for the most frequent reason when every file was refused."""
    if any(item.arrival is not Arrival.REFUSED for item in summary.items):
        return
    counts = summary.reasons
    reason = max(counts, key=lambda reason: (counts[reason], reason.value))
    raise Failed(reason, files=len(summary.items), files_refused=sum(counts.values()))
