"""What is done to many items at once is done to exactly those that somebody was shown."""

import re
from collections.abc import Iterator
from html import unescape
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from drawn_lists import Row, draw, expected, ids_on, in_order
from gallery_parts import Browser
from pipeline_parts import House as Works
from queue_parts import Pages, Role

from gallery.listing.filters import PAGE_SIZE, Wanted
from gallery.pages import bulk
from supervisor_core.states import Review
from supervisor_core.store.rows import fetch

DEEDS = {"tag": "tags added", "collect": "put into collections", "hold": "held back"}


@pytest.fixture
def many(tmp_path: Path) -> Iterator[tuple[Pages, list[Row], Browser]]:
    works = Works(tmp_path)
    rows = draw(works, 90, 11)
    pages = Pages.over(works)
    yield pages, rows, pages.person(Role.REVIEWER)
    pages.close()


def fields_of(text: str) -> dict[str, Any]:
    """The fields of the form that asks whether it is meant."""
    form = text[text.index('action="/items/bulk/do"') :]
    pairs = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
    found: dict[str, Any] = {"item": []}
    for name, value in pairs:
        if name == "item":
            found["item"].append(value)
        else:
            found[name] = unescape(value)
    return found


def ask(browser: Browser, action: str, scope: str, query: str = "", *items: str) -> Any:
    form = {"action": action, "scope": scope, "list": query, "item": list(items)}
    return browser.send_form("/items/bulk", form)


def rows_of(pages: Pages, sql: str) -> list[dict[str, Any]]:
    with pages.works.store.read() as connection:
        return fetch(connection, sql)


def test_what_is_done_to_many_is_done_to_exactly_these(
    many: tuple[Pages, list[Row], Browser],
) -> None:
    pages, rows, browser = many
    chosen = [row for row in rows if row.media][3:7]
    held = expected(rows, Wanted.of([("state", "needs_review")]))
    first = [row for row in in_order(rows, "newest")[:PAGE_SIZE] if row.media]
    everybody = [row for row in rows if row.media]
    before = {row["media"]: row["review"] for row in rows_of(pages, "SELECT * FROM media")}
    told = (
        ("tag", "chosen", "", chosen, "New one, place:Rom"),
        ("collect", "page", "", first, "Shelf"),
        ("hold", "all", "state=needs_review", held, ""),
        ("tag", "all", "", everybody, "everywhere"),
    )
    for action, scope, query, meant, value in told:
        asked = ask(browser, action, scope, query, *(row.id for row in chosen))
        assert asked.status_code == 200
        assert f"{len(meant)} items" in asked.text
        done = browser.send_form("/items/bulk/do", fields_of(asked.text) | {"value": value})
        assert (done.status_code, done.headers["location"]) == (303, f"/items?{query}")
        assert f"<span>{len(meant)} items: {DEEDS[action]}.</span>" in browser.get("/items").text
    tagged = rows_of(pages, "SELECT * FROM tag WHERE source = 'human'")
    for name, meant in (("New one", chosen), ("Rom", chosen), ("everywhere", everybody)):
        known = sorted(row["media"] for row in tagged if row["name"] == name)
        assert known == sorted(row.media for row in meant if row.media), name
    shelf = rows_of(pages, "SELECT media FROM collection_member WHERE collection = 'Shelf'")
    assert {row["media"] for row in shelf} == {row.media for row in first}
    changed = {row["media"]: row["review"] for row in rows_of(pages, "SELECT * FROM media")}
    differ = {media for media in changed if changed[media] != before[media]}
    assert differ == {row.media for row in held}
    assert {changed[media] for media in differ} == {Review.HELD}
    decided = rows_of(pages, "SELECT media, verdict, who FROM decision")
    assert {(row["media"], row["verdict"]) for row in decided} == {
        (row.media, "held") for row in held
    }
    assert {row["who"].split("-")[0] for row in decided} == {"gallery:reviewer"}
    assert "Held" in browser.get(f"/items/{held[0].id}").text
    assert ids_on(browser.get("/items?state=needs_review").text) == []


