"""Whoever goes back from an item finds the list as it was left, at that item."""

import pytest
from browsing import Site, opened
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.campaign, pytest.mark.e2e]

LIST = "/items?tag=shelf&sort=oldest&page=2"
FORTIETH = 39
ACTIVE = "document.activeElement.id"


def go_and_come_back(page: Page, site: Site, way: str) -> str:
    """Opens the fortieth item of the second page, and goes back; returns the item's id."""
    page.goto(site.url + LIST)
    tile = page.locator("#grid .tile").nth(FORTIETH)
    tile.evaluate("tile => tile.scrollIntoView({block: 'center'})")
    place = str(tile.locator(".tile-link").get_attribute("id"))
    tile.locator(".tile-link").click()
    page.wait_for_url("**/items/*")
    if way == "browser":
        page.go_back()
    else:
        page.locator("#back").click()
    page.wait_for_url("**/items?*")
    assert page.locator(".chip").first.inner_text().strip() == "Tag: shelf"
    expect(page.locator(".pager")).to_contain_text("Page 2 of 2")
    return place


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)])
@pytest.mark.parametrize("way", ["browser", "link"])
def test_the_same_item_is_in_view_and_has_the_focus(
    browser: Browser, site: Site, way: str, size: tuple[int, int]
) -> None:
    with opened(browser, site, size=size) as page:
        place = go_and_come_back(page, site, way)
        expect(page.locator(f"#{place}")).to_be_focused()
        expect(page.locator(f"#{place}")).to_be_in_viewport(ratio=1)
        page.keyboard.press("k")
        before = page.locator("#grid .tile-link").nth(FORTIETH - 1).get_attribute("id")
        assert page.evaluate(ACTIVE) == before


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)])
@pytest.mark.parametrize("way", ["browser", "link"])
def test_so_it_is_without_scripts(
    browser: Browser, site: Site, way: str, size: tuple[int, int]
) -> None:
    with opened(browser, site, size=size, java_script_enabled=False) as page:
        place = go_and_come_back(page, site, way)
        expect(page.locator(f"#{place}")).to_be_in_viewport(ratio=1)
        if way == "link":  # going back, the browser alone finds the place but keeps no focus
            expect(page.locator(f"#{place}")).to_be_focused()


def test_a_reload_and_a_bookmark_show_the_same_list(open_page, site: Site) -> None:
    page = open_page()
    page.goto(site.url + "/items?state=not_required&stars=5&q=shelf&sort=largest")
    names = page.locator("#grid .tile-name").all_inner_texts()
    assert len(names) > 5
    chips = page.locator(".chip").all_inner_texts()
    page.reload()
    other = open_page()
    other.goto(page.url)
    for one in (page, other):
        assert one.locator("#grid .tile-name").all_inner_texts() == names
        assert one.locator(".chip").all_inner_texts() == chips
    page.get_by_role("link", name="Remove filter Rating: 5").click()
    assert "stars" not in page.url
    assert "state=not_required" in page.url
