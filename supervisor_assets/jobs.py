"""The main job: one intake, from its arrival to verified files and their thumbnails."""

import dagster as dg

from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.thumbnails.assets import thumbnails
from supervisor_assets.videos.assets import videos

clean_intake = dg.define_asset_job(
    "clean_intake",
    selection=dg.AssetSelection.assets(videos, cleaned_frames, thumbnails),
    executor_def=dg.in_process_executor,
    description="Takes one intake from its arrival to cleaned, verified files and thumbnails.",
)
