"""Whether the store and the files fit together, and what nobody needs any more."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from resources import PipelineResource
from supervisor_assets.by_clock import in_a_run_of_an_intake
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.failures import told
from supervisor_assets.pools import Pool
from supervisor_core.pipeline.context import Context

if TYPE_CHECKING:
    from supervisor_core.care.pruning import Pruned

_DAY_S = 86_400.0


# In no pool: its place would be taken by every run of `cleaned_frames` that is started by hand.
@dg.multi_asset_check(
    name="cleaned_frames_consistent",
    specs=[
        dg.AssetCheckSpec(
            "consistent",
            asset=cleaned_frames,
            description=(
                "Every file is where the store says and no other is in the public tree; of all of "
                "them a 32nd is read whole each night and compared with its hash."
            ),
        )
    ],
    can_subset=True,
)
def consistent(
    context: dg.AssetCheckExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.AssetCheckResult]:
    """Looks everything over; what nobody may see in a public tree is an error, else it warns."""
    if in_a_run_of_an_intake(context):
        return
    from supervisor_core.care.consistency import look_over, tonight
    from supervisor_core.care.flaws import Flaw

    with told(context):
        found = pipeline.open().do(lambda work: look_over(work, tonight(work.now())))
    severe = found.counts.keys() & {Flaw.UNPROVEN, Flaw.UNRELEASED}
    yield dg.AssetCheckResult(
        passed=not found.findings,
        severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
        metadata={
            "files_in_store": found.rows,
            "files_on_disk": found.files,
            "files_read_whole": found.hashed,
            "files_not_read_in_time": found.unread,
            "seconds": round(found.seconds, 3),
            **{flaw.value: count for flaw, count in found.counts.items()},
        },
    )


@dg.op(pool=Pool.COPIES.value)
def prune(context: dg.OpExecutionContext, pipeline: PipelineResource) -> dg.Output[None]:
    """Removes attempts and questions of long ago; the newest of each kind stays."""
    with told(context):
        gone = pipeline.open().do(_prune)
    return dg.Output(None, metadata={"attempts": gone.attempts, "questions": gone.questions})


def _prune(work: Context) -> "Pruned":
    from supervisor_core.care.pruning import prune as prune_attempts

    return prune_attempts(work, work.settings.attempts_kept_days * _DAY_S, dry_run=False)


@dg.job(
    executor_def=dg.in_process_executor,
    description="Removes attempts of long ago, of which nothing depends any more.",
)
def prune_attempts() -> None:
    """Once a week."""
    prune()
