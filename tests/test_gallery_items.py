"""Which file of an item may be shown, what it is called, and what its page says in each state."""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import reviewing_parts
from gallery_states import (
    INTAKE,
    KINDS,
    LEVELS,
    SHOWN,
    C,
    Item,
    R,
    V,
    enter,
    expected_state,
    made,
)
from pipeline_parts import House as Works
from queue_parts import Pages, Role

from gallery.listing import reading
from gallery.listing.badges import signs_of
from supervisor_core.store import gate, outputs
from supervisor_core.store import media as media_table
from supervisor_core.store.rows import fetch

CASES = list(product(C, V, R, KINDS))


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pages, dict]]:
    """One store with an item of every cleaning, verification, review and kind of output."""
    works = Works(tmp_path_factory.mktemp("product"))
    items = {case: made(" ".join(map(str, case)), *case) for case in CASES}
    with works.store.write() as connection:
        enter(connection, list(items.values()), refused=["FILE_EMPTY"])
    pages = Pages.over(works)
    yield pages, items
    pages.close()


def test_exactly_what_passes_the_gate_may_be_shown(
    everything: tuple[Pages, dict[tuple[C, V, R, str], Item]],
) -> None:
    pages, items = everything
    keys = [item.media.media for item in items.values()]
    with pages.works.store.read() as connection:
        known = media_table.load(connection, keys)
        files = outputs.current(connection, keys)
    passed = {key: gate.pass_gate(known[key], files.get(key)) for key in keys}
    with pages.house.snapshots.reading() as connection:
        shown = {row["media"]: row for row in fetch(connection, f"{reading.ROW} WHERE media <> ''")}
    assert {key: reading.readable(shown[key]) for key in keys} == passed
    for key, one in passed.items():
        if one is None:
            assert [shown[key][name] for name in ("file", "title", "caption")] == [None] * 3
        else:
            assert shown[key]["file_kind"] == "png"
    # Said once more in other words, so that an error of the gate itself is seen.
    count = len(C) * len(V) * len(R) * len(KINDS)
    assert len(keys) == len(set(keys)) == count
    cleaned = {key for key, one in passed.items() if one and one.path.startswith("cleaned/")}
    assert cleaned == {
        item.media.media
        for (cleaning, verification, _, kind), item in items.items()
        if cleaning in LEVELS and verification is V.VERIFIED and kind.startswith("proven")
    }
    opened = {key for key, one in passed.items() if one and one.path.startswith("raw/")}
    assert opened == {
        item.media.media for (cleaning, *_), item in items.items() if cleaning is C.NOT_REQUIRED
    }
    assert not any(one.path.startswith(("aside/", "work/")) for one in passed.values() if one)


WORDS = {
    "needs_review": "Cleaned - needs review",
    "held": "Held",
    "released": "Released",
    "rejected": "Rejected",
    "not_required": "No cleaning asked for",
    "cleaning": "Cleaning",
    "raw": "Raw (not anonymized)",
    "failed": "Failed",
}


def test_every_item_is_called_what_it_is(
    everything: tuple[Pages, dict[tuple[C, V, R, str], Item]],
) -> None:
    pages, items = everything
    with pages.house.snapshots.reading() as connection:
        shown = {row["id"]: row for row in fetch(connection, reading.ROW)}
    assert len(shown) == len(items) + 1
    for case, item in items.items():
        row = shown[item.id]
        state = expected_state(*case)
        assert row["state"] == state, case
        words = [sign.word for sign in signs_of(row)]
        assert words[0] == WORDS[state], case
        proven = row["file"] is not None and case[0] in LEVELS
        assert ("Verified" in words) == proven, case
        # What a person decided is to be seen whatever the file is.
        decided = {R.HELD: "Held", R.REJECTED: "Rejected"}.get(case[2])
        assert decided is None or words.count(decided) == 1, case
        assert ("Released" in words) == (state == "released"), case
    (refused,) = (row for row in shown.values() if row["media"] is None)
    assert [sign.word for sign in signs_of(refused)] == ["Failed: FILE_EMPTY"]
    assert refused["file"] is None


def test_a_list_can_be_narrowed_to_each_state(
    everything: tuple[Pages, dict[tuple[C, V, R, str], Item]],
) -> None:
    pages, items = everything
    states = [expected_state(*case) for case in items] + ["failed"]
    program = pages.program()
    for state in WORDS:
        found = program.get("/api/items", params={"state": state}).json()
        assert found["total"] == states.count(state), state
        assert {one["state"] for one in found["items"]} == {state}


