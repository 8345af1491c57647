"""The sensor that starts what waits for a model: only when the model is well, and only once."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import analysis_parts
import dagster as dg
import pytest
from analysis_parts import SMALL, cleaned, house_asking, task
from dagster._core.test_utils import create_run_for_test
from ollama_server import Mode, OllamaServer
from pipeline_parts import House
from sensor_parts import acted

from resources import OllamaResource, PipelineResource
from sensors.model_health import model_health
from supervisor_assets.requests import ATTEMPT_TAG, PARTITION_TAG
from supervisor_core.reasons import Reason
from supervisor_core.repair import FIRST_WAIT_S, MAX_ATTEMPTS
from supervisor_core.states import Work

Status = dg.DagsterRunStatus

server = analysis_parts.server


@pytest.fixture
def house(tmp_path: Path, server: OllamaServer, monkeypatch: pytest.MonkeyPatch) -> House:
    for name, value in (SMALL | {"ollama_url": server.url}).items():
        monkeypatch.setenv(f"SUPERVISOR_{name.upper()}", str(value))
    return house_asking(tmp_path, server.url)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def tick(
    house: House, instance: dg.DagsterInstance, cursor: str | None = None
) -> dg.SensorResult | dg.SkipReason:
    resources = {"pipeline": acted(house)}
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
        return model_health(context)


def asked_for(found: dg.SensorResult | dg.SkipReason) -> list[str]:
    """The intakes of the runs that a tick requests."""
    if isinstance(found, dg.SkipReason):
        return []
    return [str(one.partition_key) for one in found.run_requests or ()]


def test_nothing_is_asked_while_nothing_waits(
    house: House, instance: dg.DagsterInstance, server: OllamaServer
) -> None:
    assert asked_for(tick(house, instance)) == []
    assert server.requests == []


def test_what_was_verified_is_asked_for_once_the_model_is_well(
    house: House, instance: dg.DagsterInstance, server: OllamaServer
) -> None:
    key = cleaned(house, "one", "two")
    assert asked_for(tick(house, instance)) == [key]
    assert [one.path for one in server.asked] == []


def test_an_intake_that_grows_is_analysed_after_however_many_runs(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = cleaned(house, "one")
    for status, asked in ((Status.FAILURE, []), (Status.SUCCESS, [key])):
        tags = {PARTITION_TAG: key, ATTEMPT_TAG: str(2 * MAX_ATTEMPTS)}
        create_run_for_test(instance, job_name="analyse_intake", status=status, tags=tags)
        assert asked_for(tick(house, instance)) == []
        with monkeypatch.context() as patch:
            clock = SimpleNamespace(time=lambda: time.time() + FIRST_WAIT_S + 1)
            patch.setattr("sensors.requesting.time", clock)
            assert asked_for(tick(house, instance)) == asked


@pytest.mark.parametrize("mode", [Mode.REFUSED, Mode.NO_MODELS, Mode.SILENT])
def test_while_the_model_is_not_well_it_says_so_on_the_items(
    mode: Mode, house: House, instance: dg.DagsterInstance, server: OllamaServer
) -> None:
    key = cleaned(house, "one")
    server.mode, server.everywhere = mode, True
    found = tick(house, instance)
    assert asked_for(found) == []
    assert (task(house, key).state, task(house, key).attempts) == (Work.BLOCKED, 0)
    assert str(task(house, key).reason) in (Reason.BLOCKED_BY_OLLAMA, Reason.NO_MODELS)
    server.mode = Mode.OK
    assert asked_for(tick(house, instance)) == [key]


def test_while_the_circuit_is_open_no_run_is_started(
    house: House, instance: dg.DagsterInstance, server: OllamaServer
) -> None:
    key = cleaned(house, "one")
    server.mode = Mode.ERROR_500
    for _ in range(3):
        house.pipeline.analyse(key)
        house.clock.turn(5)
    assert house.pipeline.model_rests() is Reason.BLOCKED_BY_OLLAMA
    assert asked_for(tick(house, instance)) == []
    house.clock.turn(60)
    assert asked_for(tick(house, instance)) == [key]


def test_a_run_may_ask_another_server_and_model_than_the_settings_name(house: House) -> None:
    elsewhere = OllamaResource(url="http://127.0.0.1:9", model="other:1b")
    settings = elsewhere.over(house.settings)
    assert (settings.ollama_url, settings.model) == ("http://127.0.0.1:9", "other:1b")
    assert OllamaResource(url="", model="").over(house.settings) == house.settings
    opened = PipelineResource(home=str(house.home.root), ollama=elsewhere).open()
    assert opened.settings.model == "other:1b"
