"""Keys, browsers and small applications for tests of the gallery."""

import asyncio
import atexit
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

import httpx
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gallery import errors
from gallery.access import csrf
from gallery.access.keys import Keys
from gallery.access.middleware import guards
from gallery.access.roles import Role, page
from gallery.access.sessions import Sessions
from gallery.pages import signing_in
from supervisor_core.home import Home
from supervisor_core.reasons import Failed
from supervisor_core.settings import Settings

HERE = "http://127.0.0.1:3002"
FROM_HERE = {"Origin": HERE}
_TOKEN = re.compile(r'name="csrf_token" value="([0-9a-f]{64})"')


@dataclass
class Door:
    """As much of a house as the border needs, for applications that have no store."""

    home: Home
    settings: Settings
    keys: Keys = field(init=False)
    sessions: Sessions = field(init=False)

    def __post_init__(self) -> None:
        self.keys = Keys(self.home)
        self.sessions = Sessions(self.home, self.keys, self.settings)


def door(folder: Path, **settings: Any) -> Door:
    """A home with its first key."""
    made = Door(Home.create(folder), Settings(home=folder, **settings))
    made.keys.begin()
    return made


def echo(request: Request) -> Response:
    """Says what the guard has left of a request."""
    person = request.state.person
    return JSONResponse(
        {
            "person": person and [person.name, str(person.role), person.csrf],
            "form": request.state.form,
            "body": request.state.body.decode("latin-1"),
        }
    )


def small_app(house: Any, *more: Route) -> Starlette:
    """An application of three kinds of routes for each role, and the sign-in."""
    routes = [
        page("/sign-in", signing_in.show, role=None),
        page("/sign-in", signing_in.sign_in, methods=("POST",), role=None),
        page("/sign-out", signing_in.sign_out, methods=("POST",), role=Role.VIEWER),
        page("/open", lambda _: PlainTextResponse("open"), role=None),
        *more,
    ]
    for role in Role:
        for prefix in ("", "/api", "/files"):
            methods = ("GET", "POST", "PUT", "PATCH", "DELETE")
            routes.append(page(f"{prefix}/{role}", echo, methods=methods, role=role))
    app = Starlette(
        routes=routes,
        middleware=guards(house),
        exception_handlers={
            Failed: errors.on_failed,
            errors.Refusal: errors.on_refusal,
            HTTPException: errors.on_http,
        },
    )
    app.state.house = None
    return app


class _Pieces(httpx.AsyncByteStream):
    """A body as it is sent, piece by piece."""

    def __init__(self, pieces: httpx.SyncByteStream) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class _Loop(httpx.BaseTransport):
    """Calls an application in this thread; all of them share one event loop."""

    runner = asyncio.Runner()
    atexit.register(runner.close)

    def __init__(self, app: Any, address: str) -> None:
        self._transport = httpx.ASGITransport(app, client=(address, 50_000))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.runner.run(self._ask(request))

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        request.stream = _Pieces(request.stream)
        answer = await self._transport.handle_async_request(request)
        content = await answer.aread()
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)


class Browser(httpx.Client):
    """A browser as far as the server can tell: cookies, and an origin with what it sends."""

    def __init__(self, app: Any, *, address: str = "127.0.0.1", at: str = HERE) -> None:
        super().__init__(transport=_Loop(app, address), base_url=at)

    csrf = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """There is no connection to close."""

    def send_form(self, path: str, form: Mapping[str, Any] | None = None) -> httpx.Response:
        """Sends a form of one of our pages."""
        data = {"csrf_token": self.csrf, **(form or {})}
        return self.post(path, data=data, headers={"Origin": str(self.base_url).rstrip("/")})

    def token_on(self, path: str) -> str:
        """The token in the forms of a page."""
        found = _TOKEN.search(self.get(path).text)
        assert found is not None
        return found[1]

    def sign_in(self, key: str, place: str = "/") -> httpx.Response:
        """Signs in by the form."""
        self.csrf = self.token_on("/sign-in")
        return self.send_form("/sign-in", {"key": key, "next": place})


@dataclass(frozen=True)
class Answer:
    """What came back for a request that no client has tidied up."""

    status: int
    headers: Headers
    body: bytes


def ask(
    app: Any, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Answer:
    """Asks for an address exactly as it is written, as a server would pass it on."""
    raw, _, words = target.encode("latin-1").partition(b"?")
    sent = {"host": "127.0.0.1:3002", **(headers or {})}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": unquote(raw.decode("latin-1")),
        "raw_path": raw,
        "query_string": words,
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 3002),
        "root_path": "",
    }
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    _Loop.runner.run(app(scope, receive, send))
    content = b"".join(one.get("body", b"") for one in messages[1:])
    return Answer(messages[0]["status"], Headers(raw=messages[0]["headers"]), content)


def shown_by(browser: Browser) -> dict[str, str]:
    """The headers by which a browser is known, with the token of its session."""
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    return {"cookie": cookies, "x-csrf-token": browser.csrf, **FROM_HERE}


def key_of(house: Any, role: Role) -> str:
    """A new key of this role."""
    return str(house.keys.add(f"{role}-{secrets.token_hex(4)}", role))


def signed_in(app: Any, house: Any, role: Role) -> Browser:
    """A browser in which a person of this role is signed in; `csrf` is the token for its forms."""
    browser, key = Browser(app), key_of(house, role)
    assert browser.sign_in(key).status_code == 303
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    session, _ = house.sessions.read(cookies)
    browser.csrf = csrf.token(house.keys.secret, session.id)
    return browser


def bearer(key: str) -> dict[str, str]:
    """What a program sends with every request."""
    return {"Authorization": f"Bearer {key}"}


def reason_of(answer: httpx.Response) -> str:
    """The reason of an answer in the one shape of errors."""
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert set(error) == {"status", "reason", "sentence", "next_step", "facts"}
    assert error["status"] == answer.status_code
    return str(error["reason"])
