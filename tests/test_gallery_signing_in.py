"""Signing in: where it leads, what it leaves behind, and how often one may guess."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from border_parts import app as app
from border_parts import house as house
from border_parts import reviewer as reviewer
from gallery_parts import (
    FROM_HERE,
    HERE,
    Browser,
    Door,
    bearer,
    door,
    key_of,
    reason_of,
    signed_in,
    small_app,
)
from hypothesis import example, given
from hypothesis import strategies as st

from gallery.access.limits import WrongKeys
from gallery.access.places import local, sign_in_for
from gallery.access.roles import Role
from supervisor_core.reasons import Reason


def test_pages_lead_to_the_sign_in_and_back(app: Any, house: Door) -> None:
    with Browser(app) as browser:
        answer = browser.get("/viewer?a=%26&b=%20")
        assert answer.status_code == 303
        place = answer.headers["location"]
        assert place == "/sign-in?next=%2Fviewer%3Fa%3D%2526%26b%3D%2520"
        assert 'name="next" value="/viewer?a=%26&amp;b=%20"' in browser.get(place).text
        answer = browser.sign_in(key_of(house, Role.VIEWER), "/viewer?a=%26&b=%20")
        assert answer.headers["location"] == "/viewer?a=%26&b=%20"
        assert browser.get("/viewer").status_code == 200
        assert browser.get("/sign-in?next=/viewer").headers["location"] == "/viewer"


def test_programs_and_files_get_no_page(app: Any) -> None:
    with Browser(app) as browser:
        assert reason_of(browser.get("/api/viewer")) == "SIGN_IN_NEEDED"
        answer = browser.get("/files/viewer")
        assert (answer.status_code, answer.headers["content-type"][:10]) == (401, "text/plain")
        part = browser.get(
            "/viewer", headers={"hx-request": "true", "hx-current-url": f"{HERE}/x?y"}
        )
        assert (part.status_code, part.headers["hx-redirect"]) == (401, "/sign-in?next=%2Fx%3Fy")


def test_a_wrong_key_is_said_in_words(app: Any) -> None:
    with Browser(app) as browser:
        answer = browser.sign_in("gk_wrong", "/viewer")
        assert answer.status_code == 401
        assert Reason.KEY_NOT_KNOWN.sentence in answer.text
        assert 'aria-describedby="wrong hint"' in answer.text
        assert 'name="next" value="/viewer"' in answer.text
        assert "gk_wrong" not in answer.text
        assert browser.get("/viewer").status_code == 303


def test_who_came_in_and_who_was_turned_away_is_in_the_log(app: Any, house: Door) -> None:
    key = key_of(house, Role.VIEWER)
    with Browser(app) as browser:
        browser.sign_in("gk_wrong")
        browser.get("/api/viewer", headers=bearer("gk_other"))
        browser.sign_in(key)
        browser.get("/api/viewer", headers=bearer(key))
    text = (house.home.logs / "supervisor.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["event"] for line in lines] == ["wrong_key", "wrong_key", "signed_in"]
    assert {line["address"] for line in lines} == {"127.0.0.1"}
    assert lines[-1]["who"].startswith("gallery:viewer-")
    assert len((house.home.logs / "errors.jsonl").read_text().splitlines()) == 2
    assert not any(secret in text for secret in (key, "gk_wrong", "gk_other"))


def test_signing_in_begins_a_new_session(app: Any, house: Door) -> None:
    key = key_of(house, Role.VIEWER)
    with Browser(app) as browser:
        browser.get("/sign-in")
        before = dict(browser.cookies)
        browser.sign_in(key)
        assert house.sessions.cookie_name not in before
        assert house.sessions.cookie_name in browser.cookies


def test_the_form_of_the_sign_in_is_bound_to_one_browser(app: Any, house: Door) -> None:
    key = key_of(house, Role.VIEWER)
    with Browser(app) as attacker, Browser(app) as victim:
        token = attacker.token_on("/sign-in")
        for browser in (victim, Browser(app)):
            answer = browser.post(
                "/sign-in", data={"csrf_token": token, "key": key}, headers=FROM_HERE
            )
            assert answer.status_code == 403
            assert house.sessions.cookie_name not in browser.cookies
            browser.get("/sign-in")


def test_a_link_from_another_site_does_not_sign_out(reviewer: Browser) -> None:
    kept = dict(reviewer.cookies)
    with Browser(reviewer._transport._transport.app) as without:  # as Strict has it
        answer = without.get("/sign-in?next=/viewer", headers={"sec-fetch-site": "cross-site"})
    assert "set-cookie" not in answer.headers
    assert 'content="0;url=/sign-in?next=%2Fviewer"' in answer.text
    assert dict(reviewer.cookies) == kept


def test_signing_out_ends_the_session_everywhere(app: Any, house: Door, reviewer: Browser) -> None:
    cookie = f"{house.sessions.cookie_name}={reviewer.cookies[house.sessions.cookie_name]}"
    answer = reviewer.send_form("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert answer.headers["clear-site-data"] == '"cache"'
    assert house.sessions.cookie_name not in reviewer.cookies
    with Browser(app) as copy:
        assert copy.get("/viewer", headers={"cookie": cookie}).status_code == 303


def test_removing_a_key_ends_a_session_with_the_next_request(app: Any, house: Door) -> None:
    key = house.keys.add("erika", Role.ADMIN)
    with Browser(app) as browser:
        browser.sign_in(key)
        assert browser.get("/admin").status_code == 200
        house.keys.remove("erika")
        assert browser.get("/admin").status_code == 303
        assert browser.get("/api/admin", headers=bearer(key)).status_code == 401


def test_a_key_is_no_use_on_pages_and_beside_a_session(house: Door, reviewer: Browser) -> None:
    admin = bearer(key_of(house, Role.ADMIN))
    assert reviewer.get("/admin", headers=admin).status_code == 403
    assert reviewer.get("/api/admin", headers=admin).status_code == 200
    assert reviewer.get("/api/reviewer", headers=bearer("gk_wrong")).status_code == 401


@pytest.mark.parametrize("value", ["Basic eDp5", "Bearer", "Token x", "gk_x", ""])
def test_what_is_no_bearer_is_refused(reviewer: Browser, value: str) -> None:
    answer = reviewer.get("/api/viewer", headers={"authorization": value})
    assert answer.status_code in (400, 401)


def test_a_file_of_keys_that_can_not_be_used_lets_nobody_in(app: Any, house: Door) -> None:
    with signed_in(app, house, Role.ADMIN) as browser:
        house.keys.file.path.chmod(0o644)
        for path in ("/viewer", "/api/viewer", "/sign-in"):
            assert browser.get(path).status_code == 503
        assert browser.get("/open").status_code == 200


ELSEWHERE = [
    "//evil.example", "///evil.example", "http://evil.example", "https:evil.example",
    "/\\evil.example",
    "\\\\evil.example", "/\t/evil.example", "/\n/evil.example", "\t//evil.example",
    " //evil.example",
    "javascript:alert(1)", "data:text/html,x", "evil.example", "", "@evil.example", "?x", "#x",
    "/\\/evil.example", "//\\evil.example", "/\x00/evil.example", "\u3000//evil.example", "//[::1",
    "/x\r\nSet-Cookie: a=b", "/" + "x" * 3000, "/sign-out", "/sign-in?next=//evil.example",
    "/ /evil.example", "/\u2028/evil.example", "/\x85/evil.example", "http:/evil.example",
]  # fmt: skip


@pytest.mark.parametrize("place", ELSEWHERE)
def test_no_sign_in_leads_elsewhere(app: Any, house: Door, place: str) -> None:
    with Browser(app) as browser:
        form = browser.get("/sign-in", params={"next": place})
        assert 'name="next" value="/"' in form.text
        signed = browser.sign_in(key_of(house, Role.VIEWER), place)
        if "\0" in place:  # no form holds that
            assert signed.status_code == 400
            return
        assert signed.headers["location"] == "/"
        assert browser.get("/sign-in", params={"next": place}).headers["location"] == "/"


@given(st.text(max_size=40))
@example("/%2f/evil.example")
@example("/.//evil.example")
@example("/items?x=//evil.example#//y")
def test_every_place_stays_here(text: str) -> None:
    for begun in (text, f"/{text}"):
        joined = httpx.URL(HERE).join(local(begun))
        assert (joined.scheme, joined.host, joined.port) == ("http", "127.0.0.1", 3002)
        assert local(begun) in (begun, "/")
        assert sign_in_for(begun).isascii()


def test_an_address_waits_after_wrong_keys_and_who_is_in_goes_on(
    app: Any, house: Door, reviewer: Browser
) -> None:
    right = key_of(house, Role.VIEWER)
    with Browser(app) as browser:
        for _ in range(3):
            assert browser.sign_in("gk_wrong").status_code == 401
        answer = browser.sign_in(right)
        assert answer.status_code == 429
        assert 55 <= int(answer.headers["retry-after"]) <= 60
        assert f"Wait {answer.headers['retry-after']} seconds" in answer.text
        refused = browser.get("/api/viewer", headers=bearer(right))
        assert (refused.status_code, reason_of(refused)) == (429, "TOO_MANY_WRONG_KEYS")
    assert reviewer.get("/viewer").status_code == 200
    with Browser(app, address="127.0.0.2") as elsewhere:
        assert elsewhere.get("/api/viewer", headers=bearer(right)).status_code == 200


def test_right_keys_are_not_counted(app: Any, house: Door) -> None:
    right = bearer(key_of(house, Role.VIEWER))
    with Browser(app) as program:
        assert {program.get("/api/viewer", headers=right).status_code for _ in range(20)} == {200}


def test_wrong_keys_are_counted_for_each_and_all_and_forgotten() -> None:
    now = [100.0]
    wrong = WrongKeys(2, 5, clock=lambda: now[0])
    assert [isinstance(wrong.begin("a"), int) for _ in range(4)] == [False, False, True, True]
    now[0] += 30
    assert [isinstance(wrong.begin(one), int) for one in "bbccdd"] == [False] * 3 + [True] * 3
    assert wrong.begin("e") == 30  # until the first of all is a minute old
    now[0] += 30
    assert not isinstance(wrong.begin("e"), int)
    for number in range(10_000):
        now[0] += 0.001
        wrong.begin(str(number))
    assert len(wrong) <= 5


def test_a_household_of_ipv6_counts_as_one(tmp_path: Path) -> None:
    house = door(tmp_path, gallery_addresses="2001:db8::/32", gallery_failures=2)
    app, statuses = small_app(house), []
    for end in range(4):
        with Browser(app, address=f"2001:db8::{end + 1}") as program:
            statuses.append(program.get("/api/viewer", headers=bearer("gk_x")).status_code)
    with Browser(app, address="2001:db8:0:1::1") as program:
        statuses.append(program.get("/api/viewer", headers=bearer("gk_x")).status_code)
    assert statuses == [401, 401, 429, 429, 401]