def test_others_write_between_what_is_done_to_very_many(
    many: tuple[Pages, list[Row], Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    pages, rows, browser = many
    monkeypatch.setattr(bulk, "_AT_ONCE", 20)
    asked = ask(browser, "tag", "all")
    (before,) = rows_of(pages, "SELECT transactions AS n FROM ledger")
    done = browser.send_form("/items/bulk/do", fields_of(asked.text) | {"value": "everywhere"})
    assert done.status_code == 303
    (after,) = rows_of(pages, "SELECT transactions AS n FROM ledger")
    everybody = sorted(row.media for row in rows if row.media)
    tagged = rows_of(pages, "SELECT media FROM tag WHERE name = 'everywhere' ORDER BY media")
    assert [row["media"] for row in tagged] == everybody
    assert after["n"] - before["n"] == ceil(len(everybody) / 20)


def test_what_is_asked_of_many_is_asked_of_exactly_these(
    many: tuple[Pages, list[Row], Browser],
) -> None:
    pages, rows, browser = many
    chosen = [row for row in rows if row.media][5:15]
    states = rows_of(pages, "SELECT media, cleaning, verification, review FROM media ORDER BY ALL")
    for action, value in (("reclean", ""), ("enrich", "caption")):
        asked = ask(browser, action, "chosen", "", *(row.id for row in chosen))
        assert "10 items" in asked.text
        done = browser.send_form("/items/bulk/do", fields_of(asked.text) | {"value": value})
        assert done.status_code == 303
    found = rows_of(pages, "SELECT verb, detail FROM request")
    named: dict[str, set[str]] = {"reclean": set(), "enrich": set()}
    for row in found:
        ids = re.search(r'"media": "([^"]+)"', row["detail"])
        assert ids is not None
        named[row["verb"]] |= set(ids[1].split(","))
    assert named["reclean"] == {row.id for row in chosen}
    assert named["enrich"] <= {row.id for row in chosen if row.shown}
    same = rows_of(pages, "SELECT media, cleaning, verification, review FROM media ORDER BY ALL")
    assert same == states


def test_nothing_is_done_to_items_that_nobody_was_shown(
    many: tuple[Pages, list[Row], Browser],
) -> None:
    """As many as before is not enough: others may have come as these went."""
    pages, rows, browser = many
    wanted = "state=held"
    asked = ask(browser, "reject", "all", wanted)
    form = fields_of(asked.text)
    listed = expected(rows, Wanted.of(parse_qsl(wanted)))
    newcomer = next(row for row in rows if row.state == "needs_review")
    swap = (
        f"UPDATE media SET review = CASE media WHEN '{listed[0].media}' THEN 'none' ELSE 'held' END"
    )
    with pages.works.store.write() as connection:
        connection.execute(f"{swap} WHERE media IN ('{listed[0].media}', '{newcomer.media}')")
    pages.publish()
    again = browser.send_form("/items/bulk/do", form)
    assert again.status_code == 409
    assert "look at them again" in again.text
    assert f"{len(listed)} items" in again.text
    assert not rows_of(pages, "SELECT * FROM decision")
    done = browser.send_form("/items/bulk/do", fields_of(again.text))
    assert done.status_code == 303
    rejected = rows_of(pages, "SELECT media FROM decision WHERE verdict = 'rejected'")
    assert {row["media"] for row in rejected} == {row.media for row in [*listed[1:], newcomer]}


def test_many_are_never_released_and_odd_wishes_are_refused(
    many: tuple[Pages, list[Row], Browser],
) -> None:
    pages, rows, browser = many
    for action in ("release", "withdraw", "reopen", "", "delete", "__class__"):
        assert ask(browser, action, "all").status_code == 422
        form = fields_of(ask(browser, "hold", "all").text) | {"action": action}
        assert browser.send_form("/items/bulk/do", form).status_code == 422
    nobody = ask(browser, "hold", "chosen")
    assert nobody.status_code == 409
    assert "No items are chosen" in nobody.text
    strangers = ask(browser, "hold", "chosen", "", "0" * 16, "nonsense", rows[-1].id, "")
    assert strangers.status_code == 409
    twice = ask(browser, "tag", "chosen", "", rows[0].id, rows[0].id)
    assert "1 item<" in twice.text.replace("\n", "")
    for value in ("", " , ,", ","):
        refused = browser.send_form("/items/bulk/do", fields_of(twice.text) | {"value": value})
        assert refused.status_code == 409
        assert "Wanted is" in refused.text
    mode = ask(browser, "enrich", "chosen", "", rows[0].id)
    refused = browser.send_form("/items/bulk/do", fields_of(mode.text) | {"value": "no mode"})
    assert refused.status_code == 409
    assert pages.person(Role.VIEWER).send_form("/items/bulk", {"action": "tag"}).status_code == 403
    assert not rows_of(pages, "SELECT * FROM decision")
    assert not rows_of(pages, "SELECT * FROM request")
    released = [row for row in rows if row.state == "released"]
    found = rows_of(pages, "SELECT media FROM media WHERE review = 'released'")
    assert {row["media"] for row in found} == {row.media for row in released}
