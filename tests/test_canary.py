"""The canary: a drawn examination that sees whether the whole way works, and what it says."""

import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from analysis_parts import cleaned, grounded, house_asking
from ollama_server import Mode, OllamaServer
from pipeline_parts import House
from storage_parts import free_port
from store_builders import Clock, settings_for

from supervisor_assets.cli import doctor_model, health
from supervisor_assets.cli.findings import State
from supervisor_core import faults
from supervisor_core.analysis import profiles
from supervisor_core.canary import scene
from supervisor_core.canary.outcome import Flight, Health
from supervisor_core.deadline import Worker
from supervisor_core.demo_clip import DemoTruth, draw_demo_clip
from supervisor_core.pipeline import Pipeline
from supervisor_core.pipeline.context import Caller
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.owners import this_process
from supervisor_core.store.service import landed, last_answer, service_level

ROOM = {"reserve_bytes": 0}
RAW = 'mask = "none"\nanalysis = "general"\n'
LOOK = {"model_tries": 1, "model_total_s": 3.0, "model_health_s": 1.0}


@pytest.fixture(scope="module")
def server() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        server.answer = grounded
        yield server


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(grace_s=0.2) as worker:
        yield worker


@dataclass(frozen=True)
class Drawn:
    """A worker that draws the examination no second time: that takes as long as half a flight."""

    worker: Caller
    truth: DemoTruth

    def call(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Any:
        if function is not scene.draw:
            return self.worker.call(function, *args, **options)
        shutil.copy(self.truth.path, *args)
        return self.overlays

    @property
    def overlays(self) -> tuple[scene.Overlay, ...]:
        return tuple(scene.Overlay(one.box, one.first, one.last) for one in self.truth.lines)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, worker: Worker) -> Drawn:
    return Drawn(worker, draw_demo_clip(tmp_path_factory.mktemp("drawn") / "clip.mp4"))


@pytest.fixture
def pipeline(tmp_path: Path, server: OllamaServer, drawn: Drawn) -> Pipeline:
    return pipeline_by(settings_for(tmp_path, ollama_url=server.url, **ROOM, **LOOK), drawn)


def pipeline_by(settings: Settings, worker: Caller) -> Pipeline:
    home = settings.open_home()
    return Pipeline(Store(home, settings), home, settings, worker, this_process("test"))


def rules(pipeline: Pipeline, text: str) -> Path:
    """Sets the operator's rules for uploads, and returns the root of the home."""
    root = pipeline.settings.open_home().root
    (root / "profiles").mkdir()
    (root / "profiles" / "upload.toml").write_text(text)
    return root


def test_a_healthy_flight_goes_all_the_way_and_leaves_nothing(
    pipeline: Pipeline, server: OllamaServer, worker: Worker, tmp_path: Path
) -> None:
    server.mode = Mode.OK
    flight = pipeline_by(pipeline.settings, worker).fly_canary()
    assert (flight.health, flight.reason) == (Health.HEALTHY, None)
    assert set(flight.stages) == {"draw", "import", "clean", "look", "analyse"}
    home = tmp_path / "home"
    assert not any((home / "work" / "canary").iterdir())
    assert not any((home / "cleaned").iterdir())
    assert pipeline.service_level().ended == 0
    assert health.ask(pipeline.settings.open_home(), pipeline.settings).health == "healthy"


def test_without_the_model_it_is_degraded_for_that_reason(
    pipeline: Pipeline, server: OllamaServer
) -> None:
    server.mode = Mode.REFUSED
    rules(pipeline, RAW)
    flight = pipeline.fly_canary()
    assert (flight.health, flight.reason) == (Health.DEGRADED, Reason.BLOCKED_BY_OLLAMA)


def test_it_flies_by_the_operators_own_rules(pipeline: Pipeline, server: OllamaServer) -> None:
    server.mode = Mode.OK
    shipped = Path(profiles.__file__).parent / "profiles" / "general"
    shutil.copytree(shipped, rules(pipeline, RAW.replace("general", "mine")) / "analyses" / "mine")
    flight = pipeline.fly_canary()
    assert (flight.health, flight.reason) == (Health.HEALTHY, None)


