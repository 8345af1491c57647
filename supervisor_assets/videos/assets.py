"""What came in, once it was looked at: the first thing that is recorded of every intake."""

from collections.abc import Iterator

import dagster as dg

from resources import PipelineResource
from supervisor_assets.facts import arrival_facts
from supervisor_assets.failures import require_none_waiting, told
from supervisor_assets.limits import limit_tags
from supervisor_assets.making import OWNERS, RAW, Group, described, version_of
from supervisor_assets.partitions import intake
from supervisor_assets.pools import Pool
from supervisor_assets.recordings.assets import recordings
from supervisor_assets.tables import arrival_table
from supervisor_assets.videos.checks import ACCEPTED, accepted
from supervisor_core.keys import IntakeKey

PROFILE_TAG = "supervisor/profile"


@dg.asset(
    partitions_def=intake,
    deps=[recordings],
    group_name=Group.ARRIVAL.value,
    owners=OWNERS,
    tags=RAW,
    kinds={"file", "ffmpeg", "duckdb"},
    code_version="1",
    description=described(
        "The files of one intake, as they came: judged by their source's profile, known by their "
        "content's SHA-256 and kept unchanged. What was refused is kept too, with its reason.",
        reads="files from the inbox, a bucket, a library or a recording. An intake is one video, "
        "one recorded session, or at most 256 stills that came in together.",
        fails="see the reason on the run; what was refused shows in the check `accepted`. "
        "`supervisor-assets status INTAKE` lists all files, and `supervisor-assets trace MEDIA` "
        "what happened to one. No page knows a file's name.",
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
        facts, check = arrival_facts(summary) | arrival_table(summary), accepted(summary)
        context.instance.add_run_tags(context.run.run_id, {PROFILE_TAG: summary.profile})
    version = dg.DataVersion(version_of(summary.media))
    yield dg.MaterializeResult(metadata=facts, check_results=[check], data_version=version)
