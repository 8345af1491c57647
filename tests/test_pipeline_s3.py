"""From a bucket into raw/: as from the inbox, but the object in the bucket stays as it is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pipeline_parts import House
from storage_parts import BUCKET, free_port

from supervisor_core.deadline import Worker
from supervisor_core.inbox.plan import NewArrival
from supervisor_core.keys import STORAGE_SOURCE, IntakeKey, intake_key, object_fingerprint
from supervisor_core.media.ref import S3Object
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.s3 import Storage
from supervisor_core.states import Arrival as State
from supervisor_core.store import objects
from supervisor_core.store.arrivals import record_arrivals
from supervisor_core.store.objects import Position

NAME = "Eva Müller/../%2F magen?.png"


@pytest.fixture
def house(tmp_path: Path, bucket: Any, storage_address: str) -> House:
    return House(tmp_path, changes={"s3_endpoint": storage_address, "fetch_tries": 1})


def put(house: House, bucket: Any, text: str, key: str = NAME) -> NewArrival:
    """An object with this text, as a look at the bucket sees it."""
    bucket.put_object(Bucket=BUCKET, Key=key, Body=text.encode())
    found = Storage(house.settings).find(S3Object(BUCKET, key))
    name = object_fingerprint(BUCKET, key, found.size_bytes, found.etag)
    place = S3Object(BUCKET, key, found.etag)
    return NewArrival(name, key, found.size_bytes, found.modified_ns, place)


def record(house: House, *files: NewArrival) -> IntakeKey:
    key = intake_key(house.clock().timestamp(), [file.fingerprint for file in files])
    record_arrivals(house.store, key, STORAGE_SOURCE, "upload", files, kind="stills")
    return key


def states(house: House, key: IntakeKey) -> list[tuple[State, Reason | None]]:
    return [(item.arrival, item.reason) for item in house.pipeline.summary(key).items]


def in_bucket(bucket: Any) -> dict[str, bytes]:
    found = bucket.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    keys = [one["Key"] for one in found]
    return {key: bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


def test_objects_come_into_raw_and_stay_in_their_bucket(house: House, bucket: Any) -> None:
    files = put(house, bucket, "one"), put(house, bucket, "two", "b.png")
    key = record(house, *files, put(house, bucket, "one", "same.png"))
    report = house.pipeline.import_items(key)
    assert (report.imported, report.duplicates, report.refused, report.waiting) == (2, 1, {}, {})
    assert house.files("raw") == ["one", "two"]
    assert list(house.home.work.iterdir()) == []
    assert in_bucket(bucket) == {NAME: b"one", "b.png": b"two", "same.png": b"one"}
    assert house.pipeline.import_items(key).known == 3


def test_no_key_leaves_the_restricted_store(house: House, bucket: Any) -> None:
    key = record(house, put(house, bucket, "one"))
    house.pipeline.import_items(key)
    for path in house.home.store.iterdir():
        content = path.read_bytes()
        assert b"magen" not in content, path.name
        assert BUCKET.encode() not in content, path.name


def test_a_refused_object_has_its_row_and_no_copy(house: House, bucket: Any) -> None:
    key = record(house, put(house, bucket, "import = UNSUPPORTED_CODEC"))
    assert house.pipeline.import_items(key).refused == {Reason.UNSUPPORTED_CODEC: 1}
    assert states(house, key) == [(State.REFUSED, Reason.UNSUPPORTED_CODEC)]
    assert house.everywhere() == []
    assert len(in_bucket(bucket)) == 1


def test_what_is_too_large_is_refused_without_being_fetched(house: House, bucket: Any) -> None:
    profiles = house.home.root / "profiles"
    profiles.mkdir()
    (profiles / "upload.toml").write_text("max_bytes = 10\n")
    key = record(house, put(house, bucket, "x" * 11))
    assert house.pipeline.import_items(key).refused == {Reason.FILE_TOO_LARGE: 1}


@pytest.mark.campaign
@pytest.mark.parametrize("gone", [True, False], ids=["deleted", "overwritten"])
def test_content_that_is_not_there_any_more_is_refused(
    house: House, bucket: Any, gone: bool
) -> None:
    key = record(house, put(house, bucket, "one"))
    if gone:
        bucket.delete_object(Bucket=BUCKET, Key=NAME)
    else:
        bucket.put_object(Bucket=BUCKET, Key=NAME, Body=b"other")
    house.pipeline.import_items(key)
    reason = Reason.FILE_NOT_FOUND if gone else Reason.FILE_CHANGED
    assert states(house, key) == [(State.REFUSED, reason)]


@pytest.mark.campaign
def test_a_storage_that_does_not_answer_refuses_nothing(house: House, bucket: Any) -> None:
    key = record(house, put(house, bucket, "one"))
    away = f"http://127.0.0.1:{free_port()}"
    elsewhere = replace(house, changes=house.changes | {"s3_endpoint": away})
    for _ in range(4):
        report = elsewhere.pipeline.import_items(key)
        assert (report.waiting, report.again) == ({Reason.STORAGE_UNREACHABLE: 1}, True)
    assert house.pipeline.import_items(key).imported == 1


def test_missing_credentials_stop_the_step_and_refuse_nothing(
    house: House, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = record(house, put(house, bucket, "one"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(Failed) as caught:
        house.pipeline.import_items(key)
    assert caught.value.reason is Reason.STORAGE_DENIED
    assert states(house, key) == [(State.SEEN, Reason.STORAGE_DENIED)]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    assert house.pipeline.import_items(key).imported == 1


@pytest.mark.campaign
def test_what_a_dead_import_has_left_half_fetched_is_swept(house: House, bucket: Any) -> None:
    (house.home.work / "fetch-0123456789abcdef.part").write_bytes(b"half")
    key = record(house, put(house, bucket, "one"))
    assert house.pipeline.import_items(key).imported == 1
    assert list(house.home.work.iterdir()) == []


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as warm:
        yield warm


def test_a_child_without_credentials_fetches(house: House, bucket: Any, worker: Worker) -> None:
    house.worker = worker
    key = record(house, put(house, bucket, "one"))
    assert house.pipeline.import_items(key).imported == 1


@pytest.mark.parametrize("key", ["a", "ü %2F\x00\n\x7f", "日本/.."])
def test_positions_and_objects_come_back_as_they_were(house: House, key: str) -> None:
    position = Position(newest=key, at=key, passed_s=1.5)
    with house.store.restricted() as connection:
        assert objects.position_of(connection, key) == Position()
        for one in (Position(), position):
            objects.keep_position(connection, key, one)
            assert objects.position_of(connection, key) == one
        objects.remember(connection, {"f": S3Object("bucket", key, '"e"')})
        assert objects.recall(connection, ["f", "g"]) == {"f": S3Object("bucket", key, '"e"')}
