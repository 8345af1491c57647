"""The sensor, job and asset of the copies over a real storage: what is told, and when it runs."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from copy_parts import changed, cleaned, house_copying, in_bucket
from pipeline_parts import House
from sensor_parts import acted
from sensor_parts import instance as instance
from storage_parts import BUCKET, free_port

from sensors.copies import copies_of
from supervisor_assets.bucket_copies.assets import bucket_copies
from supervisor_assets.bucket_copies.checks import copied
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.jobs import copy_intake
from supervisor_assets.videos.assets import videos
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Failed, Reason

pytestmark = pytest.mark.usefixtures("kept_clients")


@pytest.fixture
def house(
    tmp_path: Path, bucket: Any, storage_address: str, monkeypatch: pytest.MonkeyPatch
) -> House:
    monkeypatch.setenv("SUPERVISOR_S3_WRITE_BUCKET", BUCKET)
    return house_copying(tmp_path, storage_address)


def tick(house: House, instance: dg.DagsterInstance) -> Any:
    resources = {"pipeline": acted(house)}
    with dg.build_sensor_context(instance=instance, resources=resources) as context:
        return copies_of()(context)


def asked_for(found: Any) -> list[str]:
    return [str(one.partition_key) for one in getattr(found, "run_requests", None) or ()]


def run(house: House, instance: dg.DagsterInstance, key: IntakeKey) -> tuple[dict[str, Any], Any]:
    """Runs the job; the metadata of what it made, and what the check says."""
    instance.add_dynamic_partitions("intake", [key])
    definitions = dg.Definitions(
        assets=[videos, cleaned_frames, bucket_copies],
        asset_checks=[copied],
        jobs=[copy_intake],
        resources={"pipeline": acted(house)},
    )
    job = definitions.resolve_job_def(copy_intake.name)
    result = job.execute_in_process(instance=instance, partition_key=key)
    made = result.asset_materializations_for_node("bucket_copies")
    check = next(iter(result.get_asset_check_evaluations()), None)
    return {name: one.value for mat in made for name, one in mat.metadata.items()}, check


def test_what_is_verified_is_asked_for_until_it_is_copied(
    house: House, instance: dg.DagsterInstance
) -> None:
    assert asked_for(tick(house, instance)) == []
    first, second = cleaned(house, "one"), cleaned(house, "two")
    assert sorted(asked_for(tick(house, instance))) == sorted([first, second])
    house.pipeline.copy_out(first)
    assert asked_for(tick(house, instance)) == [second]


def test_copies_that_would_come_in_again_are_an_error_of_the_tick(
    house: House, instance: dg.DagsterInstance
) -> None:
    changed(house, s3_bucket=BUCKET)
    with pytest.raises(Failed) as caught:
        tick(house, instance)
    assert caught.value.facts == {"setting": "s3_write_prefix"}


def test_without_a_bucket_it_is_stopped_and_says_so(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUPERVISOR_S3_WRITE_BUCKET", raising=False)
    assert copies_of().default_status is dg.DefaultSensorStatus.STOPPED
    assert "SUPERVISOR_S3_WRITE_BUCKET" in tick(House(tmp_path), instance).skip_message
    monkeypatch.setenv("SUPERVISOR_S3_WRITE_BUCKET", BUCKET)
    assert copies_of().default_status is dg.DefaultSensorStatus.RUNNING


def test_the_job_tells_files_bytes_and_what_was_there_and_the_check_asks_the_bucket(
    house: House, instance: dg.DagsterInstance, bucket: Any
) -> None:
    key = cleaned(house, "one", "two")
    facts, check = run(house, instance, key)
    size_bytes = sum(map(len, in_bucket(bucket).values()))
    assert (facts["files"], facts["copied"], facts["bytes"]) == (2, 2, size_bytes)
    assert (check.passed, check.metadata["right"].value) == (True, 2)
    name = next(iter(in_bucket(bucket)))
    bucket.delete_object(Bucket=BUCKET, Key=name)
    facts, check = run(house, instance, key)
    assert (facts["unchanged"], facts["bytes"]) == (2, 0)
    assert (check.passed, check.metadata["missing"].value) == (False, 1)


def test_a_storage_that_is_away_fails_no_run_and_is_told_with_its_reason(
    house: House, instance: dg.DagsterInstance
) -> None:
    key = cleaned(house, "one")
    changed(house, s3_endpoint=f"http://127.0.0.1:{free_port()}")
    facts, check = run(house, instance, key)
    assert (facts, check) == ({}, None)  # nothing was made, so nothing is judged
    assert house.pipeline.copies(key).reason is Reason.STORAGE_UNREACHABLE
