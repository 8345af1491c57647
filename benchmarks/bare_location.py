"""The code location to compare with: bare assets, steps and checks of the same shape.

Nothing of ours is imported before the sensor looks into the inbox, so a run here costs what Dagster
costs and no more.
"""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

intake = dg.DynamicPartitionsDefinition(name="intake")


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
    dg.AssetCheckSpec("decodable", asset=bare_videos, partitions_def=intake),
    *(
        dg.AssetCheckSpec(
            name,
            asset=bare_cleaned_frames,
            blocking=name.startswith("no_"),
            partitions_def=intake,
        )
        for name in ("frame_count_matches", "no_residual_text", "no_stray_metadata", "anonymized")
    ),
]


@dg.multi_asset_check(name="proof", specs=_SPECS)
def bare_proof() -> Iterator[dg.AssetCheckResult]:
    """Passes everything."""
    for spec in _SPECS:
        yield dg.AssetCheckResult(check_name=spec.name, asset_key=spec.asset_key, passed=True)


_bare_job = dg.define_asset_job(
    "clean_intake", dg.AssetSelection.assets(bare_videos, bare_cleaned_frames, bare_thumbnails)
)


@dg.sensor(
    name="uploads",
    job=_bare_job,
    minimum_interval_seconds=1,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def bare_uploads(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """The same look at the inbox."""
    from supervisor_core.inbox.look import Memory, look
    from supervisor_core.settings import Settings
    from supervisor_core.store import Store

    settings = Settings.load()
    home, memory = settings.open_home(), Memory.parse(context.cursor)
    found = look(lambda: Store(home, settings), home, settings, memory, time.time())
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=key, partition_key=key) for key in found.intakes],
        dynamic_partitions_requests=[intake.build_add_request(list(found.intakes))],
        cursor=str(found.memory),
    )


bare = dg.Definitions(
    assets=[bare_videos, bare_cleaned_frames, bare_thumbnails],
    asset_checks=[bare_proof],
    jobs=[_bare_job],
    sensors=[bare_uploads],
    executor=dg.in_process_executor,
)
