"""One flight: from a dropped file to its analysis, by the pipeline that everybody's files take.

It flies in a home of its own that is thrown away afterwards, so nothing of it is in the figures, in
the store or among the files of people, and each flight brings a file that nobody has seen. What it
shares is what it tests: the code, the settings, the disk, the child processes, the model server.
"""

import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from supervisor_core.canary.outcome import Flight, Health
from supervisor_core.canary.scene import Overlay, draw, uncovered
from supervisor_core.home import Home
from supervisor_core.inbox.look import Memory, look
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.pipeline.context import Caller
from supervisor_core.pipeline.places import failed_from
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.states import Cleaning
from supervisor_core.store import Store

LIMIT_S = 120.0
LEFT_BEHIND_S = 3600.0
LEVELS = (Cleaning.FRAME_LEVEL, Cleaning.ROI_MASK)


def fly(settings: Settings, home: Home, worker: Caller, owner: str) -> Flight:
    """Takes the drawn examination through the whole pipeline; whatever goes wrong is its result."""
    clock = _Clock()
    try:
        with _nest(home) as nest:
            reason = _through(settings, nest, worker, owner, clock)
    except Failed as failed:
        return Flight(Health.UNHEALTHY, failed.reason, clock.seconds, clock.stages)
    except OSError as error:
        reason = failed_from(error).reason
        return Flight(Health.UNHEALTHY, reason, clock.seconds, clock.stages)
    late = Reason.TIMEOUT if clock.seconds > settings.canary_late_s else None
    reason = reason or late
    health = Health.DEGRADED if reason else Health.HEALTHY
    return Flight(health, reason, clock.seconds, clock.stages)


def _through(
    settings: Settings, nest: Path, worker: Caller, owner: str, clock: "_Clock"
) -> Reason | None:
    """All stages; returns why the end is less than whole, and raises what makes it worthless."""
    ours = _settings(settings, nest)
    home = ours.open_home()
    store = Store(home, ours)
    pipeline = Pipeline(store, home, ours, worker, owner)
    with clock.stage("draw"):
        overlays = worker.call(draw, home.inbox / "canary.mp4", limit_s=LIMIT_S)
    clock.start()
    with clock.stage("import"):
        intake = _take_in(store, home, ours, pipeline)
    with clock.stage("clean"):
        level = _clean(pipeline, intake)
    with clock.stage("look"):
        if level is not Cleaning.NOT_REQUIRED:
            _require_covered(pipeline, home, worker, intake, overlays)
    with clock.stage("analyse"):
        report = pipeline.analyse(intake)
    if level is Cleaning.ROI_MASK:
        return Reason.RESIDUAL_TEXT
    return min(report.open, default=None)


def _settings(settings: Settings, nest: Path) -> Settings:
    """The operator's own rules in another home; a model that hangs makes it late, and no more."""
    root, late_s = settings.home, settings.canary_late_s
    return settings.model_copy(
        update={
            "home": nest,
            "profiles_folder": settings.profiles_folder or root / "profiles",
            "analyses_folder": settings.analyses_folder or root / "analyses",
            "masks_folder": settings.masks_folder or root / "masks",
            "names_file": settings.names_file or root / "names.txt",
            "settle_s": 0.0,
            "model_tries": 1,
            "model_total_s": min(settings.model_total_s, late_s),
        }
    )


def _take_in(store: Store, home: Home, settings: Settings, pipeline: Pipeline) -> IntakeKey:
    found = look(lambda: store, home, settings, Memory(), time.time() + 1)
    if len(found.intakes) != 1:
        raise Failed(Reason.FILE_NOT_FOUND)
    pipeline.import_items(found.intakes[0])
    return found.intakes[0]


def _clean(pipeline: Pipeline, intake: IntakeKey) -> Cleaning:
    """Cleans and proves it; raises what kept it from that."""
    for level in LEVELS:
        pipeline.mask(intake, level)
        pipeline.verify(intake, level)
    pipeline.thumbnails(intake)
    summary = pipeline.summary(intake)
    if not summary.verified or summary.worst_level is None:
        raise Failed(min(summary.reasons, default=Reason.NOT_VERIFIED))
    return summary.worst_level


def _require_covered(
    pipeline: Pipeline,
    home: Home,
    worker: Caller,
    intake: IntakeKey,
    overlays: tuple[Overlay, ...],
) -> None:
    """Raises `Failed(RESIDUAL_TEXT)` where a known identifier can still be seen."""
    (output,) = pipeline.summary(intake).outputs
    path = home.absolute(output.path or "")
    left = worker.call(uncovered, path, overlays, limit_s=LIMIT_S)
    if left:
        raise Failed(Reason.RESIDUAL_TEXT, frames=left)


@contextmanager
def _nest(home: Home) -> Iterator[Path]:
    """A folder for one flight, gone when it ends; what dead flights have left goes first."""
    place = home.work / "canary"
    place.mkdir(exist_ok=True)
    for left in place.iterdir():
        # Another flight that lands or sweeps just now may have taken it away.
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > LEFT_BEHIND_S:
                shutil.rmtree(left, ignore_errors=True)
    nest = place / uuid.uuid4().hex
    nest.mkdir()
    try:
        yield nest
    finally:
        shutil.rmtree(nest, ignore_errors=True)


class _Clock:
    """Seconds since the file was dropped, and of each stage."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self.start()

    def start(self) -> None:
        self._started_s = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started_s

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started_s = time.monotonic()
        try:
            yield
        finally:
            self.stages[name] = round(time.monotonic() - started_s, 3)
