"""The real job over a real store, with a stage cast instead of the children that decode and encode.

A file's content is its script: each line `scene=REASON` makes that scene fail. Scenes are
`examine`, `frame_level`, `roi_mask`, `verify frame_level`, `verify roi_mask` and `draw`.
"""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from resources import PipelineResource, StoreResource
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.cleaned_frames.checks import proof
from supervisor_assets.jobs import clean_intake
from supervisor_assets.thumbnails.assets import thumbnails
from supervisor_assets.videos.assets import videos
from supervisor_core.cleaning.job import CleanReport, Job, VerifyReport
from supervisor_core.home import Home
from supervisor_core.inbox.look import Memory, look
from supervisor_core.keys import IntakeKey
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container
from supervisor_core.media.policy import Profile
from supervisor_core.media.sprites import SpriteLayout
from supervisor_core.pipeline import Pipeline
from supervisor_core.pipeline.child import Examined, Made
from supervisor_core.pipeline.tools import Tools
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store

FRAMES = 10


def follow(script: Path, scene: str) -> None:
    lines = dict(
        line.split("=", 1) for line in script.read_text("utf-8").split("\n") if "=" in line
    )
    if scene in lines:
        raise Failed(Reason(lines[scene]))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def examine(path: Path, name: str, profile: Profile) -> Examined:
    follow(path, "examine")
    info = MediaInfo(Container.MP4, "h264", 64, 48, path.stat().st_size, frames=FRAMES, seconds=0.4)
    return Examined(sha256(path), info)


def clean(job: Job) -> Made:
    follow(job.source, job.level.value)
    job.destination.write_text(f"{job.level} of {sha256(job.source)}", "utf-8")
    report = CleanReport(
        level=job.level, output=Container.MP4, width=64, height=48, frames=FRAMES,
        frames_inspected=FRAMES, timeline="t", regions=3, coverage=0.25, copied=False, seconds=0.5,
    )  # fmt: skip
    return Made(report, sha256(job.destination), job.destination.stat().st_size)


def verify(job: Job, report: CleanReport) -> VerifyReport:
    follow(job.source, f"verify {job.level}")
    return VerifyReport(None, FRAMES, 0, True, False, 0.1, sha256(job.destination))


def draw(source: Path, destination: Path, longest_side: int) -> None:
    follow(source, "draw")
    destination.write_bytes(b"\xff\xd8small\xff\xd9")


def draw_sprite(source: Path, destination: Path, layout: SpriteLayout) -> None:
    follow(source, "draw sprite")
    destination.write_bytes(b"\xff\xd8strip\xff\xd9")


class Prompter:
    """Calls in this process; the limits have their own tests."""

    def call(self, function: Any, /, *args: Any, limit_s: float, **options: Any) -> Any:
        assert limit_s > 0
        return function(*args)


CAST = Tools(
    examine=examine,
    clean=clean,
    verify=verify,
    draw=draw,
    draw_sprite=draw_sprite,
    clean_limit_s=lambda info, level, settings: 10.0,
    verify_limit_s=lambda info, settings: 10.0,
)


class Rehearsal(PipelineResource):
    """The pipeline of a run with the stage cast."""

    def build(self, settings: Settings, worker: Any, owner: str) -> Pipeline:
        home = settings.open_home()
        return Pipeline(self.open_store(), home, settings, Prompter(), owner, tools=CAST)


@dataclass(frozen=True)
class House:
    """A home, and a Dagster instance that knows it."""

    home: Home
    instance: dg.DagsterInstance

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home.root, settle_s=0)

    @property
    def store(self) -> Store:
        return Store(self.home, self.settings)

    def resources(self) -> dict[str, Any]:
        home = str(self.home.root)
        return {"store": StoreResource(home=home), "pipeline": Rehearsal(home=home)}

    def drop(self, name: str, *lines: str) -> Path:
        path = self.home.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([name, *lines]), "utf-8")
        return path

    def take_in(self) -> list[IntakeKey]:
        """Records what lies in the inbox, as the sensor does, and adds the partitions."""
        found = look(lambda: self.store, self.home, self.settings, Memory(), time.time() + 1)
        self.instance.add_dynamic_partitions("intake", list(found.intakes))
        return list(found.intakes)

    def run(self, intake: IntakeKey, **resources: Any) -> dg.ExecuteInProcessResult:
        """The main job for one intake."""
        definitions = dg.Definitions(
            assets=[videos, cleaned_frames, thumbnails],
            asset_checks=[proof],
            jobs=[clean_intake],
            resources=self.resources() | resources,
        )
        job = definitions.resolve_job_def(clean_intake.name)
        return job.execute_in_process(
            instance=self.instance, partition_key=intake, raise_on_error=False
        )


def steps(result: dg.ExecuteInProcessResult, event: str = "STEP_SUCCESS") -> list[str]:
    """The steps with this event, without the name of their asset."""
    keys = [one.step_key for one in result.all_events if one.event_type_value == event]
    return [str(key).rpartition(".")[2] for key in keys]


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """The metadata of an asset's one materialization, as plain values."""
    (found,) = result.asset_materializations_for_node(asset)
    return {name: value.value for name, value in found.metadata.items()}


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {one.check_name: one for one in result.get_asset_check_evaluations()}
