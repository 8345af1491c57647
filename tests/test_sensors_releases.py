"""The sensor, job and asset of released files, in a folder and in a real storage."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from copy_parts import in_bucket, kept_clients  # noqa: F401
from pipeline_parts import House
from release_parts import (
    cleaned_bytes,
    media_of,
    outside,
    put,
    readable,
    release,
    rows,
    standing,
    waiting,
    withdraw,
)
from sensor_parts import acted
from sensor_parts import instance as instance
from storage_parts import BUCKET, free_port

from sensors.releases import after_failures, releases
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.jobs import release_intake
from supervisor_assets.released_files.assets import released_files
from supervisor_assets.released_files.checks import exported
from supervisor_assets.videos.assets import videos
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.exported import Standing
from supervisor_core.reasons import Failed, Reason
from supervisor_core.repair import Cause, LastRun, OpenIntake

pytestmark = pytest.mark.usefixtures("kept_clients")


def asked_for(house: House, instance: dg.DagsterInstance) -> list[str]:
    resources = {"pipeline": acted(house)}
    with dg.build_sensor_context(instance=instance, resources=resources) as context:
        found: Any = releases(context)
    return [str(one.partition_key) for one in getattr(found, "run_requests", None) or ()]


def run(house: House, instance: dg.DagsterInstance, key: IntakeKey) -> tuple[bool, dict, Any]:
    """Runs the job: whether it succeeded, the metadata of what it made, what the check says."""
    instance.add_dynamic_partitions("intake", [key])
    definitions = dg.Definitions(
        assets=[videos, cleaned_frames, released_files],
        asset_checks=[exported],
        jobs=[release_intake],
        resources={"pipeline": acted(house)},
    )
    job = definitions.resolve_job_def(release_intake.name)
    result = job.execute_in_process(instance=instance, partition_key=key, raise_on_error=False)
    made = result.asset_materializations_for_node("released_files")
    (check,) = result.get_asset_check_evaluations()
    facts = {name: one.value for mat in made for name, one in mat.metadata.items()}
    return result.success, facts, check


def came_in(house: House, *texts: str) -> IntakeKey:
    key = house.arrive(*texts)
    house.clean(key)
    return key


def test_what_is_let_out_is_put_out_by_a_run_and_taken_away_by_the_next(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    house = House(tmp_path)
    key = came_in(house, "one", "two")
    first, second = media_of(house, key)
    assert asked_for(house, instance) == []
    release(house, first, second)
    assert asked_for(house, instance) == [key]
    fine, facts, check = run(house, instance, key)
    assert fine
    assert (facts["files"], facts["put_out"], facts["taken_away"]) == (2, 2, 0)
    assert facts["bytes"] == sum(map(len, outside(house.home.released).values()))
    assert check.passed
    assert check.metadata["right"].value == 2
    assert asked_for(house, instance) == []
    withdraw(house, first)
    assert asked_for(house, instance) == [key]  # at once, though a run has just ended
    fine, facts, check = run(house, instance, key)
    assert (fine, facts["taken_away"], check.passed) == (True, 1, True)
    assert list(outside(house.home.released).values()) == cleaned_bytes(house, second)


def test_a_file_that_nobody_has_let_out_ends_the_run(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    house = House(tmp_path)
    key = came_in(house, "one")
    release(house, *media_of(house, key))
    put(house, key)
    (path,) = house.home.released.rglob("*.png")
    path.with_name(f"{key}-001-{'0' * 16}.png").write_text("another")
    fine, _, check = run(house, instance, key)
    assert not fine
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert check.metadata["not_released"].value == 1


def test_after_a_run_that_failed_the_next_one_waits() -> None:
    key = IntakeKey("20260504_ABCDEFGHIJ")
    one = OpenIntake(key, Cause.CAUSE_PASSED, 0.0)
    failed = {key: LastRun("run", 1, active=False, ended_s=0.0)}
    fine = {key: LastRun("run", 1, active=False, ended_s=0.0, succeeded=True)}
    assert [found.cause for found in after_failures([one], failed)] == [Cause.UNFINISHED]
    assert after_failures([one], fine) == [one]


@pytest.fixture
def house(tmp_path: Path, storage_address: str) -> House:
    changes = {"s3_endpoint": storage_address, "release_bucket": BUCKET, "fetch_tries": 1}
    return House(tmp_path, changes=changes)


def test_a_bucket_holds_what_is_let_out_and_nothing_else(house: House, bucket: Any) -> None:
    key = came_in(house, "one", "two")
    first, second = media_of(house, key)
    release(house, first, second)
    report = put(house, key)
    assert (report.put_out, waiting(house)) == (2, [])
    found = in_bucket(bucket)
    assert sorted(found.values()) == cleaned_bytes(house, first, second)
    assert all(name.startswith(f"released/inbox/{key[:4]}-") for name in found)
    assert standing(house, key) == Standing(released=2, right=2)
    assert outside(house.home.released) == {}
    house.pipeline.send_back(key, everything=True)
    assert put(house, key).taken_away == 2
    assert in_bucket(bucket) == {}
    assert standing(house, key) == Standing()


def test_a_bucket_that_was_changed_is_told(house: House, bucket: Any) -> None:
    key = came_in(house, "one", "two")
    release(house, *media_of(house, key))
    put(house, key)
    first, second = sorted(in_bucket(bucket))
    bucket.put_object(Bucket=BUCKET, Key=first, Body=b"another")
    bucket.delete_object(Bucket=BUCKET, Key=second)
    bucket.put_object(Bucket=BUCKET, Key=f"{second}.part", Body=b"never")
    assert standing(house, key) == Standing(released=2, missing=1, different=1)
    bucket.put_object(Bucket=BUCKET, Key=second.replace("-001-", "-002-"), Body=b"never")
    assert standing(house, key).unreleased == 1


def test_a_storage_that_is_away_is_waited_for_and_nothing_is_forgotten(
    house: House, bucket: Any, storage_address: str
) -> None:
    key = came_in(house, "one")
    (media,) = media_of(house, key)
    away = f"http://127.0.0.1:{free_port()}"
    release(house, media)
    house.settings = house.settings.model_copy(update={"s3_endpoint": away})
    assert put(house, key).waiting == {Reason.STORAGE_UNREACHABLE: 1}
    assert waiting(house) == []
    house.settings = house.settings.model_copy(update={"s3_endpoint": storage_address})
    house.clock.turn(10)
    assert waiting(house) == [key]
    put(house, key)
    assert len(in_bucket(bucket)) == 1
    withdraw(house, media)
    house.settings = house.settings.model_copy(update={"s3_endpoint": away})
    assert put(house, key).waiting == {Reason.STORAGE_UNREACHABLE: 1}
    assert len(rows(house, key)) == 1
    house.settings = house.settings.model_copy(update={"s3_endpoint": storage_address})
    house.clock.turn(10)
    assert waiting(house) == [key]
    put(house, key)
    assert in_bucket(bucket) == {}
    assert rows(house, key) == []
    assert readable(house, media)


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"s3_bucket": BUCKET}, "release_prefix"),
        ({"s3_write_bucket": BUCKET, "s3_write_prefix": "released/x/"}, "release_prefix"),
        ({"release_folder": Path("/srv")}, "release_folder"),
    ],
)
def test_a_bucket_that_is_used_for_something_else_too_is_refused(
    house: House, changes: dict[str, object], setting: str
) -> None:
    key = came_in(house, "one")
    house.settings = house.settings.model_copy(update=changes)
    for call in (lambda: put(house, key), lambda: waiting(house)):
        with pytest.raises(Failed, match=f"BAD_CONFIGURATION.*setting={setting}"):
            call()
