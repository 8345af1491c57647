"""Sending to a storage that misbehaves in one chosen way, and what an address is signed for."""

import base64
import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from storage_parts import free_port, send

from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.bucket_folder import LEFT_AFTER, BucketFolder
from supervisor_core.remote.destination import Destination
from supervisor_core.remote.fetch_order import Limits
from supervisor_core.remote.s3 import Storage
from supervisor_core.remote.sending import measure
from supervisor_core.remote.sending import send as deliver
from supervisor_core.remote.upload_order import UploadOrder
from supervisor_core.settings import Settings

CONTENT = bytes(range(256)) * 1000
KEY = f"cleaned/ab/{'ab' * 32}.mp4"
Answer = Callable[[BaseHTTPRequestHandler, bytes], None]

pytestmark = pytest.mark.usefixtures("impatient", "credentials", "kept_clients")


@contextmanager
def storage(answer: Answer) -> Iterator[str]:
    """A server that takes what is put and answers as told; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            answer(self, self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def folder_of(url: str, **changes: object) -> BucketFolder:
    settings = Settings(s3_endpoint=url, s3_region="us-east-1", fetch_tries=2, **changes)
    return BucketFolder(Storage(settings), Destination("copies", "cleaned/"), Limits.of(settings))


def upload(folder: Path, url: str, **changes: object) -> UploadOrder:
    source = folder / "a.mp4"
    source.write_bytes(CONTENT)
    return folder_of(url, **changes).whole(source, KEY, "video/mp4", measure(source, 1 << 20))


def checking(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Answers as a storage that works out the checksum itself."""
    found = base64.b64encode(hashlib.sha256(body).digest()).decode()
    if found != handler.headers["x-amz-checksum-sha256"]:
        send(handler, 400, b"<Error><Code>BadDigest</Code></Error>")
    else:
        send(handler, 200, ETag='"e"')


def test_what_is_sent_comes_whole_and_its_checksum_fits(tmp_path: Path) -> None:
    with storage(checking) as url:
        assert deliver(upload(tmp_path, url)) == ('"e"',)


def test_what_changes_on_its_way_is_refused_by_the_storage(tmp_path: Path) -> None:
    with storage(checking) as url:
        order = upload(tmp_path, url)
        (tmp_path / "a.mp4").write_bytes(CONTENT[::-1])
        with pytest.raises(Failed) as caught:
            deliver(order)
        assert caught.value.reason is Reason.CHECKSUM_MISMATCH


def code(status: int, word: str) -> Answer:
    body = f"<Error><Code>{word}</Code></Error>".encode()
    return lambda handler, _: send(handler, status, body)


