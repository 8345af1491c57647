"""Copies of verified cleaned files in a bucket of the operator's, where one is set."""

from collections.abc import Iterator

import dagster as dg

from resources import PipelineResource
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.facts import GROUP, OWNERS, copy_facts
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
    kinds={"s3"},
    code_version="1",
    description=(
        "Every cleaned and verified file in the bucket SUPERVISOR_S3_WRITE_BUCKET, under its own "
        "SHA-256. What nobody has cleaned stays here, also where the profile asks for no cleaning."
    ),
    op_tags=limit_tags("fetch_base_s"),
    pool=Pool.COPIES.value,
)
def bucket_copies(
    context: dg.AssetExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Sends what does not lie there yet; what can't be sent now waits with its reason."""
    key = IntakeKey(context.partition_key)
    with told(context):
        report = pipeline.open().copy_out(key)
        if not report.copied + report.unchanged:
            why = ", ".join(sorted(report.open)) or "none wanted"
            context.log.info("Nothing lies in a bucket: %s", why)
            return
    yield dg.MaterializeResult(metadata=copy_facts(report))
