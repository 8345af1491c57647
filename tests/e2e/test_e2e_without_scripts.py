"""Everything works with JavaScript switched off: find, play, compare, decide, edit."""

import re

import pytest
from browsing import Site, opened, state_of, until, verdicts
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.campaign, pytest.mark.e2e]


@pytest.fixture
def page(browser: Browser, own_site: Site):
    with opened(browser, own_site, java_script_enabled=False) as page:
        yield page


def test_scripts_are_really_off(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_a_video_is_found_played_held_and_released(page: Page, own_site: Site) -> None:
    media = own_site.full.videos[0]
    page.get_by_label("Order").select_option("oldest")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Video 3", exact=True).click()
    expect(page.locator("#grid .tile")).to_have_count(3)
    with page.expect_response(lambda answer: answer.url.endswith("/media")) as got:
        page.locator(f"#i-{media[:16]}").click()
    assert got.value.status == 206
    page.locator("#player").click()  # the browser's own controls
    until(page, "document.getElementById('player').currentTime > 0.5")
    page.get_by_role("button", name="Hold back").click()
    page.goto(own_site.url + f"/items/{media[:16]}")
    expect(page.locator("h1 + .badges")).to_contain_text("Held")
    page.get_by_role("button", name="Release").click()
    page.goto(own_site.url + f"/items/{media[:16]}")
    expect(page.locator("h1 + .badges")).to_contain_text("Released")
    page.get_by_role("button", name="Take the release back").click()
    assert [verdict for verdict, _ in verdicts(own_site, media)] == [
        "held",
        "released",
        "withdrawn",
    ]
    assert state_of(own_site, media) == "held"


def test_frames_of_the_raw_file_are_shown_after_saying_what_for(page: Page, own_site: Site) -> None:
    page.goto(f"{own_site.url}/items/{own_site.full.videos[0][:16]}")
    panel = page.locator("#compare")
    panel.get_by_role("button", name="Show frames of the raw file").click()
    expect(panel.locator("img")).to_have_count(0)  # the browser asks for a purpose first
    panel.get_by_label("What for").select_option("masking")
    panel.get_by_label("Note").fill("asked by the ward")
    panel.get_by_role("button").click()
    for picture in panel.locator("img").all():
        assert picture.evaluate("img => img.decode().then(() => img.naturalWidth)") == 480
    panel.get_by_label("At second").fill("6")
    panel.get_by_role("button", name="Show").click()
    expect(page.locator("#compare img").first).to_have_attribute("src", re.compile(r"at=6"))
    with own_site.full.house.store.read() as connection:
        rows = connection.execute(
            "SELECT who, subject, detail FROM audit WHERE verb = 'see_raw'"
        ).fetchall()
    assert [(who, subject) for who, subject, _ in rows] == [
        ("gallery:test-reviewer", own_site.full.videos[0])
    ]
    assert "asked by the ward" in rows[0][2]


def test_words_are_written_locked_and_given_back(page: Page, own_site: Site) -> None:
    item = f"{own_site.url}/items/{own_site.full.shelf[20][:16]}"
    page.goto(item)
    page.get_by_label("Title").fill("Two boats")
    page.get_by_label("Title").press("Enter")
    expect(page.locator("h1")).to_have_text("Two boats")
    page.get_by_role("button", name="Unlock").click()
    expect(page.get_by_role("button", name="Unlock")).to_have_count(0)
    page.get_by_label("Tags").fill("boat, place:sea")
    page.get_by_label("Tags").press("Enter")
    page.goto(f"{own_site.url}/items?tag=place%3Asea")
    expect(page.locator("#grid .tile-name")).to_have_text(["Two boats"])


def test_chosen_items_are_held_together_after_their_number_was_shown(
    page: Page, own_site: Site
) -> None:
    page.goto(f"{own_site.url}/items?state=needs_review&kind=still")
    boxes = page.locator("#grid input[type=checkbox]")
    chosen = [boxes.nth(place).get_attribute("value") for place in (0, 2)]
    for place in (0, 2):
        boxes.nth(place).check()
    page.locator("#bulk select[name=action]").select_option("hold")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("h1")).to_have_text("Hold back: 2 items")
    page.get_by_role("button", name="Hold back").click()
    held = {media[:16] for media in media_in(own_site, "held")}
    assert held == {*chosen, own_site.full.id("held")}
    expect(page.locator("#grid .tile")).to_have_count(boxes.count())


def media_in(site: Site, review: str) -> list[str]:
    with site.full.house.store.read() as connection:
        sql = "SELECT media FROM media WHERE review = ?"
        return [row[0] for row in connection.execute(sql, [review]).fetchall()]
