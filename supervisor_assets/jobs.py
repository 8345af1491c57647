"""The jobs: one cleans an intake by itself; others ask a model about it, or copy it to a bucket."""

from collections.abc import Iterable, Mapping

import dagster as dg

from supervisor_assets.analyses.assets import analyses
from supervisor_assets.analyses.checks import evidence
from supervisor_assets.backups.checks import back_up_store
from supervisor_assets.bucket_copies.assets import bucket_copies
from supervisor_assets.bucket_copies.checks import copied
from supervisor_assets.canary.assets import canary
from supervisor_assets.care.checks import prune_attempts
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.cleaned_frames.checks import proof
from supervisor_assets.enrichments.assets import enrichments
from supervisor_assets.enrichments.checks import enrichment_levels
from supervisor_assets.fingerprints.assets import fingerprints, integrity, upscales
from supervisor_assets.fingerprints.checks import compared, decodes
from supervisor_assets.leftovers.checks import leftovers
from supervisor_assets.library.assets import library, tidy_library
from supervisor_assets.rates.checks import rates
from supervisor_assets.recordings.assets import recordings
from supervisor_assets.recordings.checks import recorded
from supervisor_assets.released_files.assets import released_files
from supervisor_assets.released_files.checks import exported
from supervisor_assets.retention.jobs import prune_records
from supervisor_assets.thumbnails.assets import thumbnails
from supervisor_assets.videos.assets import videos
from supervisor_assets.videos.checks import ACCEPTED

STUCK = dg.AssetCheckKey(recordings.key, "no_stuck_segment")
CONSISTENT = dg.AssetCheckKey(cleaned_frames.key, "consistent")
SERVICE_LEVEL = dg.AssetCheckKey(analyses.key, "service_level")


def _with(*assets: dg.AssetsDefinition, checks: Iterable[dg.AssetCheckKey]) -> dg.AssetSelection:
    """Assets with the checks of their intake: what else is judged of them is by the clock."""
    return dg.AssetSelection.assets(*assets).without_checks() | dg.AssetSelection.checks(*checks)


clean_intake = dg.define_asset_job(
    "clean_intake",
    selection=_with(videos, cleaned_frames, thumbnails, checks=(ACCEPTED.key, *proof.check_keys)),
    executor_def=dg.in_process_executor,
    description="Takes one intake from its arrival to cleaned, verified files and thumbnails.",
)

analyse_intake = dg.define_asset_job(
    "analyse_intake",
    selection=_with(analyses, checks=evidence.check_keys),
    executor_def=dg.in_process_executor,
    description="Has a vision model look at the cleaned files of one intake.",
)

enrich_intake = dg.define_asset_job(
    "enrich_intake",
    selection=dg.AssetSelection.assets(*enrichments).without_checks(),
    executor_def=dg.in_process_executor,
    description="Says more about the readable files of one intake, in all modes or some.",
)

watch = dg.define_asset_job(
    "watch",
    selection=dg.AssetSelection.assets(canary)
    | dg.AssetSelection.checks(
        SERVICE_LEVEL,
        STUCK,
        *rates.check_keys,
        *leftovers.check_keys,
        *enrichment_levels.check_keys,
    ),
    executor_def=dg.in_process_executor,
    description=(
        "Flies the canary; judges rates of the last day, whether recordings come on, and what was "
        "left failed."
    ),
)

copy_intake = dg.define_asset_job(
    "copy_intake",
    selection=_with(bucket_copies, checks=copied.check_keys),
    executor_def=dg.in_process_executor,
    description="Copies the cleaned and verified files of one intake to the bucket that is set.",
)

release_intake = dg.define_asset_job(
    "release_intake",
    selection=_with(released_files, checks=exported.check_keys),
    executor_def=dg.in_process_executor,
    description="Puts out what a person has released of one intake, and takes away what is not.",
)

fingerprint_intake = dg.define_asset_job(
    "fingerprint_intake",
    selection=_with(integrity, fingerprints, checks=(*decodes.check_keys, *compared.check_keys)),
    executor_def=dg.in_process_executor,
    description="Reads the files of one intake whole, and compares them with all others.",
)

upscale_intake = dg.define_asset_job(
    "upscale_intake",
    selection=dg.AssetSelection.assets(upscales),
    executor_def=dg.in_process_executor,
    description="Makes pictures of one intake larger, as somebody has asked for.",
)

record_stream = dg.define_asset_job(
    "record_stream",
    selection=_with(recordings, checks=recorded.check_keys),
    executor_def=dg.in_process_executor,
    description="Records one session of a live stream, and hands it over as an intake.",
)

export_recording = dg.define_asset_job(
    "export_recording",
    selection=dg.AssetSelection.assets(library),
    executor_def=dg.in_process_executor,
    description="Puts the cleaned and verified files of one recording into the library.",
)

look_over = dg.define_asset_job(
    "look_over",
    selection=dg.AssetSelection.checks(CONSISTENT),
    executor_def=dg.in_process_executor,
    description="Looks the store over against the files, and reads a share of them whole.",
)

JOBS = (
    clean_intake,
    analyse_intake,
    enrich_intake,
    copy_intake,
    release_intake,
    fingerprint_intake,
    upscale_intake,
    watch,
    record_stream,
    export_recording,
    tidy_library,
    look_over,
    prune_attempts,
    back_up_store,
    prune_records,
)

ASSETS_OF: Mapping[str, frozenset[dg.AssetKey]] = {
    clean_intake.name: frozenset({videos.key, cleaned_frames.key, thumbnails.key}),
    analyse_intake.name: frozenset({analyses.key}),
    enrich_intake.name: frozenset(one.key for one in enrichments),
    copy_intake.name: frozenset({bucket_copies.key}),
    release_intake.name: frozenset({released_files.key}),
    fingerprint_intake.name: frozenset({integrity.key, fingerprints.key}),
}
"""What the jobs make of which parts are made again: a run of these by hand is one of the job."""
