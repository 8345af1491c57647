"""The border of the gallery: under which name, from where, and what every answer says."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from border_parts import app as app
from border_parts import house as house
from border_parts import reviewer as reviewer
from gallery_parts import (
    FROM_HERE,
    Browser,
    Door,
    bearer,
    door,
    key_of,
    reason_of,
    signed_in,
    small_app,
)
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute

from gallery.access.headers import STRICT
from gallery.access.roles import Role, page
from supervisor_core.reasons import Failed
from supervisor_core.settings import Settings

GOOD = ["127.0.0.1", "127.0.0.1:3002", "localhost:80", "LOCALHOST", "[::1]", "[::1]:3002"]
BAD = [
    "", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.2",
    "localhost.", "localhost:", "localhost:x", "localhost:123456", "a@localhost", "localhost/",
    "localhost,evil.example", "[::2]", "::1", "[::1", "0.0.0.0", "127.1", "2130706433", "*",
    "localhost evil", "gallery.example:8080", "other.example:9999", "xgallery.example",
]  # fmt: skip


@pytest.mark.parametrize("host", GOOD)
def test_names_of_ours_are_answered(app: Any, host: str) -> None:
    with Browser(app) as browser:
        assert browser.get("/open", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", BAD)
def test_other_names_lead_nowhere(tmp_path: Path, host: str) -> None:
    hosts = "more.example, other.example:8443"
    with Browser(small_app(door(tmp_path, gallery_hosts=hosts))) as browser:
        for path in ("/open", "/sign-in", "/viewer", "/nosuch"):
            answer = browser.get(path, headers={"host": host})
            assert answer.status_code == 421
            assert "set-cookie" not in answer.headers
        assert browser.get("/open", headers={"host": "more.example:1"}).status_code == 200
        assert browser.get("/open", headers={"host": "other.example:8443"}).status_code == 200


def test_two_names_are_none(app: Any) -> None:
    with Browser(app) as browser:
        headers = [("host", "localhost"), ("host", "localhost")]
        assert browser.get("/open", headers=headers).status_code == 421


DEFAULT = "127.0.0.0/8, ::1"
ADDRESSES = [
    (DEFAULT, "127.0.0.1", True),
    (DEFAULT, "127.8.9.10", True),
    (DEFAULT, "::1", True),
    (DEFAULT, "::ffff:127.0.0.1", True),
    (DEFAULT, "::ffff:10.0.0.1", False),
    (DEFAULT, "10.0.0.1", False),
    (DEFAULT, "128.0.0.1", False),
    (DEFAULT, "::2", False),
    (DEFAULT, "fe80::1%eth0", False),
    (DEFAULT, "", False),
    (DEFAULT, "localhost", False),
    ("10.0.0.0/8, 2001:db8::/32", "10.255.0.1", True),
    ("10.0.0.0/8, 2001:db8::/32", "::ffff:10.255.0.1", True),
    ("10.0.0.0/8, 2001:db8::/32", "2001:db8:1::9", True),
    ("10.0.0.0/8, 2001:db8::/32", "2001:db9::1", False),
    ("10.0.0.0/8, 2001:db8::/32", "127.0.0.1", False),
    ("fe80::/10", "fe80::1%eth0", True),
]


@pytest.mark.parametrize(("allowed", "address", "answered"), ADDRESSES)
def test_only_addresses_on_the_list_are_answered(
    tmp_path: Path, allowed: str, address: str, answered: bool
) -> None:
    app = small_app(door(tmp_path, gallery_addresses=allowed))
    with Browser(app, address=address) as browser:
        for path in ("/open", "/sign-in"):
            told = {"x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1"}
            answer = browser.get(path, headers=told | {"x-real-ip": "127.0.0.1"})
            assert answer.status_code == (200 if answered else 403)


@pytest.mark.parametrize(
    "setting",
    [
        {"gallery_addresses": ""},
        {"gallery_addresses": " , "},
        {"gallery_addresses": "all"},
        {"gallery_addresses": "10.0.0.0/33"},
        {"gallery_hosts": "*"},
        {"gallery_hosts": "http://a.example"},
        {"gallery_hosts": "a.example/"},
        {"gallery_bind": "everywhere"},
        {"gallery_session_h": "0"},
        {"gallery_failures": "0"},
    ],
)
def test_settings_that_make_no_sense_are_named(
    setting: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ((name, value),) = setting.items()
    monkeypatch.setenv(f"SUPERVISOR_{name.upper()}", value)
    with pytest.raises(Failed) as caught:
        Settings.load()
    assert caught.value.facts == {"setting": name}


@pytest.mark.parametrize("own", Role)
@pytest.mark.parametrize("needed", Role)
def test_a_role_reaches_what_is_for_it_and_below(
    app: Any, house: Door, own: Role, needed: Role
) -> None:
    with signed_in(app, house, own) as browser:
        for method, (prefix, refused) in itertools.product(
            ("GET", "HEAD", "POST"), {"": 403, "/api": 403, "/files": 404}.items()
        ):
            headers = FROM_HERE | {"x-csrf-token": browser.csrf}
            answer = browser.request(method, f"{prefix}/{needed}", headers=headers)
            assert answer.status_code == (200 if own >= needed else refused)


def test_what_is_left_of_the_person(house: Door, reviewer: Browser) -> None:
    name, role, token = reviewer.get("/api/viewer").json()["person"]
    assert (name.partition("-")[0], role, token) == ("reviewer", "reviewer", reviewer.csrf)
    assert token not in str(reviewer.cookies)
    shown = reviewer.get("/api/viewer", headers=bearer(key_of(house, Role.ADMIN))).json()
    assert shown["person"][1:] == ["admin", ""]


def test_a_route_without_a_guard_answers_nobody(house: Door) -> None:
    def forgotten(_: Request) -> Response:
        return PlainTextResponse("secret")

    async def socket(websocket: Any) -> None:
        await websocket.accept()

    app = small_app(
        house,
        Route("/forgotten", forgotten),
        Mount("/mounted", routes=[Route("/inner", forgotten)]),
        WebSocketRoute("/socket", socket),
    )
    with signed_in(app, house, Role.ADMIN) as browser:
        for path in ("/forgotten", "/mounted/inner", "/forgotten/"):
            answer = browser.get(path)
            assert answer.status_code == 404
            assert "secret" not in answer.text


def test_every_answer_carries_the_strict_headers(house: Door) -> None:
    def breaks(_: Request) -> Response:
        raise ValueError("Erika Mustermann")

    def lax(_: Request) -> Response:
        own = {"Content-Security-Policy": "default-src *", "Cache-Control": "private, max-age=9"}
        return PlainTextResponse("x", headers=own | {"X-Frame-Options": "SAMEORIGIN"})

    app = small_app(
        house, page("/breaks", breaks, role=Role.VIEWER), page("/lax", lax, role=Role.VIEWER)
    )
    with signed_in(app, house, Role.REVIEWER) as browser, Browser(app) as nobody:
        answers = [
            browser.get("/viewer"),
            browser.get("/open"),
            browser.get("/lax"),
            browser.get("/breaks"),
            browser.get("/nosuch"),
            browser.get("/admin"),
            browser.get("/files/admin"),
            browser.head("/viewer"),
            browser.options("/viewer"),
            browser.post("/open"),
            browser.post("/viewer"),
            browser.get("/viewer", headers={"host": "evil.example"}),
            browser.get("/a\\b"),
            browser.post("/viewer", content=b"x", headers=FROM_HERE | {"content-type": "a/b"}),
            nobody.get("/viewer"),
            nobody.get("/api/viewer"),
            nobody.get("/sign-in"),
            nobody.sign_in("gk_wrong"),
            Browser(app, address="10.0.0.1").get("/open"),
        ]
    statuses = [answer.status_code for answer in answers]
    assert {200, 303, 400, 401, 403, 404, 405, 415, 421, 500} == set(statuses)
    for answer in answers:
        for name, value in STRICT.items():
            assert answer.headers.get_list(name) == [value], (answer.url, name)
        kept = "private, max-age=9" if answer.url.path == "/lax" else "no-store"
        assert answer.headers["cache-control"] == kept
        assert "erika" not in answer.text.lower()


def test_the_policy_loads_nothing_from_elsewhere_and_keeps_origins() -> None:
    policy = STRICT["Content-Security-Policy"]
    assert policy == (
        "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'; script-src 'self';"
        " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert STRICT["Referrer-Policy"] == "same-origin"


def test_what_breaks_is_told_without_its_text(
    house: Door, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(_: Request) -> Response:
        raise ValueError("Erika Mustermann")

    app = small_app(house, page("/api/breaks", breaks, role=Role.VIEWER))
    with signed_in(app, house, Role.VIEWER) as browser:
        answer = browser.get("/api/breaks")
    assert (answer.status_code, reason_of(answer)) == (500, "INTERNAL_ERROR")
    assert "Erika" not in caplog.text
    assert all(record.exc_info is None for record in caplog.records)
