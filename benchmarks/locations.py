"""Two code locations for the daemon: ours without the pictures, and bare ones of its shape."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

from benchmarks.cast import CAST
from resources import PipelineResource, StoreResource
from sensors.uploads import uploads
from supervisor_assets.cleaned_frames import checks
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.jobs import clean_intake
from supervisor_assets.partitions import intake
from supervisor_assets.requests import run_request
from supervisor_assets.thumbnails.assets import thumbnails
from supervisor_assets.videos.assets import videos
from supervisor_core.deadline import Worker
from supervisor_core.inbox.look import Memory, look
from supervisor_core.pipeline import Pipeline
from supervisor_core.settings import Settings


class CastPipeline(PipelineResource):
    """Everything of a run but what looks at pictures."""

    def build(self, settings: Settings, worker: Worker, owner: str) -> Pipeline:
        """A pipeline with the stage cast, in the real child."""
        home = settings.open_home()
        return Pipeline(self.open_store(), home, settings, worker, owner, tools=CAST)


ours = dg.Definitions(
    assets=[videos, cleaned_frames, thumbnails],
    asset_checks=[checks.proof],
    jobs=[clean_intake],
    sensors=[uploads],
    resources={"store": StoreResource(home=""), "pipeline": CastPipeline(home="")},
    executor=dg.in_process_executor,
)


def _bare_op(name: str, *outputs: str) -> Any:
    @dg.op(
        name=name,
        ins={"after": dg.In(dg.Nothing)},
        out={output: dg.Out(dg.Nothing, is_required=False) for output in outputs},
    )
    def bare() -> Iterator[dg.Output[None]]:
        yield dg.Output(None, outputs[0])

    return bare


@dg.op(ins={"after": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
def bare_settle() -> None:
    """Does nothing."""


@dg.asset(partitions_def=intake, name="videos")
def bare_videos() -> dg.MaterializeResult[None]:
    """Does nothing."""
    return dg.MaterializeResult()


@dg.graph_asset(
    name="cleaned_frames",
    partitions_def=intake,
    ins={"videos": dg.AssetIn(dagster_type=dg.Nothing)},
)
def bare_cleaned_frames(videos):  # type: ignore[no-untyped-def]
    """The same steps, all empty."""
    masked, missed = _bare_op("mask_every_frame", "masked", "missed")(videos)
    verified, residual = _bare_op("verify_every_frame", "verified", "residual")(masked)
    region, region_missed = _bare_op("mask_outside_region", "masked", "missed")([missed, residual])
    proven, region_residual = _bare_op("verify_region", "verified", "residual")(region)
    aside = _bare_op("keep_raw_aside", "aside")([region_missed, region_residual])
    return bare_settle([verified, proven, aside])


@dg.asset(name="thumbnails", partitions_def=intake, deps=[bare_cleaned_frames])
def bare_thumbnails() -> dg.MaterializeResult[None]:
    """Does nothing."""
    return dg.MaterializeResult()


_SPECS = [
    dg.AssetCheckSpec(
        spec.name,
        asset=spec.asset_key,
        blocking=spec.blocking,
        partitions_def=intake,
    )
    for spec in checks.proof.check_specs
]


@dg.multi_asset_check(name="proof", specs=_SPECS)
def bare_proof() -> Iterator[dg.AssetCheckResult]:
    """Passes everything."""
    for spec in _SPECS:
        yield dg.AssetCheckResult(check_name=spec.name, asset_key=spec.asset_key, passed=True)


_bare_job = dg.define_asset_job(
    clean_intake.name, dg.AssetSelection.assets(bare_videos, bare_cleaned_frames, bare_thumbnails)
)


@dg.sensor(
    name="uploads",
    job=_bare_job,
    minimum_interval_seconds=1,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def bare_uploads(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult:
    """The same look at the inbox."""
    memory, settings = Memory.parse(context.cursor), store.settings()
    found = look(store.open_store, store.open_home(), settings, memory, time.time())
    return dg.SensorResult(
        run_requests=[run_request(key, attempt=1) for key in found.intakes],
        dynamic_partitions_requests=[intake.build_add_request(list(found.intakes))],
        cursor=str(found.memory),
    )


bare = dg.Definitions(
    assets=[bare_videos, bare_cleaned_frames, bare_thumbnails],
    asset_checks=[bare_proof],
    jobs=[_bare_job],
    sensors=[bare_uploads],
    resources={"store": StoreResource(home="")},
    executor=dg.in_process_executor,
)
