"""Verified files go to a bucket once, whole and checked; what may not leave never does."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from copy_parts import (
    LARGE,
    PART_BYTES,
    TASK,
    VICTIM,
    changed,
    cleaned,
    house_copying,
    in_bucket,
    judge,
    never,
    rows,
    states,
    tasks,
    uploads,
    waiting,
)
from pipeline_parts import House
from storage_parts import BUCKET, free_port
from store_builders import start_python
from test_pipeline_analyses import _otherwise

from supervisor_core.deadline import Worker
from supervisor_core.keys import Retried
from supervisor_core.pipeline.copied import Standing
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote import upload_order
from supervisor_core.remote.sending import measure, send
from supervisor_core.repair import Cause
from supervisor_core.states import Review, Verification, Work
from supervisor_core.store import dead_letters, work

pytestmark = pytest.mark.usefixtures("kept_clients")


@pytest.fixture
def house(tmp_path: Path, bucket: Any, storage_address: str) -> House:
    return house_copying(tmp_path, storage_address)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as warm:
        yield warm


@pytest.fixture
def parts_of_5_mb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_order, "PART_BYTES", PART_BYTES)


def keys_of(house: House, key: str, prefix: str = "cleaned/") -> set[str]:
    found = house.pipeline.summary(key).outputs
    return {f"{prefix}{one.sha256[:2]}/{one.sha256}.png" for one in found}


def test_verified_files_lie_there_under_their_hash_and_nothing_else(
    house: House, bucket: Any
) -> None:
    key = cleaned(house, "one", "two name")
    assert [(one.intake, one.cause) for one in house.pipeline.uncopied()] == [(key, Cause.NEW)]
    report = house.pipeline.copy_out(key)
    assert (report.copied, report.unchanged, report.open) == (2, 0, set())
    stored = in_bucket(bucket)
    assert set(stored) == keys_of(house, key)
    assert sorted(stored.values()) == [text.encode() for text in house.files("cleaned")]
    assert report.size_bytes == sum(map(len, stored.values()))
    assert waiting(house) == []
    assert states(house, key) == {(Work.DONE, None, 1)}
    assert {one.key for one in rows(house, key)} == set(stored)
    for name in stored:
        head = bucket.head_object(Bucket=BUCKET, Key=name, ChecksumMode="ENABLED")
        assert (head["ContentType"], head["Metadata"]) == ("image/png", {})
        assert head["ChecksumSHA256"] == upload_order.in_base64(name[-68:-4])
        grants = bucket.get_object_acl(Bucket=BUCKET, Key=name)["Grants"]
        assert [one["Grantee"]["Type"] for one in grants] == ["CanonicalUser"]


def test_what_lies_there_is_never_sent_again(
    house: House, bucket: Any, tmp_path: Path, storage_address: str
) -> None:
    key = cleaned(house, "one")
    house.pipeline.copy_out(key)
    house.tools = replace(house.tools, send=never)
    assert house.pipeline.copy_out(key).unchanged == 1
    other = house_copying(tmp_path / "other", storage_address)
    other.tools = house.tools
    report = other.pipeline.copy_out(cleaned(other, "one"))
    assert (report.copied, report.unchanged, report.open) == (0, 1, set())


def test_an_object_that_is_not_this_file_is_replaced(house: House, bucket: Any) -> None:
    key = cleaned(house, "one")
    (name,) = keys_of(house, key)
    bucket.put_object(Bucket=BUCKET, Key=name, Body=b"other")
    assert house.pipeline.copies(key).different == 1
    assert house.pipeline.copy_out(key).copied == 1
    assert in_bucket(bucket)[name].startswith(b"frame_level of ")


@pytest.mark.campaign
def test_a_large_file_goes_in_parts_by_a_child_without_credentials(
    house: House, bucket: Any, worker: Worker, parts_of_5_mb: None, tmp_path: Path
) -> None:
    house.worker = worker
    key = cleaned(house, LARGE)
    assert house.pipeline.copy_out(key).copied == 1
    (content,) = in_bucket(bucket).values()
    assert content.decode() == house.files("cleaned")[0]
    assert uploads(bucket) == []
    assert house.pipeline.copies(key) == Standing(files=1, right=1)
    other = house_copying(tmp_path / "other", str(house.settings.s3_endpoint))
    other.tools = replace(other.tools, send=never)
    assert other.pipeline.copy_out(cleaned(other, LARGE)).unchanged == 1
    assert measure(house.home.absolute(_path(house, key)), PART_BYTES).composite == (
        rows(house, key)[0].checksum
    )


def _path(house: House, key: str) -> str:
    (item,) = house.pipeline.summary(key).items
    return str(item.output.path)


def test_raw_files_stay_even_where_nobody_asks_for_cleaning(house: House, bucket: Any) -> None:
    profiles = house.home.root / "profiles"
    profiles.mkdir()
    (profiles / "open.toml").write_text('mask = "none"\n')
    key = cleaned(house, "one", profile="open")
    aside = cleaned(house, "two\nframe_level = DECODE_FAILED\nroi_mask = DECODE_FAILED")
    assert house.pipeline.copy_out(key).raw == 1
    assert house.pipeline.copy_out(aside).copied == 0
    assert waiting(house) == []
    assert in_bucket(bucket) == {}


@pytest.mark.parametrize("review", [Review.HELD, Review.REJECTED])
def test_what_a_person_holds_back_stays(house: House, bucket: Any, review: Review) -> None:
    key = cleaned(house, "one")
    judge(house, key, review=review)
    assert waiting(house) == []
    assert house.pipeline.copy_out(key).copied == 0
    assert in_bucket(bucket) == {}


def test_without_a_bucket_nothing_is_wanted(tmp_path: Path) -> None:
    house = House(tmp_path)
    key = cleaned(house, "one")
    assert not house.pipeline.copy_out(key).wanted
    assert not house.pipeline.copies(key).wanted
    assert waiting(house) == []


@pytest.mark.parametrize(("read", "write"), [("", "cleaned/"), ("in/", ""), ("in/", "in/out/")])
def test_copies_that_would_come_in_again_are_refused(house: House, read: str, write: str) -> None:
    key = cleaned(house, "one")
    changed(house, s3_bucket=BUCKET, s3_prefix=read, s3_write_prefix=write)
    for step in (lambda: house.pipeline.copy_out(key), house.pipeline.uncopied):
        with pytest.raises(Failed) as caught:
            step()
        assert caught.value.reason is Reason.BAD_CONFIGURATION


# When the storage is not well


def test_a_storage_that_is_away_costs_one_file_a_try_and_is_waited_for(
    house: House, bucket: Any
) -> None:
    key = cleaned(house, "one", "two", "three")
    here = house.settings.s3_endpoint
    changed(house, s3_endpoint=f"http://127.0.0.1:{free_port()}")
    assert house.pipeline.copy_out(key).waiting == {Reason.STORAGE_UNREACHABLE: 3}
    assert sorted(one.attempts for one in tasks(house, key)) == [0, 0, 1]
    assert waiting(house) == []
    house.clock.turn(2)
    assert [one.cause for one in house.pipeline.uncopied()] == [Cause.CAUSE_PASSED]
    changed(house, s3_endpoint=here)
    assert house.pipeline.copy_out(key).copied == 3


def test_a_storage_that_stays_away_ends_as_a_dead_letter(house: House, bucket: Any) -> None:
    changed(house, s3_endpoint=f"http://127.0.0.1:{free_port()}", copy_tries=2)
    key = cleaned(house, "one")
    for _ in range(3):
        house.pipeline.copy_out(key)
        house.clock.turn(3600)
    assert states(house, key) == {(Work.DEAD, Reason.STORAGE_UNREACHABLE, 2)}
    assert waiting(house) == []
    with house.store.write() as connection:
        letters = dead_letters.find(connection, asset=Retried.BUCKET_COPIES)
        dead_letters.put_back(connection, letters, "test", house.clock())
    assert waiting(house) == [key]


DENY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
        }
    ],
}


@pytest.mark.campaign
def test_refused_credentials_block_until_one_intake_gets_through(house: House, bucket: Any) -> None:
    first, second = cleaned(house, "one", "two"), cleaned(house, "three")
    bucket.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(DENY))
    assert house.pipeline.copy_out(first).blocked == {Reason.STORAGE_DENIED: 2}
    assert states(house, first) == {(Work.BLOCKED, Reason.STORAGE_DENIED, 0)}
    assert waiting(house) == []
    house.clock.turn(61)
    assert waiting(house) == [first]
    bucket.delete_bucket_policy(Bucket=BUCKET)
    assert house.pipeline.copy_out(first).copied == 2
    assert waiting(house) == [second]


def test_missing_credentials_and_a_missing_bucket_block_too(
    house: House, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = cleaned(house, "one")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert house.pipeline.copy_out(key).blocked == {Reason.STORAGE_DENIED: 1}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    changed(house, s3_write_bucket="elsewhere")
    assert house.pipeline.copy_out(key).blocked == {Reason.BAD_CONFIGURATION: 1}
    assert house.pipeline.copies(key).reason is Reason.BAD_CONFIGURATION


def test_one_file_that_can_not_be_sent_does_not_stop_the_others(house: House, bucket: Any) -> None:
    key = cleaned(house, "one", "two", "three")

    def sometimes(path: Path, part_bytes: int) -> object:
        if b"two" in path.read_bytes():
            raise Failed(Reason.TIMEOUT)
        return measure(path, part_bytes)

    house.tools = replace(house.tools, measure=sometimes)
    report = house.pipeline.copy_out(key)
    assert (report.copied, report.waiting) == (2, {Reason.TIMEOUT: 1})


# What changes meanwhile


def test_a_file_that_is_not_what_was_verified_is_not_sent(house: House, bucket: Any) -> None:
    key = cleaned(house, "one")
    house.home.absolute(_path(house, key)).write_text("Erika Mustermann")
    assert house.pipeline.copy_out(key).waiting == {Reason.FILE_CHANGED: 1}
    assert in_bucket(bucket) == {}


@pytest.mark.campaign
@pytest.mark.parametrize("delete", [False, True])
def test_what_was_cleaned_anew_goes_there_too_and_the_former_as_is_set(
    house: House, bucket: Any, delete: bool
) -> None:
    key, same = cleaned(house, "one"), cleaned(house, "two")
    house.pipeline.copy_out(key)
    house.pipeline.copy_out(same)
    before = set(in_bucket(bucket))
    changed(house, s3_write_delete_former=delete)
    house.tools = replace(house.tools, clean=lambda job: _otherwise(house, job), code_version="2")
    house.clean(key)
    assert waiting(house) == [key]
    assert house.pipeline.copy_out(key).copied == 1
    kept = before - {one for one in before if delete and one not in keys_of(house, same)}
    assert set(in_bucket(bucket)) == keys_of(house, key) | kept
    assert len(rows(house, key)) == 2 - delete


def test_another_prefix_is_another_place(house: House, bucket: Any) -> None:
    key = cleaned(house, "one")
    house.pipeline.copy_out(key)
    changed(house, s3_write_prefix="public/")
    assert waiting(house) == [key]
    assert house.pipeline.copy_out(key).copied == 1
    assert set(in_bucket(bucket)) == keys_of(house, key) | keys_of(house, key, "public/")


@pytest.mark.parametrize("text", ["one", LARGE], ids=["whole", "parts"])
def test_what_is_revoked_before_it_is_sent_stays(
    house: House, bucket: Any, parts_of_5_mb: None, text: str
) -> None:
    key = cleaned(house, text)

    def revoked(path: Path, part_bytes: int) -> object:
        judge(house, key, verification=Verification.NONE)
        return measure(path, part_bytes)

    house.tools = replace(house.tools, measure=revoked, send=never)
    assert house.pipeline.copy_out(key).waiting == {Reason.NOT_VERIFIED: 1}
    assert (in_bucket(bucket), uploads(bucket), waiting(house)) == ({}, [], [])
    judge(house, key, verification=Verification.VERIFIED)
    assert waiting(house) == [key]


def test_what_is_revoked_while_its_parts_are_sent_is_never_put_together(
    house: House, bucket: Any, parts_of_5_mb: None
) -> None:
    key = cleaned(house, LARGE)

    def revoked(order: upload_order.UploadOrder) -> tuple[str, ...]:
        etags = send(order)
        judge(house, key, review=Review.REJECTED)
        return etags

    house.tools = replace(house.tools, send=revoked)
    assert house.pipeline.copy_out(key).waiting == {Reason.NOT_VERIFIED: 1}
    assert (in_bucket(bucket), uploads(bucket)) == ({}, [])


# When a run dies

KILLED = """
import os, sys
from pathlib import Path
from copy_parts import KILLED_TOOLS, PART_BYTES, VICTIM, house_copying
from supervisor_core.deadline import Worker
from supervisor_core.remote import upload_order
upload_order.PART_BYTES = PART_BYTES
os.environ[VICTIM] = str(os.getpid())
house = house_copying(Path(sys.argv[1]), sys.argv[2])
house.tools, house.worker = KILLED_TOOLS, Worker()
house.pipeline.copy_out(sys.argv[3])
"""


@pytest.mark.campaign
def test_a_run_that_is_killed_leaves_no_half_object_and_no_upload_for_ever(
    house: House, bucket: Any, tmp_path: Path, parts_of_5_mb: None, worker: Worker
) -> None:
    key = cleaned(house, LARGE)
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    arguments = (tmp_path, house.settings.s3_endpoint, key)
    with start_python(KILLED, *arguments, PYTHONPATH=path, **{VICTIM: ""}) as process:
        assert process.wait(60) == -signal.SIGKILL
    assert in_bucket(bucket) == {}
    assert len(uploads(bucket)) == 1
    assert waiting(house) == [key]
    house.worker = worker
    assert house.pipeline.copy_out(key).copied == 1
    assert len(in_bucket(bucket)) == 1
    assert uploads(bucket) == []


def test_what_a_run_of_before_a_restart_has_in_hand_is_left_to_it_until_its_lease_ends(
    house: House, bucket: Any
) -> None:
    key = cleaned(house, "one")
    (media,) = house.pipeline.summary(key).media
    now = house.clock()
    new = work.Task(media, TASK, created=now, updated=now)
    held = new.taken("run:x@another boot/1.1", now + timedelta(seconds=60))
    with house.store.write() as connection:
        work.save(connection, [held], now)
    assert waiting(house) == []
    assert house.pipeline.copy_out(key).busy == 1
    house.clock.turn(61)
    assert [one.cause for one in house.pipeline.uncopied()] == [Cause.UNFINISHED]
    assert house.pipeline.copy_out(key).copied == 1


@pytest.mark.campaign
def test_a_run_that_is_stopped_gives_its_file_back_and_leaves_no_upload(
    house: House, bucket: Any, parts_of_5_mb: None
) -> None:
    key = cleaned(house, LARGE)

    def stopped(*_: object) -> object:
        raise KeyboardInterrupt

    house.tools = replace(house.tools, send=stopped)
    with pytest.raises(KeyboardInterrupt):
        house.pipeline.copy_out(key)
    (task,) = tasks(house, key)
    assert (task.state, task.lease_owner, uploads(bucket)) == (Work.QUEUED, None, [])
