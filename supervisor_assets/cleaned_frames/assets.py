"""The cleaned form of an intake: every level of the ladder is a step, lineage shows one node."""

import dagster as dg

from supervisor_assets.cleaned_frames.ops import (
    keep_raw_aside,
    mask_every_frame,
    mask_outside_region,
    settle,
    verify_every_frame,
    verify_region,
)
from supervisor_assets.making import CLEANED, OWNERS, Group, described
from supervisor_assets.partitions import intake
from supervisor_core.cleaning.job import CODE_VERSION


@dg.graph_asset(
    partitions_def=intake,
    ins={"videos": dg.AssetIn(dagster_type=dg.Nothing)},
    group_name=Group.CLEANING.value,
    owners=OWNERS,
    tags=CLEANED,
    kinds={"ffmpeg", "onnx", "duckdb"},
    code_version=CODE_VERSION,
    description=described(
        "The same pictures without a readable name: every frame was looked at, every text masked, "
        "and the finished file read again. What could not be cleaned is kept aside, never shown.",
        reads="videos, by the mask, the device and the sound that their profile says. Everything "
        "that people or models see hangs below this.",
        fails="the check `anonymized` shows the worst item. What lies aside for a passing cause "
        "is cleaned again by itself, the rest by `supervisor-assets retry`; "
        "`supervisor-assets trace MEDIA` tells all that happened to one file.",
    ),
)
def cleaned_frames(videos):  # type: ignore[no-untyped-def]
    """The ladder: each level that can't clean an item hands it to the one below."""
    masked, missed = mask_every_frame(videos)
    verified, residual = verify_every_frame(masked)
    region, region_missed = mask_outside_region([missed, residual])
    region_verified, region_residual = verify_region(region)
    aside = keep_raw_aside([region_missed, region_residual])
    return settle([verified, region_verified, aside])
