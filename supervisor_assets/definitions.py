"""The code location: everything is put together here, and only here are sensors known."""

import dagster as dg

from resources import NotifierResource, OllamaResource, PipelineResource, StoreResource
from sensors.alerts import alerts
from sensors.copies import copies_of
from sensors.enrichments import enrichments as enrichments_sensor
from sensors.fingerprints import unlooked_files
from sensors.libraries import libraries_of
from sensors.library import library_exports
from sensors.live_streams import live_streams_of
from sensors.model_health import model_health
from sensors.reconcile import reconcile
from sensors.releases import releases
from sensors.requests import requests
from sensors.s3_uploads import s3_uploads_of
from sensors.stuck_segments import stuck_segments
from sensors.uploads import uploads_of
from sensors.upscales import wanted_upscales
from supervisor_assets.analyses.assets import analyses
from supervisor_assets.analyses.checks import evidence, service_level
from supervisor_assets.backups.checks import backed_up
from supervisor_assets.bucket_copies.assets import bucket_copies
from supervisor_assets.bucket_copies.checks import copied
from supervisor_assets.canary.assets import canary
from supervisor_assets.care.checks import consistent
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.cleaned_frames.checks import proof
from supervisor_assets.enrichments.assets import enrichments
from supervisor_assets.enrichments.checks import enrichment_levels
from supervisor_assets.fingerprints.assets import fingerprints, integrity, upscales
from supervisor_assets.fingerprints.checks import compared, decodes
from supervisor_assets.jobs import JOBS
from supervisor_assets.leftovers.checks import leftovers
from supervisor_assets.library.assets import library
from supervisor_assets.rates.checks import rates
from supervisor_assets.recordings.assets import recordings
from supervisor_assets.recordings.checks import no_stuck_segment, recorded
from supervisor_assets.released_files.assets import released_files
from supervisor_assets.released_files.checks import exported
from supervisor_assets.schedules import SCHEDULES
from supervisor_assets.thumbnails.assets import thumbnails
from supervisor_assets.videos.assets import videos


@dg.definitions
def defs() -> dg.Definitions:
    """Loads without touching a file: the home is opened by whoever works."""
    return definitions_for("")


def definitions_for(home: str) -> dg.Definitions:
    """The definitions over one home; an empty one is what SUPERVISOR_HOME says."""
    return dg.Definitions(
        assets=[
            recordings,
            videos,
            cleaned_frames,
            thumbnails,
            analyses,
            bucket_copies,
            released_files,
            integrity,
            fingerprints,
            upscales,
            *enrichments,
            canary,
            library,
        ],
        asset_checks=[
            recorded,
            no_stuck_segment,
            proof,
            consistent,
            evidence,
            service_level,
            rates,
            leftovers,
            copied,
            exported,
            decodes,
            compared,
            enrichment_levels,
            backed_up,
        ],
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=[
            uploads_of(home),
            s3_uploads_of(home),
            libraries_of(home),
            requests,
            reconcile,
            model_health,
            copies_of(),
            releases,
            unlooked_files,
            wanted_upscales,
            enrichments_sensor,
            live_streams_of(home),
            stuck_segments,
            library_exports,
            alerts,
        ],
        resources={
            "store": StoreResource(home=home),
            "notifier": NotifierResource(home=home),
            "pipeline": PipelineResource(home=home, ollama=OllamaResource(url="", model="")),
        },
        executor=dg.in_process_executor,
    )
