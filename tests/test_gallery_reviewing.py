"""Looking and deciding: what is written, who may, and who sees it when."""

import re
import time
from datetime import UTC, datetime
from html import unescape
from typing import Any

import httpx
import pytest
from gallery_parts import Browser
from gallery_states import SHOWN, Item, R
from queue_parts import Pages, Role
from reviewing_parts import House, clean_again, sent_back
from reviewing_parts import states as states

from gallery.pages import after, bulk, review
from supervisor_core.store import attempts, owners, reviews
from supervisor_core.store import media as media_table
from supervisor_core.store.attempts import Attempt, Step
from supervisor_core.store.reviews import Decision, Verdict
from supervisor_core.store.rows import fetch

AT_ONCE_S = 10.0
NOW = datetime(2026, 5, 4, tzinfo=UTC)


def looks_at(pages: Pages) -> dict[str, set[tuple[bool, int, str]]]:
    """Of each media whether by somebody who reviews, how often, at which file."""
    pages.house.looks.write()
    found: dict[str, set[tuple[bool, int, str]]] = {}
    with pages.works.store.read() as connection:
        for row in fetch(connection, "SELECT * FROM look"):
            look = bool(row["reviewing"]), int(str(row["times"])), str(row["output"])
            found.setdefault(str(row["media"]), set()).add(look)
    return found


def history(pages: Pages, item: Item) -> list[Decision]:
    with pages.works.store.read() as connection:
        found = reviews.history(connection, item.media.media)
    return [one for one in found if one.verdict is not Verdict.SEEN]


def state_of(pages: Pages, item: Item) -> R:
    with pages.works.store.read() as connection:
        return media_table.load(connection, [item.media.media])[item.media.media].review


def decide(browser: Browser, item: Item, decision: str, output: str = "", **more: str) -> Any:
    form = {"decision": decision, "output": output, **more}
    return browser.send_form(f"/items/{item.id}/review", form)


def reason(answer: httpx.Response) -> tuple[int, str]:
    """The status of a page that says no, and its reason; its words must be there too."""
    code = re.search(r"[0-9]{3}, ([A-Z_0-9]+)", answer.text)
    assert code is not None
    assert re.search(r"<h1>[A-Z][^<]{10,}</h1>\s*<p>[A-Z][^<]{10,}</p>", answer.text)
    return answer.status_code, code[1]


def test_a_look_is_written_of_what_was_shown_and_of_nothing_else(states: House) -> None:
    pages, items = states
    viewer, reviewer = pages.person(Role.VIEWER), pages.person(Role.REVIEWER)
    for name, item in items.items():
        address = f"/items/{item.id}"
        for browser in (viewer, reviewer):
            assert browser.get(address).status_code == 200
        if name in ("verified", "aside"):
            assert reviewer.head(address).status_code == 200
            ahead = reviewer.get(address, headers={"Sec-Purpose": "prefetch;prerender"})
            assert ahead.status_code == 200
            for part in ("tile", "history"):
                assert viewer.get(f"{address}/{part}").status_code == 200
    assert viewer.get(f"/items/{items['held'].id}").status_code == 200
    assert looks_at(pages) == {
        items[name].media.media: {
            (False, 2 if name == "held" else 1, items[name].file),
            (True, 1, items[name].file),
        }
        for name in SHOWN
    }
    with pages.works.store.read() as connection:
        (row,) = fetch(connection, "SELECT count(DISTINCT who) AS who FROM look")
    assert row["who"] == 2


def test_a_look_at_what_has_changed_meanwhile_does_not_count(states: House) -> None:
    pages, items = states
    item, reviewer = items["verified"], pages.person(Role.REVIEWER)
    sent_back(pages, item)  # the copy does not know it yet
    assert item.file in reviewer.get(f"/items/{item.id}").text
    assert looks_at(pages) == {}


def test_only_what_was_looked_at_is_released_and_only_by_its_hash(states: House) -> None:
    pages, items = states
    item, other = items["verified"], items["changed"]
    reviewer, viewer = pages.person(Role.REVIEWER), pages.person(Role.VIEWER)
    assert viewer.get(f"/items/{item.id}").status_code == 200
    assert decide(viewer, item, "release", item.file).status_code == 403
    # A viewer's look is none of somebody who may let it out.
    assert reason(decide(reviewer, item, "release", item.file)) == (409, "NOT_SEEN")
    assert reason(decide(reviewer, item, "release")) == (409, "NOT_SEEN")
    assert state_of(pages, item) is R.NONE
    assert reviewer.get(f"/items/{item.id}").status_code == 200
    for wrong in ("", "0" * 64, item.media.media, other.file, item.file.upper(), item.file[:16]):
        refused = decide(reviewer, item, "release", wrong)
        assert refused.status_code == 409, wrong
    assert state_of(pages, item) is R.NONE
    done = decide(reviewer, item, "release", item.file)
    assert done.status_code == 303
    assert "Released" in reviewer.get(done.headers["location"]).text
    ((verdict, who, output),) = ((one.verdict, one.who, one.output) for one in history(pages, item))
    assert (verdict, output) == (Verdict.RELEASED, item.file)
    assert who.startswith("gallery:reviewer-")
    for name in ("aside", "waiting", "residual", "timeout", "unverified", "thrown"):
        reviewer.get(f"/items/{items[name].id}")
        for hash_ in (items[name].media.media, *(one.sha256 for one in items[name].outputs)):
            answer = decide(reviewer, items[name], "release", hash_)
            assert reason(answer) == (409, "NOT_VERIFIED"), name
        assert state_of(pages, items[name]) is R.NONE


