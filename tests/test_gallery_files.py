"""Whose bytes come back: roles, states, hashes; raw ones never do, by no address at all."""

import hashlib
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
import reviewing_parts
from gallery_parts import Browser
from gallery_states import (
    CLEAN,
    FORMER,
    INTAKE,
    OPEN,
    SECRET,
    SHOWN,
    Item,
    furnished,
    raw_bytes,
    sha,
)
from queue_parts import Pages, Role

from gallery import grants
from supervisor_core.media.links import link
from supervisor_core.pipeline import places
from supervisor_core.store.rows import fetch

states = reviewing_parts.shared_states

PARTS = ("media", "thumbnail.jpg", "strip.jpg", "strip.vtt", "variant")
NOBODY = None
Who = Role | None


@pytest.fixture(scope="module")
def people(states: tuple[Pages, dict[str, Item]]) -> dict[Who, Browser]:
    pages, _ = states
    return {NOBODY: Browser(pages.app), **{role: pages.person(role) for role in Role}}


def hashes_of(item: Item, another: Item) -> dict[str, str]:
    """All that somebody might try for an item."""
    found = {"raw": item.media.media, "another": another.media.media}
    if item.outputs:
        found |= {"output": item.outputs[0].sha256, "former": item.former}
    known = found.get("output", item.media.media)
    return found | {
        "upper": known.upper(),
        "short": known[:-1],
        "id": known[:16],
        "long": known + "0",
        "of the pixels": sha(b"nobody's"),
    }


def is_shown(name: str, item: Item, sha256: str) -> bool:
    return name in SHOWN and sha256 == item.file


def check(answer: object, method: str, name: str, item: Item, sha256: str, part: str) -> None:
    """What somebody who is signed in may get under the address of a hash."""
    content, status = answer.content, answer.status_code  # type: ignore[attr-defined]
    assert SECRET not in content
    assert FORMER not in content
    if not is_shown(name, item, sha256) or part not in ("media", "thumbnail.jpg"):
        assert status == 404, (name, part, sha256)
        return
    assert status == (206 if method == "RANGE" else 200), (name, part)
    if method == "HEAD":
        assert content == b""
    elif part == "thumbnail.jpg":
        assert CLEAN in content or method == "RANGE"
    elif method == "GET":
        assert (OPEN if name == "open" else CLEAN) in content
        assert sha(content) == sha256


def ask(browser: Browser, method: str, address: str) -> object:
    if method == "RANGE":
        return browser.get(address, headers={"Range": "bytes=0-999999"})
    return browser.request(method, address)


def some_of_all(items: dict[str, Item]) -> Iterator[tuple[str, str, str, str]]:
    """Every state with every hash; parts and methods in turn, each pair of them several times."""
    pairs = list(product(PARTS, ("GET", "HEAD", "RANGE")))
    number = 0
    for name, item in items.items():
        for sha256 in dict.fromkeys(hashes_of(item, items["aside"]).values()):
            yield name, sha256, "media", "GET"
            yield name, sha256, *pairs[number * 7 % len(pairs)]
            number += 1


