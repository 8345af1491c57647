"""The code location for the daemon: everything of ours, with a stage cast for the pictures."""

import dagster as dg

from benchmarks import cast
from resources import PipelineResource, StoreResource
from sensors.uploads import uploads_of
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.cleaned_frames.checks import proof
from supervisor_assets.jobs import clean_intake
from supervisor_assets.thumbnails.assets import thumbnails
from supervisor_assets.videos.assets import videos
from supervisor_core.deadline import Worker
from supervisor_core.pipeline import Pipeline
from supervisor_core.pipeline.tools import Tools
from supervisor_core.settings import Settings
from supervisor_core.store import Store

LIMIT_S = 30.0
CAST = Tools(
    examine=cast.examine,
    clean=cast.clean,
    verify=cast.verify,
    draw=cast.draw,
    clean_limit_s=lambda info, level, settings: LIMIT_S,  # noqa: ARG005
    verify_limit_s=lambda info, settings: LIMIT_S,  # noqa: ARG005
)


class CastPipeline(PipelineResource):
    """Everything of a run but what looks at pictures."""

    def build(self, settings: Settings, worker: Worker, owner: str) -> Pipeline:
        """A pipeline with the stage cast, in the real child."""
        home = settings.open_home()
        return Pipeline(Store(home, settings), home, settings, worker, owner, tools=CAST)


ours = dg.Definitions(
    assets=[videos, cleaned_frames, thumbnails],
    asset_checks=[proof],
    jobs=[clean_intake],
    sensors=[uploads_of("")],
    resources={"store": StoreResource(home=""), "pipeline": CastPipeline(home="")},
    executor=dg.in_process_executor,
)
