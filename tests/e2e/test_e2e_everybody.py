"""Pages for everybody: axe, both schemes, a telephone and a large screen, keys, less motion."""

from collections.abc import Callable
from typing import Any

import browsing
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import NARROW, WIDE, Site, opened
from full_house import FullHouse
from pipeline_parts import House
from playwright.sync_api import Browser, Page

from gallery.access.roles import Role

pytestmark = [pytest.mark.campaign, pytest.mark.e2e, pytest.mark.timeout(300)]

Visit = Callable[[Page, Site], Any]


def to(path: str, status: int = 200) -> Visit:
    """Goes to an address in which names of items may stand."""

    def go(page: Page, site: Site) -> None:
        full = site.full
        ids = {name: media[:16] for name, media in full.one.items()}
        ids |= {"film": "".join(full.videos[:1])[:16], "dicom": "".join(full.dicom[:1])[:16]}
        answer = page.goto(site.url + path.format(**ids))
        assert answer is not None
        assert answer.status == status

    return go


def before_and_after(page: Page, site: Site) -> None:
    to("/items/{film}")(page, site)
    if page.locator("#compare select").count():
        page.locator("#compare select").select_option("masking")
        page.locator("#compare button").click()
        page.wait_for_url("**#compare")
    for picture in page.locator("#compare img").all():
        picture.evaluate("img => img.decode()")


def before_many(page: Page, site: Site) -> None:
    to("/items?tag=shelf")(page, site)
    page.locator("#bulk select[name=scope]").select_option("all")
    page.locator("#bulk button").click()
    page.wait_for_url("**/items/bulk")


def before_none(page: Page, site: Site) -> None:
    to("/items")(page, site)
    page.locator("#bulk select[name=action]").select_option("enrich")
    page.locator("#bulk button").click()
    page.wait_for_url("**/items/bulk")


def unfolded(page: Page, site: Site) -> None:
    to("/items/{told}")(page, site)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")


def helped(page: Page, site: Site) -> None:
    to("/items")(page, site)
    page.keyboard.press("?")


def just_done(page: Page, site: Site) -> None:
    """The page after a decision, told as the server has the browser tell it."""
    said = f"1.{site.full.id('named')}.hold.1"
    page.context.add_cookies([{"name": "after", "value": said, "url": site.url}])
    to("/items/{raw}")(page, site)
    page.context.clear_cookies(name="after")
    page.locator("#decided").wait_for()
    page.keyboard.press("r")
    page.locator("#said").wait_for()


PAGES: dict[str, Visit] = {
    "list": to("/items"),
    "list narrowed": to("/items?state=needs_review&kind=still&q=2026&since=2026-01-01"),
    "second page": to("/items?tag=shelf&page=2"),
    "nothing fits": to("/items?q=nothingfitsthis"),
    "help": helped,
    "needs review": to("/items/{named}"),
    "video": to("/items/{film}"),
    "dicom": to("/items/{dicom}"),
    "recording": to("/items/{recording}"),
    "all is said": unfolded,
    "larger": to("/items/{large}"),
    "alike": to("/items/{twin}"),
    "just decided": just_done,
    "released": to("/items/{released}"),
    "held": to("/items/{held}"),
    "rejected": to("/items/{rejected}"),
    "raw": to("/items/{raw}"),
    "cleaning": to("/items/{waiting}"),
    "history": to("/items/{film}/history"),
    "before and after": before_and_after,
    "many": before_many,
    "none of many": before_none,
    "queue": to("/queue"),
    "not found": to("/items/nosuch", 404),
}
FAILED = "/items?state=failed"


def flaws(page: Page) -> list[str]:
    """What axe finds, be it minor, and what does not fit into the page's width."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    said = [
        f"{one['impact']} {one['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
        for one in found
        for node in one["nodes"][:3]
    ]
    root = "document.documentElement"
    if page.evaluate(f"{root}.scrollWidth > innerWidth"):
        said.append("wider than the window")
    return said


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["large", "telephone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_for_everybody(
    browser: Browser, site: Site, scheme: str, size: tuple[int, int]
) -> None:
    with opened(browser, site, color_scheme=scheme, size=size) as page:
        found = {}
        for name, visit in PAGES.items():
            visit(page, site)
            found[name] = flaws(page)
        to(FAILED)(page, site)
        page.locator(".tile-link").first.click()
        page.wait_for_url("**/items/*")
        found["failed"] = flaws(page)
    with opened(browser, site, None, color_scheme=scheme, size=size) as page:
        to("/sign-in")(page, site)
        found["sign in"] = flaws(page)
        page.get_by_label("Your key").fill("gk_wrong")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        found["wrong key"] = flaws(page)
    with opened(browser, site, Role.VIEWER, color_scheme=scheme, size=size) as page:
        for name in ("list", "video"):
            PAGES[name](page, site)
            found[f"{name} of a viewer"] = flaws(page)
    assert {name: said for name, said in found.items() if said} == {}


def test_an_empty_house_says_what_to_do_next(browser: Browser, tmp_path) -> None:
    with browsing.served(FullHouse(House(tmp_path))) as site:
        for size in (WIDE, NARROW):
            with opened(browser, site, size=size) as page:
                to("/items")(page, site)
                assert "supervisor-assets ingest" in page.locator("main").inner_text()
                assert flaws(page) == []
                to("/queue")(page, site)
                assert flaws(page) == []


OUTLINE = """() => {
    const one = document.activeElement;
    const style = getComputedStyle(one);
    return {
        what: one.outerHTML.slice(0, 120), body: one === document.body,
        number: Array.from(document.querySelectorAll("*")).indexOf(one),
        seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    };
}"""
REACHABLE = """() => Array.from(
    document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")
).filter((one) => one.tabIndex >= 0 && one.type !== "hidden" && one.checkVisibility()
    && !one.closest("svg")).map((one) => Array.from(document.querySelectorAll("*")).indexOf(one))"""


@pytest.mark.parametrize("name", ["list", "video", "all is said", "queue"])
def test_whatever_the_keyboard_reaches_shows_the_focus(open_page, site: Site, name: str) -> None:
    page = open_page()
    PAGES[name](page, site)
    # What comes when it is scrolled to would move everything after it.
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.locator("[hx-trigger=revealed]").wait_for(state="detached")
    page.evaluate("scrollTo(0, 0)")
    wanted, reached, seen = set(page.evaluate(REACHABLE)), set(), set()
    page.evaluate("document.activeElement.blur()")
    for _ in range(4 * len(wanted) + 40):  # dates and players have parts of their own
        page.keyboard.press("Tab")
        one = page.evaluate(OUTLINE)
        if one["body"] and reached:
            break
        reached.add(one["number"])
        seen |= {one["number"]} if one["seen"] else set()
        assert one["number"] in seen or one["body"], one["what"]
    assert wanted <= reached
    assert len(wanted) > 20


def test_nothing_moves_for_whoever_wants_that(open_page, site: Site) -> None:
    running = "document.getAnimations().filter(one => one.playState === 'running').length"
    for how, wanted in (("reduce", False), ("no-preference", True)):
        page = open_page(reduced_motion=how)
        counts = {}
        for name in ("list", "cleaning", "video", "queue"):
            PAGES[name](page, site)
            counts[name] = page.evaluate(running)
        assert any(counts.values()) is wanted
