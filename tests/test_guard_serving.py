"""The guard over real connections: slow, huge, broken and hostile ones, and those it is for."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from supervisor_assets.guard.asgi import Guard, Limits
from supervisor_assets.guard.rules import Rules
from supervisor_core import serving

TOKEN = "a token of some length"
SOON_S = 10.0
LIMITS = Limits(body_bytes=1000, body_s=0.5, idle_s=0.5, sockets=2)


async def echo(request: Request) -> Response:
    """What has come through."""
    body = (await request.body()).decode()
    return JSONResponse({"headers": dict(request.headers), "body": body})


async def large(_: Request) -> Response:
    """More than any buffer on the way holds."""
    return StreamingResponse(b"a" * 65536 for _ in range(500))


@dataclass
class Streamed:
    """A streamed answer whose second half waits until somebody has read the first."""

    read: threading.Event

    async def answer(self, _: Request) -> Response:
        def halves() -> Iterator[bytes]:
            yield b"first "
            assert self.read.wait(SOON_S)
            yield b"second"

        return StreamingResponse(halves())


async def talk(websocket: WebSocket) -> None:
    """Answers each message with itself."""
    await websocket.accept()
    async for message in websocket.iter_text():
        await websocket.send_text(message)


@dataclass(frozen=True)
class Site:
    """A small application behind the guard, on a port of this machine."""

    port: int
    streamed: Streamed

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    def raw(self, *parts: bytes, limit_s: float = SOON_S) -> bytes:
        """All that comes back for these bytes until the connection is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=limit_s) as connection:
            for part in parts:
                connection.sendall(part)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        return answer

    def talk(self, origin: str | None = None, **more: str) -> ClientConnection:
        address = f"ws://{self.host}/graphql"
        return connect(address, origin=origin or self.origin, additional_headers=more)  # type: ignore[arg-type]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Site]]:
    """Starts sites that end with the test."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []
    monkeypatch.setattr(serving.PatientProtocol, "head_s", 0.5)
    begin = uvicorn.Server.__init__

    def remember(server: uvicorn.Server, config: uvicorn.Config) -> None:
        begin(server, config)
        servers.append((server, threading.current_thread()))

    monkeypatch.setattr(uvicorn.Server, "__init__", remember)

    def start(limits: Limits = LIMITS, token: str = "") -> Site:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        streamed = Streamed(threading.Event())
        routes = [
            Route("/streamed", streamed.answer),
            Route("/large", large),
            Route("/{path:path}", echo, methods=["GET", "POST"]),
            WebSocketRoute("/graphql", talk),
        ]
        guard = Guard(Starlette(routes=routes), Rules(port, token=token), limits)
        threading.Thread(target=serving.serve, args=(guard, listener), daemon=True).start()
        return Site(port, streamed)

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join(SOON_S)
        assert not thread.is_alive()


@pytest.fixture
def site(serve: Callable[..., Site]) -> Site:
    return serve()


def test_what_is_allowed_comes_through_without_what_others_may_have_made_up(site: Site) -> None:
    made_up = {
        "X-Forwarded-For": "10.0.0.1",
        "x-forwarded-host": "evil.example",
        "Forwarded": "for=10.0.0.1",
        "X-Real-IP": "10.0.0.1",
        "Authorization": "Bearer something",
        "Cookie": "a=b",
        "X-Own": "kept",
    }
    answer = httpx.post(
        f"{site.origin}/a", json={"a": 1}, headers={**made_up, "Origin": site.origin}
    )
    seen = answer.json()
    assert (answer.status_code, json.loads(seen["body"])) == (200, {"a": 1})
    assert seen["headers"]["x-own"] == "kept"
    assert not {name.lower() for name in made_up} - {"x-own"} & seen["headers"].keys()
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in answer.headers


def test_a_streamed_answer_comes_as_it_is_made(site: Site) -> None:
    with httpx.stream("GET", f"{site.origin}/streamed", timeout=SOON_S) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == b"first "
        site.streamed.read.set()
        assert b"".join(pieces) == b"second"


def head(site: Site, line: str = "GET / HTTP/1.1", *more: str) -> bytes:
    lines = [line, f"Host: {site.host}", "Connection: close", *more, "", ""]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: b"]
)
def test_a_head_that_never_ends_is_not_waited_for_and_holds_up_nobody(
    site: Site, begun: bytes
) -> None:
    slow = [socket.create_connection(("127.0.0.1", site.port), timeout=SOON_S) for _ in range(50)]
    for one in slow:
        one.sendall(begun)
    assert httpx.get(f"{site.origin}/").status_code == 200
    assert [one.recv(1) for one in slow] == [b""] * len(slow)
    for one in slow:
        one.close()


def test_who_does_not_read_the_answer_holds_up_nobody(site: Site) -> None:
    slow = [socket.create_connection(("127.0.0.1", site.port), timeout=SOON_S) for _ in range(20)]
    for one in slow:
        one.sendall(head(site, "GET /large HTTP/1.1"))
        assert one.recv(1) == b"H"
    assert httpx.get(f"{site.origin}/").status_code == 200
    assert len(httpx.get(f"{site.origin}/large").content) == 500 * 65536
    for one in slow:
        one.close()


def test_a_second_head_that_never_ends_is_not_waited_for_either(site: Site) -> None:
    whole = f"GET / HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode()
    assert site.raw(whole, b"GET /again HTT").count(b"HTTP/1.1") == 1


def test_a_body_that_never_ends_is_not_waited_for(site: Site) -> None:
    more = [f"Origin: {site.origin}", "Content-Type: application/json", "Content-Length: 10"]
    answer = site.raw(head(site, "POST / HTTP/1.1", *more), b"{")
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("length", ["Content-Length: 1001", "Transfer-Encoding: chunked"])
def test_a_body_has_a_largest_size(site: Site, length: str) -> None:
    more = [f"Origin: {site.origin}", "Content-Type: application/json", length]
    body = b"3e9\r\n" + b"1" * 1001 + b"\r\n0\r\n\r\n" if "chunked" in length else b"1" * 1001
    assert site.raw(head(site, "POST / HTTP/1.1", *more), body).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: {host}\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", (400, 431)),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\n" + b"X: a\r\n" * 200 + b"\r\n", (431,)),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: {host}\r\n\r\n", (400, 431)),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n", (400, 421)),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\n evil.example\r\n\r\n", (400, 421)),
        (b"GET / HTTP/1.0\r\n\r\n", (421,)),
        (b"GET / HTTP/1.1\r\n\r\n", (400,)),
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: {host}\r\n\r\n", (400,)),
        (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: {host}\r\n\r\n", (400, 405)),
        (b"GET /a%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: {host}\r\n\r\n", (400,)),
        (b"GET / HTTP/1.1\r\nHost: {host}\rX-A: b\r\n\r\n", (400,)),
        (b"GET / HTTP/1.1\nHost: evil.example\n\n", (400, 421)),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", (421,)),
        (b"OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n", (400, 405)),
        (
            b"POST / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
            b"Content-Type: application/json\r\nContent-Length: 2\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            (400,),
        ),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (400,)),
        (b"GET /a?token=" + b"a" * 33_000 + b" HTTP/1.1\r\nHost: {host}\r\n\r\n", (431,)),
    ],
)  # fmt: skip
def test_broken_and_hostile_requests_are_refused(
    site: Site, sent: bytes, status: tuple[int, ...]
) -> None:
    answer = site.raw(sent.replace(b"{host}", site.host.encode()))
    assert int(answer.split(b" ")[1]) in status
    assert b"evil" not in answer.partition(b"\r\n\r\n")[2]
    assert b"set-cookie" not in answer.lower()


def test_a_refused_body_is_not_taken_for_the_next_request(site: Site) -> None:
    inner = head(site, "GET /inner HTTP/1.1")
    more = ["Content-Type: text/plain", f"Content-Length: {len(inner)}"]
    sent = head(site, "POST / HTTP/1.1", f"Origin: {site.origin}", *more).replace(
        b": close", b": a"
    )
    assert site.raw(sent + inner).count(b"HTTP/1.1 ") == 1


def test_a_websocket_talks_until_nothing_is_said_any_more(site: Site) -> None:
    with site.talk() as websocket:
        for number in range(3):
            websocket.send(str(number))
            assert websocket.recv(SOON_S) == str(number)
        with pytest.raises(ConnectionClosed) as caught:
            websocket.recv(SOON_S)
    assert caught.value.rcvd
    assert caught.value.rcvd.code == 1001


def refused(opened: Callable[[], ClientConnection]) -> int:
    with pytest.raises(InvalidStatus) as caught:
        opened()
    return caught.value.response.status_code


def test_a_websocket_of_another_site_is_refused(site: Site) -> None:
    for origin in ["http://evil.example", "null", f"http://127.0.0.1:{site.port + 1}"]:
        assert refused(lambda origin=origin: site.talk(origin)) == 403  # type: ignore[misc]
    assert refused(lambda: connect(f"ws://{site.host}/graphql")) == 403
    assert refused(lambda: connect(f"ws://{site.host}/a", origin=site.origin)) == 403  # type: ignore[arg-type]


def test_there_is_an_end_to_how_many_websockets_are_open(serve: Callable[..., Site]) -> None:
    site = serve(Limits(sockets=2, idle_s=60.0))
    with site.talk():
        with site.talk():
            assert refused(site.talk) == 403
        with site.talk() as third:
            third.send("a")
            assert third.recv(SOON_S) == "a"


def test_a_message_has_a_largest_size(site: Site) -> None:
    with site.talk() as websocket:
        websocket.send("a" * (serving.LARGEST_SOCKET_MESSAGE + 1))
        with pytest.raises(ConnectionClosed):
            websocket.recv(SOON_S)


def test_a_token_is_given_once_and_is_gone_from_the_address(serve: Callable[..., Site]) -> None:
    site = serve(token=TOKEN)
    with httpx.Client(base_url=site.origin) as browser:
        assert browser.get("/runs").status_code == 401
        assert browser.get("/runs", params={"token": f"{TOKEN}."}).status_code == 401
        welcomed = browser.get("/runs", params={"a": "b c", "token": TOKEN})
        assert (welcomed.status_code, welcomed.headers["location"]) == (303, "/runs?a=b+c")
        assert TOKEN not in str(welcomed.headers)
        assert {"HttpOnly", "SameSite=Lax"} <= set(welcomed.headers["set-cookie"].split("; "))
        seen = browser.get(welcomed.headers["location"])
        assert seen.status_code == 200
        assert "cookie" not in seen.json()["headers"]
        cookie = "; ".join(f"{one.name}={one.value}" for one in browser.cookies.jar)
    with site.talk(cookie=cookie) as websocket:
        websocket.send("a")
        assert websocket.recv(SOON_S) == "a"
    assert refused(site.talk) == 403


def test_a_welcome_leads_to_this_server_only(serve: Callable[..., Site]) -> None:
    site = serve(token=TOKEN)
    for path in ["//evil.example/", "///evil.example", "/\\evil.example", "/http://evil.example"]:
        address = f"{site.origin}{quote(path, safe='/')}?token={quote(TOKEN)}"
        place = httpx.get(address).headers["location"]
        assert place.startswith("/")
        assert not place.startswith(("//", "/\\"))