def test_what_was_promised_about_hashes_holds(states: tuple[Pages, dict[str, Item]]) -> None:
    """The marks are where this file says, or it would prove nothing."""
    pages, items = states
    home = pages.works.home
    for item in items.values():
        content = home.absolute(item.media.raw_path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == item.media.media
        assert (OPEN if item.name == "open" else SECRET) in content
        if item.name in ("aside", "aside held", "residual aside"):
            assert item.media.raw_path.startswith("aside/")
    assert SECRET in home.absolute(str(items["unverified"].outputs[0].path)).read_bytes()
    former = items["changed"].outputs[1]
    assert FORMER in home.absolute(str(former.path)).read_bytes()


def test_of_every_state_only_what_is_proven_clean_comes_back(
    states: tuple[Pages, dict[str, Item]], people: dict[Who, Browser]
) -> None:
    _, items = states
    roles = list(Role)
    for number, (name, sha256, part, method) in enumerate(some_of_all(items)):
        address = f"/files/{sha256}/{part}"
        if number % 4 == 0:
            refused = ask(people[NOBODY], method, address)
            assert refused.status_code == 401  # type: ignore[attr-defined]
            assert b"MARK" not in refused.content  # type: ignore[attr-defined]
        answer = ask(people[roles[number % 3]], method, address)
        check(answer, method, name, items[name], sha256, part)


@pytest.mark.campaign
def test_nobody_gets_raw_bytes_by_any_hash_method_and_role(
    states: tuple[Pages, dict[str, Item]], people: dict[Who, Browser]
) -> None:
    _, items = states
    for name, item in items.items():
        hashes = dict.fromkeys(hashes_of(item, items["aside"]).values())
        for sha256, part, method in product(hashes, PARTS, ("GET", "HEAD", "RANGE")):
            address = f"/files/{sha256}/{part}"
            assert ask(people[NOBODY], method, address).status_code == 401  # type: ignore[attr-defined]
            for role in Role:
                check(ask(people[role], method, address), method, name, item, sha256, part)


def colour_of(content: bytes) -> str:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    blue, _, red = pixels.reshape(-1, 3).mean(axis=0)
    return "raw" if red > blue else "cleaned"


def test_frames_are_drawn_of_what_may_be_shown_and_of_nothing_else(
    states: tuple[Pages, dict[str, Item]], people: dict[Who, Browser]
) -> None:
    _, items = states
    for number, (name, item) in enumerate(items.items()):
        role = list(Role)[number % 3]
        for method in ("GET", "HEAD"):
            address = f"/items/{item.id}/frame.jpg?at=0&n=0"
            assert people[NOBODY].request(method, address).status_code == 401
            answer = people[role].request(method, address)
            assert answer.status_code == (200 if name in SHOWN else 404), name
            if answer.status_code == 200 and method == "GET":
                assert b"MARK" not in answer.content
                assert colour_of(answer.content) == ("raw" if name == "open" else "cleaned")
    refused = f"/items/{INTAKE}-{len(items):03d}/frame.jpg"
    assert people[Role.ADMIN].get(refused).status_code == 404


def test_frames_before_cleaning_are_for_who_says_what_for_and_for_nobody_else(
    states: tuple[Pages, dict[str, Item]], people: dict[Who, Browser]
) -> None:
    pages, items = states
    item, other = items["verified"], items["changed"]
    address = f"/items/{item.id}/before.jpg"
    form = {"purpose": "masking", "note": "  two\nlines  "}
    for who, status in ((NOBODY, 401), (Role.VIEWER, 404), (Role.REVIEWER, 403), (Role.ADMIN, 403)):
        for method in ("GET", "HEAD"):
            assert people[who].request(method, address).status_code == status
    assert pages.program(Role.ADMIN).get(address).status_code == 403
    viewer = people[Role.VIEWER].send_form(f"/items/{item.id}/compare", form)
    assert viewer.status_code == 403
    reviewer = pages.person(Role.REVIEWER)
    for wrong in ({}, {"purpose": ""}, {"purpose": "curious"}, {"note": "x"}):
        assert reviewer.send_form(f"/items/{item.id}/compare", wrong).status_code == 422
    assert reviewer.get(address).status_code == 403
    assert reviewer.send_form(f"/items/{item.id}/compare", form).status_code == 303
    with pages.works.store.read() as connection:
        deeds = fetch(connection, "SELECT * FROM audit WHERE verb = 'see_raw'")
    ((subject, detail, who),) = ((one["subject"], one["detail"], one["who"]) for one in deeds)
    assert subject == item.media.media
    assert json.loads(str(detail)) == {"purpose": "masking", "note": "two lines"}
    assert str(who).startswith("gallery:reviewer-")
    seen = reviewer.get(address)
    assert (seen.status_code, seen.headers["cache-control"]) == (200, "no-store")
    assert colour_of(seen.content) == "raw"
    assert b"MARK" not in seen.content
    assert reviewer.get(f"/items/{other.id}/before.jpg").status_code == 403
    assert people[Role.REVIEWER].get(address).status_code == 403
    assert people[Role.ADMIN].get(address).status_code == 403
    assert reviewer.get(f"/items/{item.id}/frame.jpg").content != seen.content


def test_a_reviewer_sees_also_what_could_not_be_cleaned_as_frames_only(
    states: tuple[Pages, dict[str, Item]], people: dict[Who, Browser]
) -> None:
    _, items = states
    reviewer = people[Role.REVIEWER]
    for name in ("aside", "unverified"):
        item = items[name]
        told = reviewer.send_form(f"/items/{item.id}/compare", {"purpose": "failed"})
        assert told.status_code == 303
        seen = reviewer.get(f"/items/{item.id}/before.jpg")
        assert (seen.status_code, colour_of(seen.content)) == (200, "raw")
        for address in (f"/files/{item.media.media}/media", f"/items/{item.id}/frame.jpg"):
            assert reviewer.get(address).status_code == 404


def test_a_permission_ends_after_a_quarter_of_an_hour() -> None:
    now = [1000.0]
    made = grants.Grants(lambda: now[0])
    made.give("session", "media")
    now[0] += 15 * 60 - 1
    assert made.has("session", "media")
    assert not made.has("session", "other")
    assert not made.has("other", "media")
    now[0] += 1
    assert not made.has("session", "media")
    for number in range(1500):
        made.give(f"session {number}", "media")
    assert made.has("session 1499", "media")
    assert not made.has("session 0", "media")  # they don't pile up


def test_a_file_that_is_gone_is_told_in_words(
    states: tuple[Pages, dict[str, Item]], people: dict[Who, Browser]
) -> None:
    pages, items = states
    item, browser = items["rejected"], people[Role.VIEWER]
    path = pages.works.home.absolute(str(item.outputs[0].path))
    path.unlink()
    answer = browser.get(f"/files/{item.file}/media", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json()["error"]["reason"] == "FILE_NOT_FOUND"
    assert str(path) not in answer.text
    assert browser.get(f"/items/{item.id}/frame.jpg").status_code == 404
    path.mkdir()
    assert browser.get(f"/files/{item.file}/media").status_code in (404, 422)
    assert browser.get(f"/items/{item.id}").status_code == 200


def test_a_strip_is_of_videos_that_may_be_shown(tmp_path: Path) -> None:
    works, items = furnished(tmp_path)
    with works.store.write() as connection:
        connection.execute("UPDATE media SET kind = 'video', seconds = 10")
    for item in items.values():
        for sha256 in {item.media.media, *(one.sha256 for one in item.outputs)}:
            path = places.sprite(works.home, sha256)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw_bytes("strip"))
    pages = Pages.over(works)
    try:
        viewer = pages.person(Role.VIEWER)
        for name, item in items.items():
            for sha256 in {item.media.media, *(one.sha256 for one in item.outputs)}:
                status = 200 if is_shown(name, item, sha256) else 404
                for part in ("strip.jpg", "strip.vtt"):
                    answer = viewer.get(f"/files/{sha256}/{part}")
                    assert answer.status_code == status, (name, part)
                    assert part == "strip.jpg" or status == 404 or sha256 in answer.text
    finally:
        pages.close()


def test_a_file_of_a_library_is_shown_as_long_as_it_is_the_same(
    states: tuple[Pages, dict[str, Item]], people: dict[Who, Browser]
) -> None:
    pages, items = states
    item, browser = items["open"], people[Role.VIEWER]
    raw = pages.works.home.absolute(item.media.raw_path)
    content, original = raw.read_bytes(), pages.works.folder / "library.png"
    raw.rename(original)
    link(original, raw, original.stat().st_mtime_ns)
    address = f"/files/{item.file}/media"
    headers = {"Accept": "application/json", "Range": "bytes=0-9"}
    assert browser.get(address).content == content
    assert browser.get(address, headers=headers).content == content[:10]
    secret = pages.works.home.absolute(items["aside"].media.raw_path)
    for spoil, status, reason in (
        (lambda: original.write_bytes(content[::-1]), 409, "FILE_CHANGED"),
        (original.unlink, 404, "FILE_NOT_FOUND"),
        (lambda: original.symlink_to(secret), 422, "NOT_A_FILE"),
        (lambda: (raw.unlink(), raw.symlink_to(secret)), 409, "FILE_CHANGED"),
    ):
        spoil()
        answer = browser.get(address, headers=headers)
        assert (answer.status_code, answer.json()["error"]["reason"]) == (status, reason)
        assert browser.get(f"/items/{item.id}/frame.jpg").status_code == status
    picture = places.thumbnail(pages.works.home, item.file)
    picture.unlink()
    picture.symlink_to(secret)
    assert browser.get(f"/files/{item.file}/thumbnail.jpg").status_code == 404
