"""The requests sensor: what people asked for becomes a run, once, and says how it went."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test
from rehearsal import House, Rehearsal

from resources import StoreResource
from sensors.requests import requests
from supervisor_assets.requests import REQUEST_TAG
from supervisor_core.home import Home
from supervisor_core.reasons import Reason
from supervisor_core.store.requests import State, Verb, ask, open_requests
from supervisor_core.store.rows import fetch


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield House(Home.create(tmp_path / "home"), instance)


def tick(house: House) -> list[dg.RunRequest]:
    home = str(house.home.root)
    with dg.build_sensor_context(
        instance=house.instance,
        resources={"store": StoreResource(home=home), "pipeline": Rehearsal(home=home)},
    ) as context:
        return list(requests(context).run_requests or [])


def asked(house: House, verb: Verb, subject: str, **detail: str) -> str:
    store = house.store
    with store.write() as connection:
        return ask(connection, verb, subject, "test", store.now(), detail)


def state_of(house: House, request: str) -> tuple[str, str | None]:
    with house.store.read() as connection:
        (row,) = fetch(connection, "SELECT state, reason FROM request WHERE id = ?", [request])
    return str(row["state"]), row["reason"]


def finished(house: House, *lines: str) -> str:
    house.drop("a.mp4", *lines)
    (intake,) = house.take_in()
    assert house.run(intake).success
    return intake


def level_of(house: House, intake: str) -> str:
    with house.store.read() as connection:
        (row,) = fetch(connection, "SELECT cleaning FROM media JOIN arrival USING (media)")
    return str(row["cleaning"])


def test_nothing_asked_is_nothing_to_do(house: House) -> None:
    assert not tick(house)


def test_a_file_that_is_clean_is_cleaned_again_when_somebody_asks(house: House) -> None:
    intake = finished(house)
    request = asked(house, Verb.RECLEAN, intake)
    (run,) = tick(house)
    assert (run.partition_key, run.run_key) == (intake, f"request:{request}")
    assert run.tags[REQUEST_TAG] == request
    assert level_of(house, intake) == "waiting"
    assert house.run(intake).success
    assert level_of(house, intake) == "frame_level"


def test_a_retry_sends_back_what_is_aside_and_leaves_what_is_clean(house: House) -> None:
    intake = finished(house, "frame_level=DECODE_FAILED", "roi_mask=DECODE_FAILED")
    asked(house, Verb.RETRY, intake)
    assert len(tick(house)) == 1
    assert level_of(house, intake) == "waiting"


def test_a_retry_leaves_what_is_clean_alone(house: House) -> None:
    intake = finished(house)
    asked(house, Verb.RETRY, intake)
    assert len(tick(house)) == 1
    assert level_of(house, intake) == "frame_level"


def test_one_still_of_a_batch_is_cleaned_again_alone(house: House) -> None:
    house.drop("a.png")
    house.drop("b.png")
    (intake,) = house.take_in()
    assert house.run(intake).success
    with house.store.read() as connection:
        one, other = sorted(str(row["media"]) for row in fetch(connection, "FROM media"))
    asked(house, Verb.RECLEAN, intake, media=one[:16])
    (run,) = tick(house)
    assert run.partition_key == intake
    with house.store.read() as connection:
        found = {str(row["media"]): row["cleaning"] for row in fetch(connection, "FROM media")}
    assert found == {one: "waiting", other: "frame_level"}


def test_a_request_is_made_again_until_its_run_exists_and_ends_with_it(house: House) -> None:
    intake = finished(house)
    request = asked(house, Verb.INGEST, intake)
    first, second = tick(house), tick(house)
    assert [one.run_key for one in first] == [one.run_key for one in second]
    assert state_of(house, request) == ("queued", None)
    run = create_run_for_test(
        house.instance,
        job_name="clean_intake",
        status=dg.DagsterRunStatus.STARTED,
        tags={REQUEST_TAG: request},
    )
    assert not tick(house)
    assert state_of(house, request) == ("running", None)
    house.instance.report_run_failed(run)
    assert not tick(house)
    assert state_of(house, request) == ("failed", None)
    assert not tick(house)


def test_a_request_for_something_unknown_fails_with_its_reason(house: House) -> None:
    intake = finished(house)
    wrong = asked(house, Verb.RECLEAN, "20260101_AAAAAAAAAA")
    asked(house, Verb.INGEST, intake)
    assert [run.partition_key for run in tick(house)] == [intake]
    assert state_of(house, wrong) == ("failed", Reason.UNKNOWN_INTAKE.value)
    with house.store.read() as connection:
        assert [one.state for one in open_requests(connection, 9)] == [State.QUEUED]
