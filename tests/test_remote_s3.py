"""The one door, from an object storage, and what it leaves when it is killed."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from door_parts import CONTENT, SHA256, get, refused, settings
from storage_parts import BUCKET, Site, free_port, leftovers, send, send_range
from test_media_ref import HOSTILE

from supervisor_core.deadline import Worker
from supervisor_core.media.ref import MediaRef, S3Object
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote import s3
from supervisor_core.remote.door import Door, sweep_fetches
from supervisor_core.remote.fetch_order import FetchOrder, Limits
from supervisor_core.remote.parts import fetch
from supervisor_core.remote.s3 import Storage

pytestmark = pytest.mark.usefixtures("impatient")

LARGE = os.urandom(20 << 20)


@pytest.mark.campaign
def test_a_hostile_key_is_fetched_as_what_it_is(
    work: Path, bucket: Any, storage_address: str
) -> None:
    keys = [key for key in HOSTILE if "\n" not in key]  # this storage knows no such key
    for key in keys:
        bucket.put_object(Bucket=BUCKET, Key=key, Body=key.encode() * 3)
    for key in keys:
        found = get(f"s3://{BUCKET}/{key}", work, s3_endpoint=storage_address)
        assert found == key.encode() * 3, key


def test_a_large_object_comes_in_parts_and_is_the_same(
    work: Path, bucket: Any, storage_address: str
) -> None:
    bucket.put_object(Bucket=BUCKET, Key="a.mp4", Body=LARGE)
    with Worker() as worker:
        door = Door(work, settings(s3_endpoint=storage_address), worker)
        with door.localize(S3Object(BUCKET, "a.mp4")) as found:
            assert found.path.read_bytes() == LARGE
            assert found.fetched.sha256 == hashlib.sha256(LARGE).hexdigest()


def test_an_empty_object_is_an_empty_file(work: Path, bucket: Any, storage_address: str) -> None:
    bucket.put_object(Bucket=BUCKET, Key="a.mp4", Body=b"")
    assert get(f"s3://{BUCKET}/a.mp4", work, s3_endpoint=storage_address) == b""


def test_what_the_storage_knows_of_the_content_is_compared(
    work: Path, bucket: Any, storage_address: str
) -> None:
    storage = Storage(settings(s3_endpoint=storage_address))
    bucket.put_object(Bucket=BUCKET, Key="a", Body=CONTENT, ChecksumAlgorithm="SHA256")
    bucket.put_object(Bucket=BUCKET, Key="b", Body=CONTENT, ChecksumAlgorithm="CRC32")
    first = storage.find(S3Object(BUCKET, "a")).checksums
    second = storage.find(S3Object(BUCKET, "b")).checksums
    parts = bucket.create_multipart_upload(Bucket=BUCKET, Key="c")["UploadId"]
    whole = {"Bucket": BUCKET, "Key": "c", "UploadId": parts}
    tag = bucket.upload_part(**whole, PartNumber=1, Body=CONTENT)["ETag"]
    made = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
    bucket.complete_multipart_upload(**whole, MultipartUpload=made)
    assert first == {"sha256": SHA256}
    assert second == {"crc32": f"{zlib.crc32(CONTENT):08x}"}
    assert "md5" not in storage.find(S3Object(BUCKET, "c")).checksums
    for expected in ({"md5": "0" * 32}, {"crc32": "0" * 8}, {"sha256": "0" * 64}):
        with Site(lambda handler, _: send(handler, 200, CONTENT)).open() as site:
            into = work / "x.part"
            into.touch()
            order = FetchOrder(site.url, into, Limits.of(settings()), None, checksums=expected)
            with pytest.raises(Failed) as caught:
                fetch(order)
            into.unlink()
        assert caught.value.reason is Reason.CHECKSUM_MISMATCH


def test_an_object_that_is_not_the_one_that_was_meant_is_said_to_have_changed(
    work: Path, bucket: Any, storage_address: str
) -> None:
    bucket.put_object(Bucket=BUCKET, Key="a.mp4", Body=CONTENT)
    door = Door(work, settings(s3_endpoint=storage_address))
    meant = S3Object(BUCKET, "a.mp4", etag='"00000000000000000000000000000000"')
    with pytest.raises(Failed) as caught, door.localize(meant):
        pass
    assert caught.value.reason is Reason.FILE_CHANGED


def test_each_refusal_of_a_storage_has_its_reason(
    work: Path, bucket: Any, storage_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {"s3_endpoint": storage_address}
    bucket.put_object(Bucket=BUCKET, Key="a", Body=CONTENT)
    assert refused(f"s3://{BUCKET}/gone", work, **there).reason is Reason.FILE_NOT_FOUND
    assert refused("s3://elsewhere/a", work, **there).reason is Reason.BAD_CONFIGURATION
    assert refused(f"s3://{BUCKET}/a", work, **there, fetch_max_bytes=9).reason is (
        Reason.FILE_TOO_LARGE
    )
    nowhere = {"s3_endpoint": f"http://127.0.0.1:{free_port()}", "fetch_connect_s": 1}
    assert refused(f"s3://{BUCKET}/a", work, **nowhere).reason is Reason.STORAGE_UNREACHABLE
    assert refused(f"s3://{BUCKET}/a", work, s3_endpoint="nonsense").reason is (
        Reason.BAD_CONFIGURATION
    )
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert refused(f"s3://{BUCKET}/a", work, **there).reason is Reason.STORAGE_DENIED


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, Reason.STORAGE_DENIED),
        (403, Reason.STORAGE_DENIED),
        (404, Reason.FILE_NOT_FOUND),
        (302, Reason.HTTP_ERROR),
        (503, Reason.STORAGE_UNREACHABLE),
    ],
)
def test_each_status_of_a_signed_address_has_its_reason(
    work: Path, status: int, reason: Reason
) -> None:
    into = work / "x.part"
    into.touch()
    with Site(lambda handler, _: send(handler, status, Location="/elsewhere")).open() as site:
        order = FetchOrder(site.url, into, Limits.of(settings(fetch_tries=2)), None, 10, '"v1"')
        with pytest.raises(Failed) as caught:
            fetch(order)
    into.unlink()
    assert caught.value.reason is reason


@pytest.mark.parametrize("times", [1, 100], ids=["once", "always"])
def test_a_part_that_breaks_is_brought_to_its_end(work: Path, times: int) -> None:
    broken = threading.Semaphore(times)

    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        send_range(handler, LARGE, '"v1"', cut=1000 if broken.acquire(blocking=False) else 0)

    into = work / "x.part"
    into.touch()
    with Site(answer).open() as site:
        limits = Limits.of(settings(fetch_tries=3))
        order = FetchOrder(site.url, into, limits, None, len(LARGE), '"v1"')
        if times == 1:
            assert fetch(order).sha256 == hashlib.sha256(LARGE).hexdigest()
        else:
            with pytest.raises(Failed) as caught:
                fetch(order)
            assert caught.value.reason is Reason.TRANSPORT_ERROR
    into.unlink()


def test_a_part_of_other_content_is_never_taken(work: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        send_range(handler, LARGE, f'"v{(number + 2) // 3}"')

    into = work / "x.part"
    into.touch()
    with Site(answer).open() as site:
        order = FetchOrder(
            site.url, into, Limits.of(settings(fetch_lanes=1)), None, len(LARGE), '"v1"'
        )
        fetch(order)
        with pytest.raises(Failed) as caught:
            fetch(order)
    into.unlink()
    assert caught.value.reason is Reason.FILE_CHANGED


def test_an_address_is_in_nothing_that_shows_an_order(work: Path) -> None:
    order = FetchOrder("http://host/secret", work / "name", Limits.of(settings()), None, 1, '"tag"')
    assert not any(word in repr(order) for word in ("secret", "name", "tag"))


def test_a_fetch_that_hangs_is_killed_at_its_limit(work: Path) -> None:
    ended = threading.Event()
    with Site(lambda handler, _: ended.wait(60)).open() as site, Worker(grace_s=0.2) as worker:
        changes = {"fetch_base_s": 0.6, "fetch_s_per_gb": 0}
        door = Door(work, settings(**changes), worker)
        with pytest.raises(Failed) as caught, door.localize(MediaRef.parse(site.url)):
            pass
        ended.set()
    assert caught.value.reason is Reason.TIMEOUT


KILLED = """
import sys
from pathlib import Path
from supervisor_core.deadline import Worker
from supervisor_core.media.ref import MediaRef
from supervisor_core.remote.door import localize
from supervisor_core.settings import Settings
reference, work = MediaRef.parse(sys.argv[1]), Path(sys.argv[2])
with Worker() as worker, localize(reference, work, Settings(), worker):
    print("never")
