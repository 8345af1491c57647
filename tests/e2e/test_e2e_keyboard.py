"""A review without a mouse: what was decided by keys is what the store says afterwards."""

from typing import Any

import pytest
from browsing import Site, decided, opened, press, state_of, until, verdicts
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.campaign, pytest.mark.e2e, pytest.mark.timeout(300)]

WHO = "gallery:test-reviewer"
STILLS = 18


def search(page: Page, words: str) -> None:
    """Looks for words, as somebody whose hands stay on the keyboard."""
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type(words)
    press(page, "Enter")


def near(second: float) -> Any:
    return pytest.approx(second, abs=0.01)


def item_shown(page: Page) -> str:
    return page.url.partition("/items/")[2].partition("?")[0]


def intake_of(site: Site, media: str) -> str:
    with site.full.house.store.read() as connection:
        row = connection.execute("SELECT intake FROM arrival WHERE media = ?", [media]).fetchone()
    return str(row[0])


def signed_in_by_keys(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/sign-in")
    page.keyboard.type(next(key for role, key in site.keys.items() if str(role) == "reviewer"))
    press(page, "Enter")


def test_twenty_items_are_reviewed_without_a_mouse(browser: Browser, own_site: Site) -> None:
    site, wanted, touched = own_site, {}, []
    with opened(browser, site, None) as page:
        page.expose_function("touched", lambda kind: touched.append(kind))
        page.add_init_script("addEventListener('pointerdown', (e) => touched(e.type), true)")
        signed_in_by_keys(page, site)
        search(page, intake_of(site, site.full.review[0]))
        expect(page.locator("#grid .tile")).to_have_count(21)
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("k")
        press(page, "Enter")
        for number in range(STILLS):
            shown, key = item_shown(page), "h" if number % 3 == 2 else "r"
            wanted[shown] = "held" if key == "h" else "released"
            press(page, key)
            assert item_shown(page) != shown
        press(page, "z")
        assert item_shown(page) == shown
        press(page, "j")
        skipped = item_shown(page)
        press(page, "j")
        press(page, "k")
        assert item_shown(page) == skipped
        press(page, "u")
        expect(page.locator(f"#i-{skipped}")).to_be_focused()
        wanted |= films_by_keys(page, site)
    assert touched == []
    assert len(wanted) == 20
    known = {media[:16]: media for media in [*site.full.review, *site.full.videos]}
    for item, verdict in wanted.items():
        assert decided(site, known[item]) == [("seen", WHO), (verdict, WHO)]
        assert state_of(site, known[item]) == verdict
    for item in set(known) - set(wanted):
        assert verdicts(site, known[item]) == []
        assert state_of(site, known[item]) == "none"


def films_by_keys(page: Page, site: Site) -> dict[str, str]:
    """Both videos are played, wound and decided about."""
    wanted = {}
    for media, verdict in zip(site.full.videos, ("released", "held"), strict=True):
        search(page, intake_of(site, media))
        page.keyboard.press("j")
        press(page, "Enter")
        assert item_shown(page) == media[:16]
        until(page, "document.getElementById('player').readyState >= 3")
        page.keyboard.press(" ")
        until(page, "document.getElementById('player').currentTime > 0.3")
        page.keyboard.press(" ")
        assert page.evaluate("document.getElementById('player').paused")
        before = page.evaluate("document.getElementById('player').currentTime")
        page.keyboard.press("]")
        assert page.evaluate("document.getElementById('player').currentTime") == near(before + 5)
        page.keyboard.press("[")
        assert page.evaluate("document.getElementById('player').currentTime") == near(before)
        wanted[media[:16]] = verdict
        press(page, "r" if verdict == "released" else "h")
        page.goto(f"{site.url}/items")
    return wanted


def test_a_key_that_can_do_nothing_says_so(open_page, site: Site) -> None:
    page = open_page()
    said = page.get_by_role("status").filter(has_text="Open an item first")
    expect(said).to_have_count(0)
    page.keyboard.press("r")
    expect(said).to_be_visible()
    page.goto(site.item("raw"))
    page.keyboard.press("r")
    expect(page.get_by_text("This item can't be released")).to_be_visible()
    assert page.url == site.item("raw")


def test_the_help_opens_keeps_the_focus_and_gives_it_back(open_page) -> None:
    page = open_page()
    page.keyboard.press("j")
    place = page.evaluate("document.activeElement.href")
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Keyboard")
    expect(help_).to_be_visible()
    for _ in range(6):
        page.keyboard.press("Tab")
        inside = "['BODY', 'HTML'].includes(document.activeElement.tagName)"
        assert page.evaluate(f"!!document.activeElement.closest('dialog') || {inside}")
    page.keyboard.press("r")
    page.keyboard.press("j")
    expect(help_).to_be_visible()
    page.keyboard.press("Escape")
    expect(help_).to_be_hidden()
    assert page.evaluate("document.activeElement.href") == place


def test_keys_are_left_to_fields_and_to_the_browser(open_page) -> None:
    page = open_page()
    address = page.url
    page.keyboard.press("/")
    page.keyboard.type("j?k u h r x [ ]")
    expect(page.locator("#q")).to_have_value("j?k u h r x [ ]")
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+j")
    assert page.url == address
