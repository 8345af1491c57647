"""The bucket sensor over a real storage, a real store and a Dagster instance."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from storage_parts import BUCKET, free_port

from sensors.s3_uploads import s3_uploads_of
from supervisor_core.home import Home
from supervisor_core.inbox import bucket as looking
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store, objects
from supervisor_core.store.arrivals import arrivals_of, find_intake


class Watched:
    """A bucket whose sensor is ticked by hand."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, client: Any) -> None:
        self.home = Home.create(folder / "home")
        self.store = Store(self.home, Settings(home=self.home.root))
        self.instance = instance
        self.client = client
        self.cursor: str | None = None

    def put(self, *keys: str, content: bytes = b"x") -> None:
        for key in keys:
            self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def tick(self) -> Any:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = s3_uploads_of(str(self.home.root))(context)
        self.cursor = getattr(result, "cursor", self.cursor)
        return result

    def requested(self) -> list[str]:
        return [str(request.partition_key) for request in self.tick().run_requests or []]

    def files(self, keys: list[str]) -> list[int]:
        with self.store.read() as connection:
            return sorted(len(arrivals_of(connection, key)) for key in keys)


@pytest.fixture
def watched(
    tmp_path: Path, bucket: Any, storage_address: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Watched]:
    monkeypatch.setenv("SUPERVISOR_SETTLE_S", "0")
    monkeypatch.setenv("SUPERVISOR_S3_BUCKET", BUCKET)
    monkeypatch.setenv("SUPERVISOR_S3_ENDPOINT", storage_address)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Watched(tmp_path, instance, bucket)


def test_videos_come_alone_and_stills_together(watched: Watched) -> None:
    watched.put("a.mp4", "b.mp4", *(f"stills/{n}.png" for n in range(5)))
    keys = watched.requested()
    assert watched.files(keys) == [1, 1, 5]
    with watched.store.read() as connection:
        assert {find_intake(connection, key).source for key in keys} == {"s3"}
    assert not watched.requested()


def test_folder_marks_and_unfinished_names_are_no_files_but_empty_objects_are(
    watched: Watched,
) -> None:
    watched.put("folder/", "folder/.hidden.mp4", "a.mp4.part", content=b"")
    watched.put("empty.mp4", content=b"")
    upload = watched.client.create_multipart_upload(Bucket=BUCKET, Key="coming.mp4")
    assert watched.files(watched.requested()) == [1]
    watched.client.abort_multipart_upload(
        Bucket=BUCKET, Key="coming.mp4", UploadId=upload["UploadId"]
    )


def test_only_the_prefix_is_looked_at_and_what_follows_it_chooses_the_profile(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPERVISOR_S3_PREFIX", "in/")
    watched.put("in/archive/a.mp4", "in/b.mp4", "out/c.mp4")
    keys = watched.requested()
    with watched.store.read() as connection:
        assert {find_intake(connection, key).profile for key in keys} == {"archive", "upload"}


def test_an_overwritten_object_is_another_and_the_same_again_is_not(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPERVISOR_S3_FULL_EVERY_S", "1")
    watched.put("b.mp4")
    assert len(watched.requested()) == 1
    watched.put("b.mp4")
    turn(monkeypatch, 10)
    assert not watched.requested()
    watched.put("b.mp4", content=b"other")
    turn(monkeypatch, 20)
    assert len(watched.requested()) == 1


def turn(monkeypatch: pytest.MonkeyPatch, ahead_s: float) -> None:
    now_s = time.time() + ahead_s
    monkeypatch.setattr("sensors.s3_uploads.time.time", lambda: now_s)


def test_a_key_out_of_order_is_found_by_the_next_look_through_all(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.put("m.mp4")
    assert len(watched.requested()) == 1
    watched.put("a.mp4", "z.mp4")
    assert len(watched.requested()) == 1  # z, behind the last one
    turn(monkeypatch, 3600)
    assert len(watched.requested()) == 1


@pytest.mark.campaign
def test_many_keys_are_read_a_stretch_at_a_time(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervisor_core.remote.listing.PAGE", 10)
    monkeypatch.setattr(looking, "PAGES", 2)
    watched.put(*(f"{number:03}.png" for number in range(50)))
    watched.put(*(f"{number:03}.mp4" for number in range(70)))
    asked = [watched.files(watched.requested()) for _ in range(8)]
    assert sum(sum(one) for one in asked) == 120
    with watched.store.restricted() as connection:
        position = objects.position_of(connection, f"{BUCKET}/")
    assert (position.newest, position.at) == ("069.mp4", None)


def test_a_tick_asks_for_no_more_than_fifty_and_the_rest_waits(watched: Watched) -> None:
    watched.put(*(f"{number}.mp4" for number in range(60)))
    assert [len(watched.requested()) for _ in range(3)] == [50, 10, 0]


def test_nothing_of_a_key_leaves_the_restricted_store(watched: Watched) -> None:
    watched.put("Erika Mustermann/a.mp4")
    assert "Mustermann" not in f"{watched.tick()} {watched.tick()} {watched.cursor}"
    for path in watched.home.store.iterdir():
        assert b"Mustermann" not in path.read_bytes()


def test_a_failed_listing_is_an_error_and_no_empty_one(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, storage_address: str
) -> None:
    watched.put("a.mp4")
    monkeypatch.setenv("SUPERVISOR_S3_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Failed) as caught:
        watched.tick()
    assert caught.value.reason is Reason.STORAGE_UNREACHABLE
    monkeypatch.setenv("SUPERVISOR_S3_ENDPOINT", storage_address)
    monkeypatch.setenv("SUPERVISOR_S3_BUCKET", "elsewhere")
    with pytest.raises(Failed) as caught:
        watched.tick()
    assert caught.value.reason is Reason.BAD_CONFIGURATION
    monkeypatch.setenv("SUPERVISOR_S3_BUCKET", BUCKET)
    assert len(watched.requested()) == 1


def test_without_a_bucket_it_is_stopped_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUPERVISOR_S3_BUCKET", raising=False)
    sensor = s3_uploads_of(str(tmp_path / "home"))
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    with dg.build_sensor_context() as context:
        assert "SUPERVISOR_S3_BUCKET" in sensor(context).skip_message
    assert not (tmp_path / "home").exists()


def test_it_runs_from_the_start_and_as_often_as_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERVISOR_S3_BUCKET", BUCKET)
    monkeypatch.setenv("SUPERVISOR_S3_EVERY_S", "90")
    sensor = s3_uploads_of("")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 90
    monkeypatch.setenv("SUPERVISOR_SETTLE_S", "soon")
    assert s3_uploads_of("").minimum_interval_seconds == 30