def test_what_other_flights_have_left_is_no_fault_of_this_one(
    pipeline: Pipeline, server: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.mode = Mode.OK
    rules(pipeline, RAW)
    monkeypatch.setenv("SUPERVISOR_RESTRICTED_KEY", "a key of the environment")
    place = pipeline.settings.open_home().work / "canary"
    place.mkdir()
    (place / "gone").symlink_to(place / "nowhere")
    old = place / "old"
    old.mkdir()
    os.utime(old, (0, 0))
    assert pipeline.fly_canary().health is Health.HEALTHY
    assert not old.exists()


def test_a_model_that_hangs_does_not_keep_the_canary_in_the_air(
    pipeline: Pipeline, server: OllamaServer, drawn: Drawn
) -> None:
    changes = {"canary_late_s": 1.0, "model_total_s": 600.0, "model_tries": 4}
    rules(pipeline, RAW)
    server.mode = Mode.HEADERS_THEN_HANG
    flight = pipeline_by(pipeline.settings.model_copy(update=changes), drawn).fly_canary()
    assert (flight.health, flight.reason) == (Health.DEGRADED, Reason.TIMEOUT)
    assert flight.stages["analyse"] < 30


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("draw", Reason.DISK_FULL),
        ("examine", Reason.DECODE_FAILED),
        ("clean", Reason.WORKER_CRASHED),
    ],
)
def test_what_does_not_come_through_is_unhealthy_for_its_own_reason(
    function: str, reason: Reason, pipeline: Pipeline, drawn: Drawn
) -> None:
    class Broken:
        def call(self, called: Callable[..., Any], /, *args: Any, **options: Any) -> Any:
            if called.__name__.startswith(function):
                raise Failed(reason)
            return drawn.call(called, *args, **options)

    flight = pipeline_by(pipeline.settings, Broken()).fly_canary()
    assert (flight.health, flight.reason) == (Health.UNHEALTHY, reason)
    assert not any((pipeline.settings.open_home().work / "canary").iterdir())


