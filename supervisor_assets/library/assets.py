"""The library: finished recordings under names that people and media players understand."""

import dagster as dg

from resources import PipelineResource
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.facts import Facts, counted
from supervisor_assets.failures import told
from supervisor_assets.making import Group, Unmade, described, intake_asset
from supervisor_assets.pools import Pool
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline


@intake_asset(
    below=cleaned_frames,
    group=Group.COPIES,
    kinds={"file"},
    pool=Pool.COPIES,
    description=described(
        "The cleaned and verified files of a recording as stream/Season YYYY-MM/episode: links or "
        "copies for people and media players, as many as the stream's table asks to keep.",
        reads="cleaned frames of recordings that were verified; other intakes have no place here.",
        fails="see the reason on the run (mostly a full disk). A recording that is not in the "
        "library yet is put there by itself as soon as it can.",
    ),
)
def library(work: Pipeline, key: IntakeKey) -> Facts | Unmade:
    """Gives each file of a recording its place; an intake that is no recording has none."""
    exported = work.export_recording(key)
    if not exported.files:
        return Unmade("No file of this session may be read yet.")
    counts = {
        "episodes": len(exported.files),
        "bytes": sum(file.size_bytes for file in exported.files),
        "discarded": exported.discarded,
    }
    return counted(counts)


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
