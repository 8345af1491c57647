"""Looking, writing, deciding: what is written, who may, and who sees it when."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from gallery_parts import Browser
from gallery_states import SHOWN, C, Item, R, V, cleaned_bytes, furnished, sha
from queue_parts import Pages, Role
from store_builders import NOON

from supervisor_core.libraries.visit import Exif
from supervisor_core.pipeline import places
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store import (
    analyses,
    exif,
    fields,
    integrity,
    outputs,
    prompts,
    reviews,
    tags,
    variants,
)
from supervisor_core.store import media as media_table
from supervisor_core.store.analyses import Analysis
from supervisor_core.store.integrity import Integrity
from supervisor_core.store.prompts import StoredPrompt
from supervisor_core.store.reviews import Decision, Verdict
from supervisor_core.store.rows import fetch
from supervisor_core.store.variants import Variant

House = tuple[Pages, dict[str, Item]]
AT_ONCE_S = 10.0


@pytest.fixture
def states(tmp_path: Path) -> Iterator[House]:
    works, items = furnished(tmp_path)
    pages = Pages.over(works)
    yield pages, items
    pages.close()


def until(holds: Callable[[], bool]) -> None:
    """Waits for something that happens by itself."""
    ends_s = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends_s
        threading.Event().wait(0.02)


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


def sent_back(pages: Pages, item: Item) -> None:
    """The item waits to be cleaned again."""
    with pages.works.store.write() as connection:
        media = media_table.load(connection, [item.media.media])[item.media.media]
        media_table.save(connection, [media.sent_back()], pages.works.clock())


def clean_again(pages: Pages, item: Item, name: str = "again") -> str:
    """Another file stands for the item now; returns its hash."""
    sent_back(pages, item)
    content = cleaned_bytes(f"{name} {item.media.media}")
    path = places.cleaned(pages.works.home, sha(content), "png")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with pages.works.store.write() as connection:
        media = media_table.load(connection, [item.media.media])[item.media.media]
        made = replace(
            item.outputs[0],
            level=C.FRAME_LEVEL,
            sha256=sha(content),
            path=pages.works.home.relative(path),
            current=True,
        )
        outputs.save(connection, [made])
        media = media.step(cleaning=C.RUNNING).step(cleaning=C.FRAME_LEVEL)
        media_table.save(connection, [media.step(verification=V.VERIFIED)], pages.works.clock())
    pages.publish()
    return sha(content)


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
    assert "Released" in reviewer.get(place).text
    assert "Nothing fits these filters" in reviewer.get(f"/items?{wanted}").text


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


SECRETS = {
    "title": "Zitronenfalter",
    "caption": "Admiralsflug",
    "tag": "pfauenauge",
    "prompt": "schwalbenschwanz",
    "former": "distelfalter",
    "analysis": "Kaisermantel",
    "camera": "Trauermantel",
}


def say(pages: Pages, item: Item, words: dict[str, str]) -> None:
    """All that may be said of a picture."""
    key, now = item.media.media, pages.works.clock()
    first = StoredPrompt(key, words["former"], "", "tool")
    frames = [{"number": 1, "time_s": 0.0}]
    result = json.dumps({"scene": {"value": words["analysis"], "reason": None, "frames": frames}})
    analysis = Analysis(
        *("k" * 64, key, item.file, "general", "p", "model", "d", "scene", "model", Work.DONE),
        *(result, "[]", 1, 1, 0.1, 0.1, "a" * 32, now),
    )
    with pages.works.store.write() as connection:
        fields.edit(connection, key, "title", words["title"], "test", now)
        fields.edit(connection, key, "caption", words["caption"], "test", now)
        tags.put(connection, key, [tags.Tag(words["tag"], "place")], "file", now)
        prompts.put(connection, [first], "test", now)
        prompts.put(connection, [replace(first, positive=words["prompt"])], "test", now)
        exif.put(connection, {key: Exif("2020-01-01 00:00:00", words["camera"])})
        frames = [{"number": 1, "time_s": 0.0}]
        result = {"scene": {"value": words["analysis"], "reason": None, "frames": frames}}
        analyses.save(connection, analysis)
    pages.publish()


def everywhere(browser: Browser, item: Item, other: Item) -> str:
    """All that can be read of an item, in one text."""
    paths = ["/items", f"/items?q={item.id}", "/api/items", f"/items/{other.id}"]
    paths += [f"/items/{item.id}{part}" for part in ("", "/tile", "/history")]
    paths.append(f"/api/items/{item.id}")
    form = {"action": "tag", "scope": "all", "list": ""}
    answers = [*map(browser.get, paths), browser.send_form("/items/bulk", form)]
    assert {answer.status_code for answer in answers} == {200}
    return "\n".join(answer.text for answer in answers)


def found_by(browser: Browser, word: str) -> int:
    by_word = browser.get("/api/items", params={"q": word}).json()["total"]
    by_tag = browser.get("/api/items", params={"tag": f"place:{word}"}).json()["total"]
    return int(by_word) + int(by_tag)


def test_words_about_a_picture_go_with_its_file_and_come_back_with_it(states: House) -> None:
    pages, items = states
    item, other, reviewer = items["verified"], items["held"], pages.person(Role.REVIEWER)
    said = SECRETS
    say(pages, item, said)
    alike(pages, other, item)
    told = everywhere(reviewer, item, other)
    assert [word for word in said.values() if word not in told] == []
    searched = [said[name] for name in ("title", "caption", "tag", "prompt")]
    assert [found_by(reviewer, word) > 0 for word in searched] == [True] * 4
    for spoil in (
        lambda: sent_back(pages, item),
        lambda: aside(pages, item),
    ):
        spoil()
        pages.publish()
        told = everywhere(reviewer, item, other)
        assert [word for word in said.values() if word.lower() in told.lower()] == []
        assert [found_by(reviewer, word) for word in said.values()] == [0] * len(said)
        form = {"field": "title", "value": "new words"}
        assert reviewer.send_form(f"/items/{item.id}/edit", form).status_code == 404
    clean_again(pages, item)
    told = everywhere(reviewer, item, other)
    kept = {name: word for name, word in said.items() if name != "analysis"}
    assert [word for word in kept.values() if word not in told] == []
    assert said["analysis"] not in told  # it was said of the former file


def aside(pages: Pages, item: Item) -> None:
    with pages.works.store.write() as connection:
        media = media_table.load(connection, [item.media.media])[item.media.media]
        media = media.step(cleaning=C.RUNNING).step(cleaning=C.RAW_ASIDE)
        media_table.save(connection, [media], pages.works.clock())


def alike(pages: Pages, one: Item, other: Item, output: str = "") -> None:
    """Both were found to look alike, by these files."""
    files = one.media.media, one.file, other.media.media, output or other.file
    sql = "INSERT INTO near_pair VALUES (?, ?, ?, ?, 'still', 9, false, NULL, NULL, true, now())"
    with pages.works.store.write() as connection:
        connection.execute(sql, files)
    pages.publish()


def test_what_looks_alike_is_shown_beside_it_while_both_are_what_they_were(states: House) -> None:
    pages, items = states
    one, other, reviewer = items["held"], items["verified"], pages.person(Role.REVIEWER)
    alike(pages, one, other)
    alike(pages, items["released"], items["aside"], items["aside"].media.media)
    alike(pages, items["changed"], items["open"], "0" * 64)
    for here, there in ((one, other), (other, one)):
        page = reviewer.get(f"/items/{here.id}").text
        assert "Looks like" in page
        assert f"/files/{there.file}/thumbnail.jpg" in page
        assert "9 of 256 bits differ" in page
    for name in ("released", "changed", "aside", "open"):
        assert "Looks like" not in reviewer.get(f"/items/{items[name].id}").text
    clean_again(pages, one)
    for here in (one, other):
        assert "Looks like" not in reviewer.get(f"/items/{here.id}").text


def larger(pages: Pages, item: Item, child: str, output: str, size: int) -> None:
    path = pages.works.home.derivatives / f"{child}.png"
    path.write_bytes(cleaned_bytes(child))
    made = Variant(
        item.media.media, output, child, pages.works.home.relative(path), f"by{size}", 2.0, size,
        size, 10, "a" * 32, NOON,
    )  # fmt: skip
    with pages.works.store.write() as connection:
        variants.put(connection, made)
    pages.publish()


def test_a_larger_picture_stands_for_the_file_that_it_was_made_of(states: House) -> None:
    pages, items = states
    item, twin, reviewer = items["verified"], items["held"], pages.person(Role.REVIEWER)
    child = sha("larger")
    larger(pages, item, child, item.file, 128)
    larger(pages, twin, child, twin.file, 128)  # the same bytes may be made of two
    for one in (item, twin):
        page = reviewer.get(f"/items/{one.id}").text
        assert f'src="/files/{child}/variant"' in page
        assert "<span>HD</span>" in page
        small = reviewer.get(f"/items/{one.id}?size=sd").text
        assert f'src="/files/{one.file}/media"' in small
        assert f'src="/files/{child}/variant"' not in small
        assert "Show HD (128x128)" in small
    assert reviewer.get(f"/files/{child}/variant").content == cleaned_bytes(child)
    sent_back(pages, item)
    pages.publish()
    assert reviewer.get(f"/files/{child}/variant").status_code == 200  # the other's still
    sent_back(pages, twin)
    pages.publish()
    assert reviewer.get(f"/files/{child}/variant").status_code == 404
    clean_again(pages, item)
    page = reviewer.get(f"/items/{item.id}").text
    assert child not in page
    assert "<span>HD</span>" not in page
    assert reviewer.get(f"/files/{child}/variant").status_code == 404


def test_a_flaw_of_a_former_file_is_none_of_this_one(states: House) -> None:
    pages, items = states
    item, reviewer = items["verified"], pages.person(Role.REVIEWER)
    looked = Integrity(item.media.media, item.file, NOON, Reason.DECODE_FAILED)
    with pages.works.store.write() as connection:
        integrity.put(connection, [looked])
    pages.publish()
    page = reviewer.get(f"/items/{item.id}").text
    assert "<span>Damaged</span>" in page
    assert "no: DECODE_FAILED" in page
    clean_again(pages, item)
    page = reviewer.get(f"/items/{item.id}").text
    assert "<span>Damaged</span>" not in page
    assert "DECODE_FAILED" not in page


def field_of(page: str, name: str) -> str:
    """The form of one field."""
    return page[page.index(f'name="field" value="{name}"') :].partition("</form>")[0]


WRITTEN = {
    "title": ("Ein Hafen & <b>mehr</b>", "", "x" * 81),
    "caption": ("Zwei Zeilen\nüber ein Bild", "", "x" * 5000),
    "tags": ("place:Kiel, zwei Worte", "", " , "),
    "collections": ("Eine, Andere", "", ","),
    "rating": ("4", "", "6"),
    "prompt": ("a harbour at dusk", "", "x" * 5000),
}


def test_what_a_person_writes_is_locked_shown_and_given_back(states: House) -> None:
    pages, items = states
    item, reviewer = items["verified"], pages.person(Role.REVIEWER)
    viewer = pages.person(Role.VIEWER)
    assert 'name="field"' in viewer.get(f"/items/{item.id}").text
    assert "<button>Save" not in viewer.get(f"/items/{item.id}").text
    for name, (good, *bad) in WRITTEN.items():
        address, form = f"/items/{item.id}/edit", {"field": name, "value": good, "list": "q=x"}
        assert viewer.send_form(address, form).status_code == 403
        for value in bad:
            refused = reviewer.send_form(address, form | {"value": value})
            assert refused.status_code == 422, (name, value)
        done = reviewer.send_form(address, form)
        assert done.headers["location"] == f"/items/{item.id}?list=q%3Dx#words"
    page = reviewer.get(f"/items/{item.id}").text
    for name, (good, *_) in WRITTEN.items():
        for part in good.split(", ") if name in ("tags", "collections") else [good]:
            assert part in unescape(page), name
        part = field_of(page, name)
        assert 'name="unlock"' in part, name
        assert "locked" in part, name
    assert "<b>mehr" not in page
    with pages.works.store.read() as connection:
        locked = fetch(connection, "SELECT name, who, locked FROM field")
        audited = fetch(connection, "SELECT DISTINCT who, subject FROM audit WHERE verb = 'edit'")
    assert {row["name"] for row in locked} == set(WRITTEN)
    assert all(row["locked"] for row in locked)
    assert len({row["who"] for row in locked} | {row["who"] for row in audited}) == 1
    for word in ("hafen", "zeilen", "kiel", "andere", "dusk"):
        assert found_by(reviewer, word) == 1, word
    for name in WRITTEN:
        form = {"field": name, "unlock": "1"}
        assert reviewer.send_form(f"/items/{item.id}/edit", form).status_code == 303
    assert 'name="unlock"' not in reviewer.get(f"/items/{item.id}").text
    for name in ("", "nsfw; DROP", "media", "review"):
        form = {"field": name, "value": "x"}
        assert reviewer.send_form(f"/items/{item.id}/edit", form).status_code == 422
    for name in set(items) - set(SHOWN):
        form = {"field": "title", "value": "x"}
        address = f"/items/{items[name].id}/edit"
        assert reviewer.send_form(address, form).status_code == 404, name


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