states = reviewing_parts.shared_states

BUTTONS = {
    "waiting": {"hold", "reject"},
    "again": {"hold", "reject"},
    "aside": {"hold", "reject"},
    "aside held": {"reject", "reopen"},
    "residual aside": {"hold", "reject"},
    "unverified": {"hold", "reject"},
    "residual": {"hold", "reject"},
    "timeout": {"hold", "reject"},
    "thrown": {"hold", "reject"},
    "verified": {"release", "hold", "reject"},
    "changed": {"release", "hold", "reject"},
    "held": {"release", "reject", "reopen"},
    "rejected": {"hold", "reopen"},
    "released": {"withdraw", "hold", "reject"},
    "open": {"release", "hold", "reject"},
}


def test_the_page_of_an_item_has_the_buttons_of_its_state(
    states: tuple[Pages, dict[str, Item]],
) -> None:
    pages, items = states
    assert set(BUTTONS) == set(items)
    reviewer, viewer = pages.person(Role.REVIEWER), pages.person(Role.VIEWER)
    for name, item in items.items():
        answer = reviewer.get(f"/items/{item.id}")
        assert answer.status_code == 200, name
        found = re.findall(r'name="decision" value="(\w+)"', answer.text)
        assert sorted(found) == sorted(BUTTONS[name]), name
        shown = set(re.findall(r"/files/([0-9a-f]+)/", answer.text))
        assert shown == ({item.file} if name in SHOWN else set()), name
        assert ('id="compare"' in answer.text) == (name != "open"), name
        plain = viewer.get(f"/items/{item.id}")
        assert plain.status_code == 200
        assert 'name="decision"' not in plain.text
        assert 'id="compare"' not in plain.text
        for browser in (reviewer, viewer):
            assert browser.get(f"/items/{item.id}/history").status_code == 200
            assert browser.get(f"/items/{item.id}/tile").status_code == 200
    refused = reviewer.get(f"/items/{INTAKE}-{len(items):03d}")
    assert refused.status_code == 200
    assert "Failed: FILE_EMPTY" in refused.text
    assert 'name="decision"' not in refused.text


def test_an_item_that_there_is_not_is_told_in_words(
    states: tuple[Pages, dict[str, Item]],
) -> None:
    pages, items = states
    reviewer = pages.person(Role.REVIEWER)
    key = items["verified"].media.media
    for name in (key, key[:15], key[:16].upper() + "x", "0" * 16, "%00", "x" * 4000, "Ä"):
        for part in ("", "/tile", "/history", "/frame.jpg", "/before.jpg"):
            answer = reviewer.get(f"/items/{name}{part}", follow_redirects=False)
            assert answer.status_code in (400, 404), (name, part)
        for part in ("review", "edit", "compare"):
            form = {"decision": "hold", "field": "title", "value": "x", "purpose": "masking"}
            answer = reviewer.send_form(f"/items/{name}/{part}", form)
            assert answer.status_code in (400, 404, 405), (name, part)


def test_a_file_that_comes_in_keeps_the_address_that_it_had_before(tmp_path: Path) -> None:
    works = Works(tmp_path)
    key = works.record(works.drop("a.png", "one"), works.drop("b.png", "import = FILE_EMPTY"))
    pages = Pages.over(works)
    try:
        browser = pages.person(Role.REVIEWER)
        first, second = f"/items/{key}-000", f"/items/{key}-001"
        for address in (first, second):
            assert "Cleaning" in browser.get(address).text
            assert "hx-get" in browser.get(f"{address}/tile").text
        works.pipeline.import_items(key)
        works.clean(key)
        pages.publish()
        media = next(iter(works.pipeline.summary(key).media))[:16]
        (listed,) = re.findall(r'id="i-([0-9a-f]{16})"', browser.get("/items").text)
        assert listed == media
        tile = browser.get(f"{first}/tile").text
        assert f'id="i-{media}"' in tile
        assert "Cleaned - needs review" in tile
        assert f"/items/{media}/review" in browser.get(first).text
        assert "Failed: FILE_EMPTY" in browser.get(second).text
        for odd in ("-002", "-999999999", "-0", "-00a", "x-000"):
            assert browser.get(f"/items/{key}{odd}").status_code == 404
    finally:
        pages.close()