def cut(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.connection.close()


def silent(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    threading.Event().wait(3)


ANSWERS = [
    (code(403, "AccessDenied"), Reason.STORAGE_DENIED),
    (code(403, "SignatureDoesNotMatch"), Reason.STORAGE_DENIED),
    (code(404, "NoSuchBucket"), Reason.BAD_CONFIGURATION),
    (code(404, "NoSuchUpload"), Reason.TRANSPORT_ERROR),
    (code(301, "PermanentRedirect"), Reason.BAD_CONFIGURATION),
    (code(400, "RequestTimeout"), Reason.STORAGE_UNREACHABLE),
    (code(400, "EntityTooLarge"), Reason.HTTP_ERROR),
    (code(409, "OperationAborted"), Reason.STORAGE_UNREACHABLE),
    (code(503, "SlowDown"), Reason.STORAGE_UNREACHABLE),
    (lambda handler, _: send(handler, 200), Reason.TRANSPORT_ERROR),
    (lambda handler, _: send(handler, 500, b"x" * 200_000), Reason.STORAGE_UNREACHABLE),
    (cut, Reason.TRANSPORT_ERROR),
    (silent, Reason.TRANSPORT_ERROR),
]


@pytest.mark.parametrize(("answer", "reason"), ANSWERS)
def test_every_answer_has_its_reason(tmp_path: Path, answer: Answer, reason: Reason) -> None:
    with storage(answer) as url:
        order = upload(tmp_path, url, fetch_silence_s=0.3, fetch_base_s=2)
        with pytest.raises(Failed) as caught:
            deliver(order)
        assert caught.value.reason is reason


def test_a_broken_connection_is_tried_again(tmp_path: Path) -> None:
    asked: list[int] = []

    def first_broken(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        asked.append(len(body))
        (cut if len(asked) == 1 else checking)(handler, body)

    with storage(first_broken) as url:
        assert deliver(upload(tmp_path, url)) == ('"e"',)
    assert asked == [len(CONTENT)] * 2


def test_nobody_there_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(Failed) as caught:
        deliver(upload(tmp_path, f"http://127.0.0.1:{free_port()}"))
    assert caught.value.reason is Reason.STORAGE_UNREACHABLE


def test_a_file_that_became_shorter_is_not_sent(tmp_path: Path) -> None:
    with storage(checking) as url:
        order = upload(tmp_path, url)
        (tmp_path / "a.mp4").write_bytes(CONTENT[:-1])
        with pytest.raises(Failed) as caught:
            deliver(order)
        assert caught.value.reason is Reason.FILE_CHANGED


def test_an_address_is_signed_for_these_bytes_type_and_place_only(tmp_path: Path) -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    def noted(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        seen.append((handler.path, {name.lower(): text for name, text in handler.headers.items()}))
        checking(handler, body)

    with storage(noted) as url:
        deliver(upload(tmp_path, url))
    ((path, headers),) = seen
    query = dict(parse_qsl(urlsplit(path).query))
    assert set(query["X-Amz-SignedHeaders"].split(";")) == {
        "content-type", "host", "x-amz-checksum-sha256", "x-amz-sdk-checksum-algorithm",
    }  # fmt: skip
    assert query["X-Amz-Signature"] == signature(path, headers, query)
    assert int(query["X-Amz-Expires"]) < 600
    assert "authorization" not in headers
    assert "x-amz-acl" not in headers


def signature(path: str, headers: dict[str, str], query: dict[str, str]) -> str:
    """What a storage works out by the rules of AWS' Signature Version 4 from what has come."""
    names = query["X-Amz-SignedHeaders"].split(";")
    rest = sorted((name, text) for name, text in query.items() if name != "X-Amz-Signature")
    canonical = "\n".join(
        [
            "PUT",
            urlsplit(path).path,
            "&".join(f"{quote(name, '')}={quote(text, '')}" for name, text in rest),
            *(f"{name}:{headers[name]}" for name in names),
            "",
            ";".join(names),
            "UNSIGNED-PAYLOAD",
        ]
    )
    _, *scope = query["X-Amz-Credential"].split("/")
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], "/".join(scope), hashed])
    key = b"AWS4testing"
    for word in (*scope, text):
        key = hmac.digest(key, word.encode(), "sha256")
    return key.hex()


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2000, 2500])
def test_parts_are_measured_as_they_are_sent(tmp_path: Path, size: int) -> None:
    source = tmp_path / "a"
    source.write_bytes(CONTENT[:size])
    found = measure(source, 1000)
    whole = hashlib.sha256(CONTENT[:size])
    assert (found.size_bytes, found.sha256) == (size, whole.hexdigest())
    pieces = [CONTENT[at : min(at + 1000, size)] for at in range(0, size, 1000)] or [b""]
    digests = [hashlib.sha256(piece).digest() for piece in pieces]
    assert [base64.b64decode(part) for part in found.parts] == digests
    assert base64.b64decode(found.composite) == hashlib.sha256(b"".join(digests)).digest()


NOW = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "age", "left"),
    [
        (KEY, LEFT_AFTER + timedelta(seconds=1), True),
        (KEY, LEFT_AFTER - timedelta(seconds=1), False),
        ("cleaned/somebody-elses.mp4", 2 * LEFT_AFTER, False),
    ],
)
def test_only_old_uploads_of_ours_are_swept(key: str, age: timedelta, left: bool) -> None:
    swept: list[Any] = []

    class Client:
        def list_multipart_uploads(self, **_: object) -> Any:
            return {"Uploads": [{"Key": key, "UploadId": "u", "Initiated": NOW - age}]}

        def abort_multipart_upload(self, **which: object) -> None:
            swept.append(which)

    folder = folder_of("http://127.0.0.1:1")
    folder.storage.__dict__["client"] = Client()
    assert folder.sweep(NOW) == left
    assert swept == [{"Bucket": "copies", "Key": key, "UploadId": "u"}] * left
