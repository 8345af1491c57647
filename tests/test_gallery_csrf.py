"""Only a page of ours changes anything: every origin, site, token and credential."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from border_parts import app as app
from border_parts import house as house
from border_parts import reviewer as reviewer
from gallery_parts import FROM_HERE, HERE, Browser, Door, bearer, door, key_of, signed_in, small_app
from hypothesis import given
from hypothesis import strategies as st

from gallery.access import csrf
from gallery.access.roles import Role

ORIGINS: dict[str | None, bool] = {
    None: True,
    HERE: True,
    "http://127.0.0.1:3000": False,
    "http://127.0.0.1": False,
    "https://127.0.0.1:3002": False,
    "http://localhost:3002": False,
    "http://evil.example": False,
    "null": False,
    "": False,
    f"{HERE}/": False,
    f"{HERE}.evil.example": False,
}
SITES: dict[str | None, bool] = {
    None: True,
    "same-origin": True,
    "same-site": False,
    "cross-site": False,
    "none": False,
    "SAME-ORIGIN ": False,
}
TOKENS = ("right field", "right header", "both", "another's", "empty", "none", "right and wrong")


def sent(token: str, own: str, another: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    field = {
        "right field": [own],
        "both": [own],
        "another's": [another],
        "empty": [""],
        "right and wrong": [own, another],
    }
    header = {"x-csrf-token": own} if token in ("right header", "both") else {}
    return header, {"csrf_token": field[token]} if token in field else {}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_only_a_page_of_ours_changes_anything(
    app: Any, house: Door, reviewer: Browser, method: str
) -> None:
    with signed_in(app, house, Role.REVIEWER) as someone:
        another = someone.csrf
    tokens = TOKENS if method == "POST" else ("right field", "another's")
    for origin, site, token in itertools.product(ORIGINS, SITES, tokens):
        header, form = sent(token, reviewer.csrf, another)
        header |= {"origin": origin} if origin is not None else {}
        header |= {"sec-fetch-site": site} if site is not None else {}
        answer = reviewer.request(method, "/reviewer", headers=header, data=form)
        from_here = ORIGINS[origin] and SITES[site] and (origin or site) is not None
        allowed = from_here and token in ("right field", "right header", "both")
        assert (answer.status_code == 200) == allowed, (origin, site, token)
        assert allowed or answer.status_code == 403, (origin, site, token)


def test_a_program_that_shows_its_key_needs_no_token_but_no_foreign_page(
    app: Any, house: Door
) -> None:
    key = key_of(house, Role.REVIEWER)
    with Browser(app) as program:
        for origin, site in itertools.product(ORIGINS, SITES):
            header = bearer(key)
            header |= {"origin": origin} if origin is not None else {}
            header |= {"sec-fetch-site": site} if site is not None else {}
            answer = program.post("/api/reviewer", headers=header, json={"a": 1})
            assert (answer.status_code == 200) == (ORIGINS[origin] and SITES[site])


@pytest.mark.parametrize("path", ["/reviewer", "/api/reviewer", "/files/reviewer"])
def test_reading_asks_for_neither(reviewer: Browser, path: str) -> None:
    header = {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}
    assert reviewer.get(path, headers=header).status_code == 200
    assert reviewer.head(path).status_code == 200


def test_two_origins_are_none(reviewer: Browser) -> None:
    headers = [("origin", HERE), ("origin", HERE), ("x-csrf-token", reviewer.csrf)]
    assert reviewer.post("/reviewer", headers=headers).status_code == 403
    headers = [("sec-fetch-site", "same-origin")] * 2 + [("x-csrf-token", reviewer.csrf)]
    assert reviewer.post("/reviewer", headers=headers).status_code == 403


def test_the_origin_is_that_of_the_name_that_was_asked(app: Any, house: Door) -> None:
    with Browser(app, at="http://localhost:3002") as browser:
        assert browser.sign_in(key_of(house, Role.VIEWER)).status_code == 303
        refused = browser.post("/sign-out", headers=FROM_HERE)
        assert refused.status_code == 403


def test_under_https_only_https_is_ours(tmp_path: Path) -> None:
    house = door(tmp_path, gallery_https=True, gallery_hosts="gallery.example")
    key = key_of(house, Role.VIEWER)
    with Browser(small_app(house), at="http://gallery.example") as browser:
        form = {"csrf_token": browser.token_on("/sign-in"), "key": key}
        # A server in front speaks http to us; the browser spoke https to it and keeps the cookie.
        set_cookie = browser.get("/sign-in").headers["set-cookie"]
        cookie = {"cookie": set_cookie.partition(";")[0]}
        form["csrf_token"] = browser.get("/sign-in", headers=cookie).text.split('value="')[1][:64]
        for scheme, status in (("http", 403), ("https", 303)):
            header = cookie | {"origin": f"{scheme}://gallery.example"}
            answer = browser.post("/sign-in", data=form, headers=header)
            assert answer.status_code == status
        assert answer.headers["set-cookie"].startswith("__Host-gallery_")
        assert "; Secure" in answer.headers["set-cookie"]


@given(st.binary(max_size=20))
def test_no_token_is_guessed(given_bytes: bytes) -> None:
    secret, session = b"s" * 32, "0" * 32
    assert not csrf.fits(secret, session, [given_bytes.decode("latin-1")])
    assert csrf.fits(secret, session, [csrf.token(secret, session)])
    assert not csrf.fits(secret, "1" * 32, [csrf.token(secret, session)])
