"""What is sent to the gallery: small, soon, a form or JSON, and read for nobody unknown."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from border_parts import app as app
from border_parts import house as house
from border_parts import reviewer as reviewer
from gallery_parts import FROM_HERE, Browser, Door, bearer, key_of, small_app
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gallery.access.bodies import LARGEST, MOST_FIELDS
from gallery.access.roles import Role, page

BODIES = [
    ("application/x-www-form-urlencoded", b"a=" + b"x" * LARGEST, 413),
    ("application/json", b"x" * (LARGEST + 1), 413),
    ("application/json", b"x" * LARGEST, 200),
    ("application/x-www-form-urlencoded", b"a=\xff", 400),
    ("application/x-www-form-urlencoded", b"a=%ff", 400),
    ("application/x-www-form-urlencoded", b"a=%ed%a0%80", 400),
    ("application/x-www-form-urlencoded", b"a=%00", 400),
    ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * (MOST_FIELDS + 1)), 400),
    ("application/x-www-form-urlencoded", b"a=%c3%bc&a=2&b", 200),
    ("application/x-www-form-urlencoded; charset=UTF-8", b"a=1", 200),
    ("application/x-www-form-urlencoded; charset=utf-7", b"a=1", 415),
    ("multipart/form-data; boundary=x", b"--x--", 415),
    ("text/plain", b"csrf_token=x", 415),
    ("", b"a=1", 415),
]


@pytest.mark.parametrize(("kind", "body", "status"), BODIES)
def test_bodies_are_forms_or_json_and_not_large(
    reviewer: Browser, kind: str, body: bytes, status: int
) -> None:
    headers = FROM_HERE | {"content-type": kind, "x-csrf-token": reviewer.csrf}
    answer = reviewer.post("/api/reviewer", content=body, headers=headers)
    assert answer.status_code == status

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(body), 10_000):
            yield body[at : at + 10_000]

    request = reviewer.build_request("POST", "/api/reviewer", content=pieces(), headers=headers)
    assert "content-length" not in request.headers
    assert reviewer.send(request).status_code == status


def test_a_form_comes_decoded_and_a_body_as_it_is(reviewer: Browser) -> None:
    got = reviewer.send_form("/reviewer", {"a": ["1", "ü &="], "empty": ""}).json()
    assert got["form"] == {"csrf_token": [reviewer.csrf], "a": ["1", "ü &="], "empty": [""]}
    headers = FROM_HERE | {"x-csrf-token": reviewer.csrf}
    got = reviewer.post("/api/reviewer", json={"a": "ü"}, headers=headers).json()
    assert (json.loads(got["body"].encode("latin-1")), got["form"]) == ({"a": "ü"}, {})


def test_a_handler_may_read_the_body_itself(house: Door) -> None:
    async def reads(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    app = small_app(house, page("/api/reads", reads, methods=("POST",), role=Role.VIEWER))
    with Browser(app) as program:
        answer = program.post("/api/reads", json=[1], headers=bearer(key_of(house, Role.VIEWER)))
        assert answer.json() == [1]


def test_nobodys_body_is_not_read(app: Any) -> None:
    def never() -> Iterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    with Browser(app) as browser:
        for path, headers in (
            ("/viewer", FROM_HERE),
            ("/api/viewer", bearer("gk_wrong")),
            ("/api/viewer", {"origin": "http://evil.example"}),
        ):
            request = browser.build_request("POST", path, content=never(), headers=headers)
            assert browser.send(request).status_code in (303, 401, 403)
