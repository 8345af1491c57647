"""The library: finished recordings under names that people and media players understand."""

from collections.abc import Iterator

import dagster as dg

from resources import PipelineResource
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.facts import GROUP, OWNERS
from supervisor_assets.failures import told
from supervisor_assets.partitions import intake
from supervisor_assets.pools import Pool
from supervisor_core.keys import IntakeKey


@dg.asset(
    partitions_def=intake,
    deps=[cleaned_frames],
    output_required=False,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"file"},
    code_version="1",
    description=(
        "The cleaned and verified files of a recording as stream/Season YYYY-MM/episode: links or "
        "copies for people and media players, as many as the stream's table asks to keep."
    ),
    pool=Pool.COPIES.value,
)
def library(
    context: dg.AssetExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Gives each file of a recording its place; an intake that is no recording has none."""
    with told(context):
        exported = pipeline.open().export_recording(IntakeKey(context.partition_key))
        if not exported.files:
            context.log.info("No file of this session may be read yet.")
            return
        facts = {
            "episodes": dg.MetadataValue.int(len(exported.files)),
            "bytes": dg.MetadataValue.int(sum(file.size_bytes for file in exported.files)),
            "discarded": dg.MetadataValue.int(exported.discarded),
        }
    yield dg.MaterializeResult(metadata=facts)


@dg.op(pool=Pool.COPIES.value)
def tidy(context: dg.OpExecutionContext, pipeline: PipelineResource) -> dg.Output[None]:
    """Moves episodes that are too many, too old or too large to the trash."""
    with told(context):
        return dg.Output(None, metadata={"discarded": pipeline.open().tidy_library()})


@dg.job(
    executor_def=dg.in_process_executor,
    description="Applies the retention of every stream to the library.",
)
def tidy_library() -> None:
    """Once a day."""
    tidy()