@pytest.mark.parametrize(
    ("fault", "reserve_bytes"),
    [("store.before_commit:full", 0), ("take.renamed:full", 0), ("", 1 << 60)],
)
def test_a_full_disk_is_told_as_such_wherever_it_strikes(
    fault: str,
    reserve_bytes: int,
    pipeline: Pipeline,
    drawn: Drawn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = pipeline.settings.model_copy(update={"reserve_bytes": reserve_bytes})
    ours = pipeline_by(settings, drawn)
    assert ours.service_level().ended == 0  # the store is there: the fault is for the flight's
    faults.start_over()
    monkeypatch.setenv(faults.VARIABLE, fault)
    flight = ours.fly_canary()
    assert (flight.health, flight.reason) == (Health.UNHEALTHY, Reason.DISK_FULL)
    assert not any((settings.open_home().work / "canary").iterdir())


def test_the_clip_holds_what_it_says(drawn: Drawn) -> None:
    truth = drawn.truth
    with av.open(str(truth.path)) as container:
        assert "Grünwald" in container.metadata["title"]
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(frames) == truth.frames
    assert frames[0].shape == (truth.height, truth.width)
    for line in truth.lines:
        left, top, right, bottom = line.box
        assert 0 <= left < right <= truth.width
        assert frames[line.first][top:bottom, left:right].max() > 200
    flashed = next(line for line in truth.lines if line.first > 0)
    left, top, right, bottom = flashed.box
    before, during = frames[flashed.first - 1], frames[flashed.first]
    change = np.abs(during.astype(int) - before)[top:bottom, left:right]
    assert (change > 60).mean() > 0.05


def test_an_identifier_that_is_left_is_seen(drawn: Drawn) -> None:
    assert len(drawn.overlays) == 4
    assert scene.uncovered(drawn.truth.path, drawn.overlays) == 90


def test_the_answer_ages_into_unhealthy(tmp_path: Path) -> None:
    clock = Clock()
    settings = settings_for(tmp_path)
    store = Store(settings.open_home(), settings, clock)
    with store.read() as connection:
        assert last_answer(connection, clock(), 900) is None
    with store.write() as connection:
        landed(connection, Flight(Health.HEALTHY, None, 8.0, {"clean": 6.0}), clock())
    for minutes, expected in ((1, Health.HEALTHY), (30, Health.HEALTHY), (60, Health.UNHEALTHY)):
        with store.read() as connection:
            answer = last_answer(connection, clock() + timedelta(minutes=minutes), 900)
        assert answer is not None
        assert answer.health is expected


@pytest.mark.parametrize(
    ("flight", "status"),
    [
        (None, 503),
        (Flight(Health.HEALTHY, None, 8.0), 200),
        (Flight(Health.DEGRADED, Reason.BLOCKED_BY_OLLAMA, 8.0), 200),
        (Flight(Health.UNHEALTHY, Reason.RESIDUAL_TEXT, 8.0), 503),
    ],
)
def test_monitors_are_told_over_http(flight: Flight | None, status: int, tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    home = settings.open_home()
    store = Store(home, settings)
    if flight:
        with store.write() as connection:
            landed(connection, flight, store.now())
    port = free_port()
    with health.served(home, settings, "127.0.0.1", port):
        assert _get(port, "/health") == (status, flight.health if flight else "unknown")
        assert _get(port, "/health?from=monitor") == _get(port, "/health")
        assert _get(port, "/other")[0] == 404
        assert _get(port, "/health", Host="evil.example:80")[0] == 421
        with pytest.raises(Failed) as caught, health.served(home, settings, "127.0.0.1", port):
            pass
    assert caught.value.reason is Reason.PORT_IN_USE


@pytest.mark.parametrize(
    ("flight", "age_s", "state"),
    [
        (None, 0, State.OK),
        (Flight(Health.HEALTHY, None, 8.0), 60, State.OK),
        (Flight(Health.DEGRADED, Reason.BLOCKED_BY_OLLAMA, 8.0), 60, State.WARNING),
        (Flight(Health.UNHEALTHY, Reason.RESIDUAL_TEXT, 8.0), 60, State.FAILED),
        (Flight(Health.HEALTHY, None, 8.0), 86400, State.WARNING),
    ],
)
def test_doctor_tells_what_the_last_flight_said(
    flight: Flight | None, age_s: float, state: State, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path)
    store = Store(settings.open_home(), settings)
    if flight:
        with store.write() as connection:
            landed(connection, flight, store.now() - timedelta(seconds=age_s))
    assert doctor_model.canary(settings).state is state


def _get(port: int, path: str, **headers: str) -> tuple[int, str | None]:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return answer.status, json.load(answer).get("health")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error).get("health")


@pytest.mark.campaign
def test_figures_count_what_ended_by_itself(tmp_path: Path, server: OllamaServer) -> None:
    house = house_asking(tmp_path, server.url)
    server.mode = Mode.OK
    house.pipeline.analyse(cleaned(house, "one", "two", "three"))
    server.mode = Mode.HTML
    house.pipeline.analyse(cleaned(house, "four"))
    server.mode = Mode.REFUSED
    house.pipeline.analyse(cleaned(house, "five"))
    found = _level(house)
    assert (found.ended, found.good, dict(found.by_reason)) == (4, 3, {"NOT_AN_ANSWER": 1})
    assert found.ratio == 0.75
    assert found.p95_s is not None
    assert found.meets(house.settings) is None
    few = house.settings.model_copy(update={"service_minimum": 4})
    assert found.meets(few) is False
    assert found.meets(few.model_copy(update={"service_success": 0.7})) is True
    assert replace(found, p95_s=999.0).meets(few) is False
    assert found.budget_left(0.5) == pytest.approx(0.5)
    assert found.budget_left(0.995) < 0


def test_tokens_of_answers_of_which_nothing_stands_are_wasted(
    tmp_path: Path, server: OllamaServer
) -> None:
    house = house_asking(tmp_path, server.url)
    server.mode = Mode.OK
    house.pipeline.analyse(cleaned(house, "one"))
    good = _level(house)
    assert good.tokens > good.tokens_wasted == 0
    server.mode = Mode.INVALID_JSON
    house.pipeline.analyse(cleaned(house, "two"))
    found = _level(house)
    assert found.tokens_wasted == found.tokens - good.tokens > 0


def _level(house: House) -> object:
    with house.store.read() as connection:
        return service_level(connection, house.clock() - timedelta(days=1))
