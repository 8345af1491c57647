"""The one door, from web servers that do everything wrong that a server can."""

import base64
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from door_parts import CONTENT, get, refused, settings
from storage_parts import Site, free_port, send, send_range

from supervisor_core.media.ref import MediaRef
from supervisor_core.reasons import Reason
from supervisor_core.remote import web
from supervisor_core.remote.door import localize

pytestmark = pytest.mark.usefixtures("impatient")


def test_a_local_file_is_given_as_it_is(work: Path, tmp_path: Path) -> None:
    media = tmp_path / "a.mp4"
    media.write_bytes(CONTENT)
    with localize(MediaRef.local(media), work, settings()) as found:
        assert found.path == media
    assert media.read_bytes() == CONTENT


def test_a_reference_to_nothing(work: Path, tmp_path: Path) -> None:
    assert refused(str(tmp_path / "gone.mp4"), work).reason is Reason.FILE_NOT_FOUND


def test_a_file_of_a_web_server_is_here_for_the_block_and_no_longer(work: Path) -> None:
    with Site(lambda handler, _: send(handler, 200, CONTENT)).open() as site:
        assert get(site.url, work) == CONTENT


def test_a_file_of_unknown_length_is_read_to_its_end(work: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        send(handler, 200, CONTENT, **{"Content-Length": None})

    with Site(answer).open() as site:
        assert get(site.url, work) == CONTENT
        assert refused(site.url, work, fetch_max_bytes=1000).reason is Reason.FILE_TOO_LARGE


def test_chunks_are_joined_and_a_broken_one_is_no_end(work: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        chunks = b"".join(b"%x\r\n%b\r\n" % (500, CONTENT[at : at + 500]) for at in (0, 500, 1000))
        end = b"0\r\n\r\n" if number > 1 else b"1f4\r\nbroken"
        facts = {"Content-Length": None, "Transfer-Encoding": "chunked"}
        send(handler, 200, chunks + end, **facts)

    with Site(answer).open() as site:
        assert get(site.url, work) == CONTENT[:1500]
    assert len(site.asked) == 2


def test_a_length_that_is_too_large_is_refused_before_a_byte_comes(work: Path) -> None:
    with Site(lambda handler, _: send(handler, 200, CONTENT)).open() as site:
        failed = refused(site.url, work, fetch_max_bytes=len(CONTENT) - 1)
    assert failed.reason is Reason.FILE_TOO_LARGE


def test_a_full_disk_is_seen_before_anything_is_written(work: Path) -> None:
    with Site(lambda handler, _: send(handler, 200, CONTENT)).open() as site:
        assert refused(site.url, work, reserve_bytes=2**60).reason is Reason.DISK_FULL


def test_a_broken_connection_goes_on_where_it_broke(work: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        send_range(handler, CONTENT, '"v1"', cut=(2 - number) * 300_000 if number < 3 else 0)

    with Site(answer).open() as site:
        assert get(site.url, work) == CONTENT
    assert len(site.asked) == 2
    assert site.asked[1]["range"] == f"bytes={len(CONTENT) - 300_000}-"
    assert site.asked[1]["if-match"] == '"v1"'


def test_a_server_that_lies_about_its_length_is_given_up(work: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        send(handler, 200, b"short", **{"Content-Length": "5000"})

    with Site(answer).open() as site:
        assert refused(site.url, work, fetch_tries=2).reason is Reason.TRANSPORT_ERROR
    assert len(site.asked) == 2


def test_without_ranges_a_broken_transfer_begins_anew(work: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        body = CONTENT[: 1000 if number == 1 else None]
        send(handler, 200, body, ETag='"v1"', Content_Length=str(len(CONTENT)))

    with Site(answer).open() as site:
        assert get(site.url, work) == CONTENT


@pytest.mark.parametrize("checks", [True, False], ids=["412", "ignores If-Match"])
def test_content_that_changed_meanwhile_is_never_mixed(work: Path, checks: bool) -> None:
    other = CONTENT[::-1]

    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        if number == 1:
            send_range(handler, CONTENT, '"v1"', cut=5000)
        elif checks and handler.headers.get("If-Match") == '"v1"':
            send(handler, 412)
        else:
            send_range(handler, other, '"v2"')

    with Site(answer).open() as site:
        assert get(site.url, work) == other


def test_content_that_never_stays_the_same_is_said_to_change(work: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        send_range(handler, CONTENT, f'"v{number}"', cut=5000)

    with Site(answer).open() as site:
        assert refused(site.url, work).reason is Reason.FILE_CHANGED


def test_a_range_that_was_not_asked_for_is_not_taken(work: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        wrong = {"Content_Range": f"bytes 7-{len(CONTENT) - 1}/{len(CONTENT)}", "ETag": '"v1"'}
        if number % 2:
            send_range(handler, CONTENT, '"v1"', cut=5000)
        else:
            send(handler, 206, CONTENT[7:], **wrong)

    with Site(answer).open() as site:
        assert refused(site.url, work).reason is Reason.FILE_CHANGED


def test_silence_and_slow_bytes_end_at_their_limits(work: Path) -> None:
    ended = threading.Event()

    def drip(handler: BaseHTTPRequestHandler, _: int) -> None:
        send(handler, 200, b"x", **{"Content-Length": "1000"})
        while not ended.wait(0.02):
            try:
                handler.wfile.write(b"x")
            except OSError:
                return

    with Site(drip).open() as site:
        started_s = time.monotonic()
        assert refused(site.url, work, fetch_base_s=0.5).reason is Reason.TIMEOUT
        assert time.monotonic() - started_s < 5
        ended.set()
    ended.clear()
    with Site(lambda handler, _: ended.wait(30)).open() as site:
        failed = refused(site.url, work, fetch_silence_s=0.1, fetch_tries=2)
        ended.set()
    assert failed.reason is Reason.TRANSPORT_ERROR


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, Reason.FILE_NOT_FOUND),
        (401, Reason.HTTP_ERROR),
        (403, Reason.HTTP_ERROR),
        (204, Reason.HTTP_ERROR),
        (429, Reason.TRANSPORT_ERROR),
        (503, Reason.TRANSPORT_ERROR),
    ],
)
def test_each_status_has_its_reason(work: Path, status: int, reason: Reason) -> None:
    with Site(lambda handler, _: send(handler, status)).open() as site:
        assert refused(site.url, work, fetch_tries=2).reason is reason
    assert len(site.asked) == (2 if reason is Reason.TRANSPORT_ERROR else 1)


def test_nobody_who_listens_is_a_broken_connection(work: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/a.mp4"
    assert refused(url, work, fetch_tries=1).reason is Reason.TRANSPORT_ERROR


@pytest.mark.parametrize("hosts", ["", "example.org"])
def test_this_machine_is_forbidden_unless_it_is_on_the_list(work: Path, hosts: str) -> None:
    with Site(lambda handler, _: send(handler, 200, CONTENT)).open() as site:
        failed = refused(site.url, work, allowed_hosts=hosts)
    assert (failed.reason, site.asked) == (Reason.ADDRESS_FORBIDDEN, [])


@pytest.mark.parametrize(
    "place",
    ["http://localhost:1/", "http://[::1]:1/", "http://10.0.0.1/", "http://169.254.169.254/latest"],
)
def test_a_redirect_into_the_house_is_refused(work: Path, place: str) -> None:
    with Site(lambda handler, _: send(handler, 302, Location=place)).open() as site:
        assert refused(site.url, work, fetch_tries=1).reason is Reason.ADDRESS_FORBIDDEN


@pytest.mark.parametrize("place", ["file:///etc/passwd", "s3://bucket/key", "ftp://host/a"])
def test_a_redirect_to_something_else_is_refused(work: Path, place: str) -> None:
    with Site(lambda handler, _: send(handler, 302, Location=place)).open() as site:
        assert refused(site.url, work).reason is Reason.ADDRESS_FORBIDDEN


def test_a_redirect_is_followed_but_not_for_ever(work: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        if number <= 3:
            send(handler, 302, Location=f"/{number}")
        else:
            send(handler, 200, CONTENT)

    with Site(answer).open() as site:
        assert get(site.url, work) == CONTENT
    with Site(lambda handler, _: send(handler, 302, Location="/again")).open() as site:
        assert refused(site.url, work).reason is Reason.HTTP_ERROR
    assert len(site.asked) == 6


def test_a_password_goes_to_its_own_host_only(work: Path) -> None:
    with Site(lambda handler, _: send(handler, 200, CONTENT)).open() as second:
        hop = second.url
        with Site(lambda handler, _: send(handler, 302, Location=hop)).open() as site:
            get(site.url.replace("//", "//me:secret@"), work)
    assert site.asked[0]["authorization"] == f"Basic {base64.b64encode(b'me:secret').decode()}"
    assert "authorization" not in second.asked[0]


def test_no_proxy_of_the_environment_is_used(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Site(lambda handler, _: send(handler, 200, CONTENT)).open() as site:
        assert get(site.url, work) == CONTENT


def test_a_name_is_resolved_once_and_that_address_is_connected_to(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["127.0.0.1", "10.0.0.1"])
    real = __import__("socket").getaddrinfo

    def rebinding(host: str, port: int, **terms: Any) -> Any:
        return real(next(answers) if host == "rebinding.example" else host, port, **terms)

    monkeypatch.setattr("supervisor_core.remote.addresses.socket.getaddrinfo", rebinding)
    with Site(lambda handler, _: send(handler, 200, CONTENT)).open() as site:
        url = site.url.replace("127.0.0.1", "rebinding.example")
        assert get(url, work, allowed_hosts="rebinding.example") == CONTENT
    assert site.asked[0]["host"].startswith("rebinding.example:")
    assert next(answers) == "10.0.0.1"


# ---------------------------------------------------------------- https


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A certificate for the name localhost that our side trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1))
    builder = builder.not_valid_after(now + timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    path = tmp_path / "both.pem"
    text = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    path.write_bytes(key.private_bytes(*text) + made.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    web.tls_context.cache_clear()
    yield path
    web.tls_context.cache_clear()


def test_a_certificate_is_checked_against_the_name(work: Path, certificate: Path) -> None:
    with Site(lambda handler, _: send(handler, 200, CONTENT), tls=certificate).open() as site:
        by_name = site.url.replace("127.0.0.1", "localhost")
        assert get(by_name, work, allowed_hosts="localhost") == CONTENT
        failed = refused(site.url, work, fetch_tries=1)
    assert (failed.reason, failed.facts) == (Reason.TRANSPORT_ERROR, {"step": "tls"})


def test_a_redirect_from_https_to_http_is_refused(work: Path, certificate: Path) -> None:
    with Site(lambda handler, _: send(handler, 200, CONTENT)).open() as plain:
        hop = plain.url
        answer = Site(lambda handler, _: send(handler, 302, Location=hop), tls=certificate)
        with answer.open() as site:
            by_name = site.url.replace("127.0.0.1", "localhost")
            failed = refused(by_name, work, allowed_hosts="localhost,127.0.0.1")
    assert (failed.reason, plain.asked) == (Reason.ADDRESS_FORBIDDEN, [])
