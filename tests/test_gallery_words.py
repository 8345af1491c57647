"""What is said of a picture: shown beside the file that it was said of, written by persons."""

import json
from dataclasses import replace
from html import unescape

from gallery_parts import Browser
from gallery_states import SHOWN, C, Item, cleaned_bytes, sha
from queue_parts import Pages, Role
from reviewing_parts import House, clean_again, sent_back
from reviewing_parts import states as states
from store_builders import NOON

from supervisor_core.libraries.visit import Exif
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store import (
    analyses,
    exif,
    fields,
    integrity,
    prompts,
    tags,
    variants,
)
from supervisor_core.store import media as media_table
from supervisor_core.store.analyses import Analysis
from supervisor_core.store.integrity import Integrity
from supervisor_core.store.prompts import StoredPrompt
from supervisor_core.store.rows import fetch
from supervisor_core.store.variants import Variant

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
