"""The reconcile sensor: what fell between is found, what is at its end is left alone."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test
from rehearsal import House

from resources import StoreResource
from resources.pipeline import WORKER_TAG, owner_name
from sensors.reconcile import reconcile
from sensors.runs import end_dead_runs
from supervisor_assets.requests import ATTEMPT_TAG, CAUSE_TAG, PARTITION_TAG, PRIORITY_TAG
from supervisor_core.cleaning.job import CODE_VERSION
from supervisor_core.home import Home
from supervisor_core.store.owners import this_process

Status = dg.DagsterRunStatus
AN_HOUR_S = 3600.0


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A house whose sensor's clock stands an hour ahead, so that every wait is over."""
    set_clock(monkeypatch, AN_HOUR_S)
    with dg.DagsterInstance.ephemeral() as instance:
        yield House(Home.create(tmp_path / "home"), instance)


def set_clock(monkeypatch: pytest.MonkeyPatch, ahead_s: float) -> None:
    clock = SimpleNamespace(time=lambda: time.time() + ahead_s)
    monkeypatch.setattr("sensors.reconcile.time", clock)


def tick(house: House, cursor: str | None = None) -> list[dg.RunRequest]:
    context = dg.build_sensor_context(
        instance=house.instance,
        cursor=cursor,
        resources={"store": StoreResource(home=str(house.home.root))},
    )
    result = reconcile(context)
    for request in result.dynamic_partitions_requests or []:
        house.instance.add_dynamic_partitions("intake", request.partition_keys)
    return list(result.run_requests or [])


def run_of(house: House, intake: str, status: Status, **tags: str) -> dg.DagsterRun:
    return create_run_for_test(
        house.instance,
        job_name="clean_intake",
        status=status,
        tags={PARTITION_TAG: intake, ATTEMPT_TAG: "1"} | tags,
    )


def recorded(house: House, *lines: str) -> str:
    """An intake that the store knows and Dagster does not."""
    house.drop("a.mp4", *lines)
    (intake,) = house.take_in()
    house.instance.delete_dynamic_partition("intake", intake)
    return intake


def test_an_intake_that_was_recorded_and_lost_gets_its_partition_and_run(house: House) -> None:
    intake = recorded(house)
    (request,) = tick(house)
    assert request.partition_key == intake
    assert request.run_key == f"{intake}#1"
    assert request.tags[CAUSE_TAG] == "unfinished"
    assert house.instance.has_dynamic_partition("intake", intake)


@pytest.mark.parametrize("status", [Status.STARTING, Status.STARTED, Status.CANCELING])
def test_an_intake_with_a_run_under_way_is_left_alone(house: House, status: Status) -> None:
    run_of(house, recorded(house), status)
    assert not tick(house)


@pytest.mark.parametrize("status", [Status.FAILURE, Status.CANCELED, Status.SUCCESS])
def test_a_run_that_ended_too_early_is_followed_by_one_more(house: House, status: Status) -> None:
    intake = recorded(house)
    run = run_of(house, intake, status)
    (request,) = tick(house)
    assert request.run_key == f"{intake}#2@{run.run_id[:8]}"
    assert request.tags[ATTEMPT_TAG] == "2"
    assert tick(house)[0].run_key == request.run_key


def test_what_is_done_refused_or_aside_for_good_is_at_its_end(house: House) -> None:
    house.drop("done.mp4")
    house.drop("refused.mp4", "examine=UNSUPPORTED_CODEC")
    house.drop("aside.mp4", "frame_level=DECODE_FAILED", "roi_mask=DECODE_FAILED")
    outcomes = [house.run(intake).success for intake in house.take_in()]
    assert outcomes == [True, True, True]
    assert not tick(house)


def test_an_item_whose_cause_has_passed_is_cleaned_again(house: House) -> None:
    script = house.drop("a.mp4", "frame_level=TIMEOUT", "roi_mask=TIMEOUT")
    content = script.read_bytes()
    (intake,) = house.take_in()
    assert house.run(intake).success
    (raw,) = house.home.aside.rglob("*.mp4")
    assert raw.read_bytes() == content
    (request,) = tick(house)
    assert request.tags[CAUSE_TAG] == "cause_passed"
    assert request.tags[ATTEMPT_TAG] == "2"


def test_another_version_of_the_cleaning_asks_for_new_outputs_behind_all_else(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.drop("a.mp4")
    (intake,) = house.take_in()
    assert house.run(intake).success
    monkeypatch.setattr("sensors.reconcile.CODE_VERSION", f"{CODE_VERSION}+1")
    (request,) = tick(house)
    assert request.tags[CAUSE_TAG] == "old_code"
    assert request.tags[PRIORITY_TAG] == "-1"


def died(run: dg.DagsterRun) -> str:
    """The mark of a process that worked on a run and is gone."""
    name = owner_name(run.run_id)
    script = f"from supervisor_core.store.owners import this_process; print(this_process('{name}'))"
    done = subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.PIPE)
    return done.stdout.decode().strip()


def test_a_started_run_whose_process_is_dead_is_ended_and_followed(house: House) -> None:
    intake = recorded(house)
    run = run_of(house, intake, Status.STARTED)
    house.instance.add_run_tags(run.run_id, {WORKER_TAG: died(run)})
    (request,) = tick(house)
    assert house.instance.get_run_by_id(run.run_id).status is Status.FAILURE
    assert request.tags[ATTEMPT_TAG] == "2"


def test_a_started_run_that_lives_or_is_elsewhere_is_not_ended(house: House) -> None:
    intake = recorded(house)
    run_of(house, intake, Status.STARTED, **{WORKER_TAG: this_process("run:y")})
    run_of(house, intake, Status.STARTED, **{WORKER_TAG: "run:z@another machine/1.1"})
    run_of(house, intake, Status.STARTED)
    assert end_dead_runs(house.instance) == 0


def test_a_run_that_follows_a_dead_one_is_not_taken_for_it(house: House) -> None:
    intake = recorded(house)
    first = run_of(house, intake, Status.FAILURE)
    run_of(house, intake, Status.STARTED, **{WORKER_TAG: died(first)})
    assert end_dead_runs(house.instance) == 0


def test_a_submission_that_got_stuck_counts_as_lost_after_a_while(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = recorded(house)
    run_of(house, intake, Status.NOT_STARTED)
    assert [request.partition_key for request in tick(house)] == [intake]
    set_clock(monkeypatch, 60)
    assert not tick(house)