"""


def test_a_kill_in_the_middle_leaves_nothing_after_the_sweep(work: Path) -> None:
    ended = threading.Event()

    def half(handler: BaseHTTPRequestHandler, _: int) -> None:
        send(handler, 200, CONTENT[:500_000], Content_Length=str(len(CONTENT)))
        ended.wait(60)

    environment = os.environ | {"SUPERVISOR_ALLOWED_HOSTS": "127.0.0.1"}
    with Site(half).open() as site:
        command = [sys.executable, "-c", KILLED, site.url, str(work)]
        process = subprocess.Popen(command, env=environment)
        until = time.monotonic() + 60
        while not any(path.stat().st_size for path in work.iterdir()):
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.01)
        assert sweep_fetches(work) == 0  # it lives
        process.send_signal(signal.SIGKILL)
        process.wait()
        ended.set()
    assert len(leftovers(work)) == 1
    assert sweep_fetches(work) == 1


def test_an_etag_is_an_md5_only_where_the_storage_says_so() -> None:
    md5 = hashlib.md5(CONTENT).hexdigest()
    head = {"ETag": f'"{md5}"'}
    assert s3._checksums(head, BUCKET) == {"md5": md5}
    assert s3._checksums(head | {"ServerSideEncryption": "aws:kms"}, BUCKET) == {}
    assert s3._checksums(head | {"SSECustomerAlgorithm": "AES256"}, BUCKET) == {}
    assert s3._checksums(head, "zone--x-s3") == {}
    assert s3._checksums({"ETag": f'"{md5}-3"', "ChecksumCRC32": "AAAAAA==-3"}, BUCKET) == {}