def test_who_looked_before_it_was_cleaned_again_releases_nothing(states: House) -> None:
    pages, items = states
    item, reviewer = items["verified"], pages.person(Role.REVIEWER)
    assert reviewer.get(f"/items/{item.id}").status_code == 200
    pages.house.looks.write()
    newer = clean_again(pages, item)
    refused = decide(reviewer, item, "release", item.file)
    assert reason(refused) == (409, "OUTPUT_CHANGED")
    assert "Another file stands for the item now" in refused.text
    assert reason(decide(reviewer, item, "release", newer)) == (409, "NOT_SEEN")
    assert (state_of(pages, item), history(pages, item)) == (R.NONE, [])
    page = reviewer.get(f"/items/{item.id}").text
    assert newer in page
    assert item.file not in page
    assert reviewer.get(f"/files/{item.file}/media").status_code == 404
    assert decide(reviewer, item, "release", newer).status_code == 303
    # A release is of these bytes: it goes with them, and that is written down.
    last = clean_again(pages, item, "once more")
    assert state_of(pages, item) is R.NONE
    assert [(one.verdict, one.output) for one in history(pages, item)] == [
        (Verdict.RELEASED, newer),
        (Verdict.LOST, newer),
    ]
    page = reviewer.get(f"/items/{item.id}").text
    assert "Cleaned - needs review" in page
    assert last in page


def test_every_decision_is_done_written_and_seen_at_once(states: House) -> None:
    pages, items = states
    item, reviewer = items["verified"], pages.person(Role.REVIEWER)
    assert reviewer.get(f"/items/{item.id}").status_code == 200
    began_s = time.monotonic()
    steps = (
        ("hold", R.HELD, "Held", "held"),
        ("release", R.RELEASED, "Released", "released"),
        ("withdraw", R.HELD, "Held", "held"),
        ("reject", R.REJECTED, "Rejected", "rejected"),
        ("reopen", R.NONE, "Cleaned - needs review", "needs_review"),
        ("release", R.RELEASED, "Released", "released"),
        ("reject", R.REJECTED, "Rejected", "rejected"),
    )
    for decision, state, word, name in steps:
        done = decide(reviewer, item, decision, item.file, list="sort=oldest")
        assert done.status_code == 303, decision
        assert done.headers["location"] == f"/items/{item.id}?list=sort%3Doldest"
        assert state_of(pages, item) is state
        page = reviewer.get(done.headers["location"]).text
        assert f"<span>{word}</span>" in page, decision
        listed = reviewer.get("/items", params={"state": name, "q": item.id}).text
        assert f'id="i-{item.id}"' in listed, decision
    assert time.monotonic() - began_s < AT_ONCE_S * len(steps)
    refused = decide(reviewer, item, "release", item.file)
    assert reason(refused) == (409, "ITEM_REJECTED")
    told = [one.verdict.value for one in history(pages, item)]
    assert told == ["held", "released", "withdrawn", "rejected", "reopened", "released", "rejected"]
    whose = {one.who for one in history(pages, item)}
    assert len(whose) == 1
    page = unescape(reviewer.get(f"/items/{item.id}").text)
    logged = re.findall(r"<strong>(\w+)</strong> <span>([^<]+)</span>", page)
    assert [verdict for verdict, _ in logged if verdict != "seen"] == told[::-1]
    assert {who for _, who in logged} == whose
    for wrong in ("", "seen", "lost", "delete", "RELEASE"):
        assert decide(reviewer, item, wrong, item.file).status_code == 422
    trace = reviewer.get(f"/items/{item.id}/history").text
    assert all(f"<td>{verdict} review</td>" in trace for verdict in told)


def test_a_decision_leads_to_the_next_item_of_the_list(states: House) -> None:
    pages, items = states
    reviewer = pages.person(Role.REVIEWER)
    wanted = "state=needs_review&sort=oldest"
    listed = re.findall(r'id="i-([0-9a-f]+)"', reviewer.get(f"/items?{wanted}").text)
    by_id = {item.id: item for item in items.values()}
    assert len(listed) == 2
    place = f"/items/{listed[0]}"
    for number, name in enumerate(listed):
        page = reviewer.get(place, params={"list": wanted}).text
        assert by_id[name].file in page
        done = decide(reviewer, by_id[name], "release", by_id[name].file, list=wanted, go="next")
        place = done.headers["location"].partition("?")[0]
        assert place == f"/items/{[*listed, name][number + 1]}"
        told = reviewer.get(place, params={"list": wanted}).text
        assert f"{by_id[name].id}: released." in told
        assert told.count('id="decided"') == 1 - number  # there is no other page after the last
    assert "Released" in reviewer.get(place).text
    assert "Nothing fits these filters" in reviewer.get(f"/items?{wanted}").text


