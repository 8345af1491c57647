"""The player: seeks fetch parts, the strip shows where one is, sizes and timelines can be used."""

import pytest
from browsing import Site, until
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.campaign, pytest.mark.e2e]

PLAYER = "document.getElementById('player')"


def film(page: Page, site: Site, query: str = "") -> None:
    page.goto(f"{site.url}/items/{site.full.videos[0][:16]}{query}")
    until(page, f"{PLAYER}.readyState >= 2")


def test_the_film_comes_in_ranges_and_is_sought_in(open_page, site: Site) -> None:
    page = open_page()
    answers = []
    page.on("response", lambda answer: answers.append(answer))
    film(page, site)
    assert page.evaluate(f"{PLAYER}.duration") == pytest.approx(12, abs=0.3)
    page.evaluate(f"{PLAYER}.currentTime = 9.5")
    until(page, f"!{PLAYER}.seeking && {PLAYER}.readyState >= 2")
    assert page.evaluate(f"{PLAYER}.currentTime") == 9.5
    page.keyboard.press("[")
    until(page, f"!{PLAYER}.seeking")
    assert page.evaluate(f"{PLAYER}.currentTime") == 4.5
    parts = [one for one in answers if one.url.endswith("/media")]
    assert {one.status for one in parts} == {206}
    assert all(one.headers["content-range"].startswith("bytes ") for one in parts)
    assert not [one.url for one in answers if one.status >= 400]
    assert brightest(page) > 100  # what was decoded is the picture, not a black one


def brightest(page: Page) -> int:
    """Of the pixels that the player shows."""
    found = page.evaluate(
        f"""() => {{
            const board = document.createElement('canvas').getContext('2d');
            board.drawImage({PLAYER}, 0, 0, 9, 9);
            return Math.max(...board.getImageData(0, 0, 9, 9).data.filter((_, n) => n % 4 < 3));
        }}"""
    )
    return int(found)


def test_the_strip_shows_the_place_that_is_sought(open_page, site: Site) -> None:
    page = open_page()
    film(page, site)
    strip = page.locator("#scrub")
    expect(strip).to_be_hidden()
    tiles = []
    for second in (1.0, 11.0):
        page.evaluate(f"{PLAYER}.currentTime = {second}")
        expect(strip).to_be_visible()
        expect(page.locator("#scrub-time")).to_have_text(f"{second:.1f} s")
        tiles.append(page.evaluate("document.getElementById('scrub-tile').toDataURL()"))
    assert tiles[0] != tiles[1]
    tile = page.locator("#scrub-tile")
    assert (tile.get_attribute("width"), tile.get_attribute("height")) == ("160", "90")


def test_the_strip_that_comes_after_the_seek_shows_its_place(open_page, site: Site) -> None:
    page = open_page()
    page.route("**/strip.vtt", lambda route: (page.wait_for_timeout(1500), route.continue_()))
    film(page, site)
    page.evaluate(f"{PLAYER}.currentTime = 9.5")
    until(page, f"!{PLAYER}.seeking && {PLAYER}.readyState >= 2")
    expect(page.locator("#scrub")).to_be_visible()
    expect(page.locator("#scrub-time")).to_have_text("9.5 s")


def test_a_link_of_the_masked_timeline_leads_to_its_second(open_page, site: Site) -> None:
    page = open_page()
    film(page, site)
    expect(page.locator(".timeline .masked")).not_to_have_count(0)
    page.locator(".timeline summary").click()
    link = page.locator(".timeline .log a").first
    start_s = float(link.inner_text().split()[2])
    link.click()
    page.wait_for_url("**at=*")
    until(page, f"{PLAYER}.readyState >= 2")
    assert page.evaluate(f"{PLAYER}.currentTime") == pytest.approx(start_s, abs=0.15)
    page.locator(".timeline a").first.click(force=True)
    until(page, f"Math.abs({PLAYER}.currentTime - {start_s}) < 0.15")


def test_pictures_along_the_video_lead_to_their_seconds(open_page, site: Site) -> None:
    page = open_page()
    film(page, site)
    page.get_by_text("Pictures along the video").click()
    pictures = page.locator(".frames img")
    expect(pictures).to_have_count(8)
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        assert picture.evaluate("img => img.decode().then(() => img.naturalWidth)") == 480
    pictures.nth(4).click()
    until(page, f"{PLAYER}?.readyState >= 2")
    assert page.evaluate(f"{PLAYER}.currentTime") == pytest.approx(6.75, abs=0.1)


def test_a_film_may_be_played_to_its_end(open_page, site: Site) -> None:
    page = open_page()
    film(page, site, "?at=10.5")
    page.keyboard.press(" ")
    until(page, f"{PLAYER}.ended")
    assert page.evaluate(f"{PLAYER}.error") is None


def test_the_larger_picture_is_shown_and_the_original_on_demand(open_page, site: Site) -> None:
    page = open_page()
    page.goto(site.item("large"))
    for width, name in ((640, "Show original"), (320, "Show HD"), (640, "Show original")):
        picture = page.locator("img.picture")
        assert picture.evaluate("img => img.decode().then(() => img.naturalWidth)") == width
        page.get_by_role("link", name=name).click()
        page.wait_for_load_state()


def test_the_gaps_of_a_recording_lie_where_it_lacks_something(open_page, site: Site) -> None:
    page = open_page()
    page.goto(site.item("recording"))
    expect(page.locator("h1 + .badges")).to_contain_text("Has gaps")
    line = page.locator(".timeline", has_text="Gaps of the recording")
    places = [
        (float(gap.get_attribute("x") or 0), float(gap.get_attribute("width") or 0))
        for gap in line.locator(".gap").all()
    ]
    assert places == [pytest.approx((111.1, 166.7), abs=0.2), pytest.approx((555.6, 55.6), abs=0.2)]
    line.locator("summary").click()
    expect(line.locator(".log")).to_contain_text("STREAM_FROZEN")


def test_what_looks_alike_is_shown_beside_each_other(open_page, site: Site) -> None:
    page = open_page()
    page.goto(site.item("twin"))
    panel = page.locator("section", has=page.get_by_role("heading", name="Looks like"))
    for picture in panel.locator("img").all():
        picture.scroll_into_view_if_needed()
        assert picture.evaluate("img => img.decode().then(() => img.naturalWidth)") > 0
    panel.get_by_role("link").click()
    page.wait_for_url(f"**/items/{site.full.id('other twin')}*")


def test_what_is_not_clean_has_no_picture_and_says_why(open_page, site: Site) -> None:
    page = open_page()
    for name, words in (("raw", "kept aside and shown to nobody"), ("waiting", "being cleaned")):
        page.goto(site.item(name))
        expect(page.locator(".viewer")).to_contain_text(words)
        assert page.locator("img, video").count() == 0


def test_a_tile_that_is_being_cleaned_asks_again_and_changes_by_itself(
    open_page, site: Site
) -> None:
    page = open_page()
    with page.expect_response(lambda answer: "/tile?" in answer.url) as got:
        page.goto(f"{site.url}/items?state=cleaning")
    assert got.value.status == 200
    expect(page.locator("#grid .tile")).to_have_count(1)
