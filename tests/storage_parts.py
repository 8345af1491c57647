"""Real servers on loopback: an S3 storage, and web servers that misbehave in one chosen way."""

import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from supervisor_core.remote.s3 import Storage
from supervisor_core.settings import Settings

BUCKET = "uploads"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
START_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def moto_server() -> Iterator[str]:
    """An S3 storage in a process of its own; gives its address."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=os.environ | CREDENTIALS, **quiet)
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the storage did not start")


@pytest.fixture(scope="session")
def storage_address() -> Iterator[str]:
    with moto_server() as address:
        yield address


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (CREDENTIALS | {"AWS_DEFAULT_REGION": "us-east-1"}).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(storage_address: str, credentials: None) -> Any:
    """A boto3 client of the storage with an empty bucket."""
    client = Storage(Settings(s3_endpoint=storage_address)).client
    client.create_bucket(Bucket=BUCKET)
    yield client
    empty(client, BUCKET)
    client.delete_bucket(Bucket=BUCKET)


def empty(client: Any, name: str) -> None:
    while found := client.list_objects_v2(Bucket=name).get("Contents"):
        keys = [{"Key": one["Key"]} for one in found]
        client.delete_objects(Bucket=name, Delete={"Objects": keys})


@dataclass
class Site:
    """A web server whose every answer is given by a function of the test's."""

    answer: Callable[[BaseHTTPRequestHandler, int], None]
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    tls: Path | None = None

    @contextmanager
    def open(self) -> Iterator["Site"]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.asked.append({name.lower(): value for name, value in self.headers.items()})
                self.close_connection = True
                site.answer(self, len(site.asked))

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.tls)
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{server.server_port}/a.mp4"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    """Sends an answer; a header that is given wins over the right one, `None` leaves it out."""
    handler.send_response(status)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in ({"Content-Length": str(len(body))} | given).items():
        if value is not None:
            handler.send_header(name, value)
    handler.end_headers()
    try:
        handler.wfile.write(body)
        handler.wfile.flush()
    except OSError:
        pass


def send_range(handler: BaseHTTPRequestHandler, content: bytes, etag: str, cut: int = 0) -> None:
    """Answers as a good server does, but for the last `cut` bytes."""
    asked = handler.headers.get("Range")
    start, _, last = (asked or "bytes=0-").removeprefix("bytes=").partition("-")
    first, end = int(start), int(last or len(content) - 1) + 1
    body = content[first:end]
    facts = {"ETag": etag, "Content_Length": str(len(body))}
    if asked:
        facts["Content_Range"] = f"bytes {first}-{end - 1}/{len(content)}"
    kept = body[: len(body) - cut]
    send(handler, 206 if asked else 200, kept, **{"Content-Length": str(len(body)), **facts})


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