def test_whatever_can_be_done_has_words_in_which_it_is_told() -> None:
    assert set(after._WORDS) == {*review.DECISIONS, *bulk.ACTIONS}


def test_the_history_names_programs_without_their_processes(states: House) -> None:
    pages, items = states
    owner, media = owners.this_process("night@shift"), items["verified"].media.media
    with pages.works.store.write() as connection:
        attempts.open_all(connection, [Attempt(Step.VERIFY, owner, NOW, media=media)])
    pages.publish()
    page = pages.person().get(f"/items/{items['verified'].id}/history").text
    assert '<td class="quiet">night@shift</td>' in page
    assert owner.rpartition("@")[2] not in page


def test_what_waits_for_a_decision_has_an_address_to_remember(states: House) -> None:
    pages, _ = states
    for role, marked in ((Role.REVIEWER, 1), (Role.VIEWER, 0)):
        browser = pages.person(role)
        led = browser.get("/review")
        assert led.status_code == 303
        assert led.headers["location"] == "/items?state=needs_review&sort=oldest"
        found = browser.get(led.headers["location"]).text
        assert found.count('<a href="/review" aria-current="page">') == marked
        assert found.count('<a href="/items" aria-current="page">') == 1 - marked


@pytest.mark.parametrize(
    "odd", ["", "nobody", "x.release.1", "release.1", ".release.1.1", ".eval.1", ".hold.1000000"]
)
def test_nothing_is_told_that_nobody_has_done(states: House, odd: str) -> None:
    pages, items = states
    browser = pages.person(Role.REVIEWER)
    browser.cookies.set("after", f"1.{odd}")
    for place in ("/items", f"/items/{items['verified'].id}"):
        answer = browser.get(place)
        assert answer.status_code == 200
        assert 'role="status"><' not in answer.text
        assert 'id="decided"' not in answer.text


def test_what_is_not_cleaned_can_be_held_and_opened_again(states: House) -> None:
    pages, items = states
    reviewer, item = pages.person(Role.REVIEWER), items["aside"]
    assert decide(reviewer, item, "hold").status_code == 303
    page = reviewer.get(f"/items/{item.id}").text
    assert "Raw (not anonymized)" in page
    assert "<span>Held</span>" in page
    assert decide(reviewer, item, "reopen").status_code == 303
    assert "<span>Held</span>" not in reviewer.get(f"/items/{item.id}").text
    assert [one.output for one in history(pages, item)] == [None, None]


def test_two_who_decide_at_once_are_both_told_the_truth(states: House) -> None:
    pages, items = states
    item = items["verified"]
    one, other = pages.person(Role.REVIEWER), pages.person(Role.ADMIN)
    for browser in (one, other):
        assert browser.get(f"/items/{item.id}").status_code == 200
    assert decide(one, item, "reject").status_code == 303
    assert reason(decide(other, item, "release", item.file)) == (409, "ITEM_REJECTED")
    assert decide(other, item, "reject").status_code == 303  # as was wanted
    assert len(history(pages, item)) == 1
    assert decide(other, item, "withdraw").status_code == 303
    assert state_of(pages, item) is R.REJECTED


def test_what_needs_no_cleaning_is_released_like_any_other(states: House) -> None:
    pages, items = states
    item, reviewer = items["open"], pages.person(Role.REVIEWER)
    assert reason(decide(reviewer, item, "release", item.file)) == (409, "NOT_SEEN")
    assert reviewer.get(f"/items/{item.id}").status_code == 200
    assert decide(reviewer, item, "release", item.file).status_code == 303
    assert "Released" in reviewer.get(f"/items/{item.id}").text


def test_odd_words_in_forms_are_no_error(states: House) -> None:
    pages, items = states
    item, reviewer = items["verified"], pages.person(Role.REVIEWER)
    odd = (
        "\0",
        "x" * 100_000,
        "😀" * 3000,
        "\r\nSet-Cookie: x=y",
        "</textarea><script>",
        "%00&q=%FF",
    )
    for word in odd:
        for path, form in (
            ("edit", {"field": "caption", "value": word}),
            ("review", {"decision": "hold", "output": word, "go": "next"}),
            ("review", {"decision": "release", "output": word}),
            ("compare", {"purpose": "masking", "note": word}),
        ):
            answer = reviewer.send_form(f"/items/{item.id}/{path}", {**form, "list": f"q={word}"})
            assert answer.status_code in (303, 400, 409, 422), (path, word[:20])
            assert len(answer.headers.get("location", "")) < 8000
            assert "set-cookie: x=y" not in str(answer.headers).lower()
    page = reviewer.get(f"/items/{item.id}")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "</textarea><script>" not in page.text
