"""The gallery on a real connection, where every byte is as somebody sends it."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gallery.access.headers import STRICT

PROCESS = Path(__file__).with_name("gallery_process.py")
LIMIT_S = 20.0
FORM = "Content-Type: application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Server:
    port: int
    key: str

    def exchange(self, *lines: str, body: bytes = b"", keep: bool = False) -> bytes:
        """Sends lines and a body as they are; returns all that comes until the server hangs up."""
        last = [] if keep else ["Connection: close"]
        head = "\r\n".join([*lines, *last, "", ""]).encode("latin-1")
        with socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_S) as connection:
            connection.sendall(head + body)
            return _all(connection)

    def status(self, *lines: str, body: bytes = b"", keep: bool = False) -> int:
        return int(self.exchange(*lines, body=body, keep=keep).split(b" ", 2)[1])

    @property
    def host(self) -> str:
        return f"Host: 127.0.0.1:{self.port}"

    @property
    def bearer(self) -> str:
        return f"Authorization: Bearer {self.key}"


def _all(connection: socket.socket) -> bytes:
    got = b""
    while piece := connection.recv(65536):
        got += piece
    return got


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        descriptor = listener.fileno()
        command = [sys.executable, str(PROCESS), str(home), str(descriptor)]
        process = subprocess.Popen(command, pass_fds=[descriptor])
        port = listener.getsockname()[1]
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            # The socket listens from the beginning; the answer comes once it is served.
            connection.sendall(
                b"GET /open HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            assert b"200 OK" in _all(connection)
        yield Server(port, (home / "viewer.key").read_text())
    finally:
        process.terminate()
        assert process.wait(30) in (0, -signal.SIGTERM)


HEADS = [
    (("GET /open HTTP/1.1",), 400),  # no Host
    (("GET /open HTTP/1.0",), 421),
    (("GET /open HTTP/1.1", "Host: evil.example"), 421),
    (("GET /open HTTP/1.1", "Host: localhost", "Host: localhost"), 400),
    (("GET /open HTTP/1.1", "Host: "), 421),
    (("GET http://127.0.0.1/open HTTP/1.1", "Host: localhost"), 400),
    (("GET //evil.example/ HTTP/1.1", "Host: localhost"), 404),
    (("GET /op%65n HTTP/1.1", "Host: localhost"), 200),
    (("GET /open%00 HTTP/1.1", "Host: localhost"), 400),
    (("GET /%5c%5cevil HTTP/1.1", "Host: localhost"), 400),
    (("GET /%0d%0aX:%20y HTTP/1.1", "Host: localhost"), 400),
    (("GET /%ff%fe HTTP/1.1", "Host: localhost"), 404),
    (("GET /open HTTP/1.1", "Host: localhost", "X-Forwarded-For: 10.0.0.9"), 200),
    (("GET /open HTTP/1.1", "Host: localhost", "Forwarded: for=10.0.0.9;host=evil.example"), 200),
    (("GET /open HTTP/1.1", "Host: localhost", "X-Forwarded-Host: evil.example"), 200),
    (("GET /viewer HTTP/1.1", "Host: localhost", "Cookie: \xff=\xfe; ;;=;gallery_=x"), 303),
    (("GET /open HTTP/1.1", "Host: localhost", "X: " + "x" * 40_000), 431),
    (("GET /open?" + "x" * 9_000 + " HTTP/1.1", "Host: localhost"), 414),
    (("GET /open HTTP/1.1", "Host: localhost", *["X: y"] * 120), 431),
    (("TRACE /open HTTP/1.1", "Host: localhost"), 405),
    (("OPTIONS /open HTTP/1.1", "Host: localhost"), 405),
    (("CONNECT localhost:1 HTTP/1.1", "Host: localhost"), 400),
    (("PROPFIND /viewer HTTP/1.1", "Host: localhost"), 405),
]


@pytest.mark.parametrize(("lines", "status"), HEADS)
def test_heads(server: Server, lines: tuple[str, ...], status: int) -> None:
    assert server.status(*lines) == status


def test_every_refusal_is_as_strict_as_any_answer(server: Server) -> None:
    for lines in (
        ("GET /open HTTP/1.1", "Host: localhost"),
        ("GET /open HTTP/1.1", "Host: evil.example"),
        ("GET /nosuch HTTP/1.1", "Host: localhost"),
        ("GET /open%00 HTTP/1.1", "Host: localhost"),
        ("POST /viewer HTTP/1.1", "Host: localhost"),
    ):
        head = server.exchange(*lines).partition(b"\r\n\r\n")[0].decode().lower()
        assert all(f"\r\n{name}: {value}".lower() in head for name, value in STRICT.items())
        assert "\r\nserver:" not in head


@pytest.mark.parametrize(
    "place", ["/x%0d%0aSet-Cookie:%20a=b", "/x%0aLocation:%20//evil", "//evil.example", "/%5cevil"]
)
def test_no_line_gets_into_a_head(server: Server, place: str) -> None:
    answer = server.exchange(f"GET /viewer?next={place} HTTP/1.1", server.host)
    head = answer.partition(b"\r\n\r\n")[0]
    assert b" 303 " in head.splitlines()[0]
    assert not [line for line in head.splitlines() if line.lower().startswith(b"set-cookie: a")]
    assert head.lower().count(b"\r\nlocation: ") == 1
    assert b"\r\nlocation: /sign-in?next=%2Fviewer" in head


def test_a_websocket_is_refused(server: Server) -> None:
    for path in ("/open", "/viewer", "/api/viewer"):
        status = server.status(
            f"GET {path} HTTP/1.1",
            server.host,
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            server.bearer,
            "Connection: Upgrade",
            keep=True,
        )
        assert status == 403


def test_a_body_that_does_not_come_is_not_waited_for(server: Server) -> None:
    began_s = time.monotonic()
    lines = ("POST /api/viewer HTTP/1.1", server.host, server.bearer, FORM)
    for size, body in (
        ("Content-Length: 100", b"a=1"),
        ("Transfer-Encoding: chunked", b"3\r\na=1"),
    ):
        answer = server.exchange(*lines, size, body=body, keep=True)
        assert b" 408 " in answer.splitlines()[0]
        assert b"REQUEST_TOO_SLOW" in answer
    assert time.monotonic() - began_s < LIMIT_S


def test_a_body_that_trickles_is_not_waited_for(server: Server) -> None:
    head = "\r\n".join(
        ["POST /api/viewer HTTP/1.1", server.host, server.bearer, FORM, "Content-Length: 999999"]
    )
    head = head.replace("999999", "99999") + "\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=0.05) as connection:
        connection.sendall(head.encode())
        until_s, got = time.monotonic() + LIMIT_S, b""
        while not got and time.monotonic() < until_s:
            connection.sendall(b"x")
            try:
                got = connection.recv(65536)
            except TimeoutError:
                continue
    assert got.startswith(b"HTTP/1.1 408 ")


def test_a_large_body_is_not_read_to_its_end(server: Server) -> None:
    lines = ("POST /api/viewer HTTP/1.1", server.host, server.bearer, FORM)
    told = server.exchange(*lines, "Content-Length: 99999999999", keep=True)
    assert b" 413 " in told.splitlines()[0]
    with socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S) as connection:
        head = "\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""])
        connection.sendall(head.encode())
        chunk, sent = b"10000\r\n" + b"a" * 65536 + b"\r\n", 0
        with pytest.raises(OSError, match=r"reset|pipe"):  # noqa: PT012 - it ends in the midst
            while sent < 100 * 1024**2:
                connection.sendall(chunk)
                sent += len(chunk)
    assert sent < 100 * 1024**2


BODIES = [
    (("Transfer-Encoding: chunked",), b"zz\r\n", 400),
    (("Transfer-Encoding: chunked",), b"3\r\na=1\r\n0\r\n\r\n", 200),
    (("Content-Length: 3", "Content-Length: 4"), b"a=1", 400),
    (("Content-Length: -1",), b"", 400),
    (("Content-Length: 1e3",), b"", 400),
    (("Content-Length: 3", "Transfer-Encoding: chunked"), b"3\r\na=1\r\n0\r\n\r\n", 400),
    (("Transfer-Encoding: gzip, chunked",), b"", 400),
    (("Content-Length: 6",), b"a=\xff\xfe\x00\x01", 400),
]


@pytest.mark.parametrize(("headers", "body", "status"), BODIES)
def test_bodies(server: Server, headers: tuple[str, ...], body: bytes, status: int) -> None:
    lines = ("POST /api/viewer HTTP/1.1", server.host, server.bearer, FORM)
    assert server.status(*lines, *headers, body=body) == status


def test_what_was_not_read_is_not_the_next_request(server: Server) -> None:
    hidden = f"GET /api/viewer HTTP/1.1\r\n{server.host}\r\n{server.bearer}\r\n\r\n".encode()
    for lines in (
        ("POST /viewer HTTP/1.1", server.host, FORM),
        ("POST /viewer HTTP/1.1", "Host: evil.example", FORM),
        ("POST /nosuch HTTP/1.1", server.host, FORM),
    ):
        answer = server.exchange(*lines, f"Content-Length: {len(hidden)}", body=hidden)
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b'"person"' not in answer
