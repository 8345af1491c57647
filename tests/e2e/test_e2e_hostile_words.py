"""Whatever people, files and models have written: it is shown as text and does nothing.

Each sink holds a word of its own, so that a failure names it; each word tries to run a script, to
open a dialog and to load something from another host.
"""

from pathlib import Path
from urllib.parse import quote

import browsing
import pytest
from browsing import Site, opened
from full_house import Words, copy_of
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.campaign, pytest.mark.e2e]

AWAY = "https://away.example"


def evil(name: str) -> str:
    """A text that breaks out of elements, attributes and scripts where it may."""
    return (
        f"{name}\"'></title></textarea></select></script><script>alert('{name}')</script>"
        f"<img src={AWAY}/{name} onerror=alert('{name}')><svg onload=alert('{name}')>"
        f"{{{{7*7}}}}<a href=javascript:alert('{name}')>{name}</a>"
    )


SINKS = {name: evil(name) for name in Words.__dataclass_fields__}


@pytest.fixture(scope="module")
def hostile_site(files: Path, tmp_path_factory: pytest.TempPathFactory):
    full = copy_of(files, tmp_path_factory.mktemp("hostile") / "house", Words(**SINKS))
    with browsing.served(full) as site:
        yield site


def shown(page: Page) -> str:
    """All text of a page, also in what is folded and in fields."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    fields = page.evaluate(
        "Array.from(document.querySelectorAll('input, textarea, option, img, [aria-label]'),"
        " one => [one.value, one.alt, one.getAttribute('aria-label')].join(' ')).join(' ')"
    )
    return page.title() + page.locator("body").inner_text() + str(fields)


def assert_as_text(page: Page, *names: str) -> None:
    text = shown(page)
    missing = [name for name in names if SINKS[name] not in text]
    assert missing == []
    assert page.locator("script:not([src])").count() == 0
    assert page.locator("[onerror], [onload], a[href^=javascript]").count() == 0
    page.wait_for_load_state("networkidle")


def test_twelve_sinks_of_the_page_of_an_item(browser: Browser, hostile_site: Site) -> None:
    with opened(browser, hostile_site) as page:
        page.goto(hostile_site.item("told"))
        assert_as_text(
            page, "title", "caption", "tag", "namespace", "collection", "prompt", "former",
            "negative", "tool", "model", "sampler", "camera", "taken", "value", "who",
        )  # fmt: skip


def test_analyses_sources_streams_and_decisions(browser: Browser, hostile_site: Site) -> None:
    full = hostile_site.full
    with opened(browser, hostile_site) as page:
        page.goto(f"{hostile_site.url}/items/{full.videos[0][:16]}")
        assert_as_text(page, "value")
        page.goto(hostile_site.item("named"))
        assert_as_text(page, "source")
        for name in ("released", "held", "rejected"):
            page.goto(hostile_site.item(name))
            assert_as_text(page, "who")
            page.goto(hostile_site.item(name, "/history"))
            page.wait_for_load_state("networkidle")
        page.goto(hostile_site.item("recording"))
        expect(page.locator(".timeline .gap")).to_have_count(2)
        page.goto(f"{hostile_site.url}/queue")
        page.wait_for_load_state("networkidle")


def test_lists_and_filters(browser: Browser, hostile_site: Site) -> None:
    with opened(browser, hostile_site) as page:
        page.goto(f"{hostile_site.url}/items")
        tag = f"{SINKS['namespace']}:{SINKS['tag']}"
        assert_as_text(page, "source", "tag", "namespace")
        page.goto(f"{hostile_site.url}/items?q={quote('harbour')}&sort=oldest")
        for name, value in (("tag", tag), ("source", SINKS["source"])):
            page.goto(f"{hostile_site.url}/items?{name}={quote(value[:200])}")
            assert page.locator(".chip").first.inner_text().find(value[:60]) >= 0
        page.goto(f"{hostile_site.url}/items?collection={quote(SINKS['collection'])}")
        chip = page.locator(".chip").first.inner_text()
        assert chip.startswith(f"Collection: {SINKS['collection'][:60]}")
        page.wait_for_load_state("networkidle")


@pytest.mark.parametrize(
    "address",
    [
        "/items?q={}",
        "/items?tag={}&state={}&kind={}&source={}&month={}&stars={}&check={}",
        "/items?sort={}&since={}&until={}&page={}",
        "/items?{}={}",
        "/items/{}",
        "/items/{told}?list={}",
        "/items/{told}?list=q%3D{}%26tag%3D{}&at={}&size={}",
        "/items/{told}/history?list={}",
        "/items/{told}/tile?q={}",
        "/static/{}/{}",
        "/sign-in?next={}",
        "/queue?{}={}",
        "/{}",
    ],
)
def test_addresses(browser: Browser, hostile_site: Site, address: str) -> None:
    word = evil("address")
    with opened(browser, hostile_site) as page:
        full = address.replace("{told}", hostile_site.full.id("told"))
        page.goto(hostile_site.url + full.replace("{}", quote(word, safe="")))
        assert page.locator("script:not([src])").count() == 0
        assert page.locator("[onerror], [onload], a[href^=javascript]").count() == 0
        page.wait_for_load_state("networkidle")


def test_what_is_typed(browser: Browser, own_site: Site) -> None:
    """The same by the pages' own forms, as far as they take it."""
    item = f"{own_site.url}/items/{own_site.full.videos[1][:16]}"
    short = "<img src=x onerror=alert(1)>"
    with opened(browser, own_site) as page:
        for label in ("Title", "Caption", "Tags", "Collections", "Prompt"):
            page.goto(item)
            page.get_by_label(label).fill(short)
            page.get_by_label(label).locator("xpath=..").get_by_role("button", name="Save").click()
        page.goto(item)
        expect(page.locator("h1")).to_have_text(short)
        assert shown(page).count(short) >= 5
        page.get_by_label("What for").select_option("fault")
        page.get_by_label("Note").fill(evil("note")[:200])
        page.get_by_role("button", name="Show frames of the raw file").click()
        expect(page.locator("#compare img").first).to_be_visible()
        page.goto(f"{item}/history")
        page.goto(f"{own_site.url}/items?tag={quote(short)}")
        expect(page.locator("#grid .tile-name")).to_have_text([short])
        page.locator("#bulk select[name=scope]").select_option("all")
        page.locator("#bulk select[name=action]").select_option("tag")
        page.get_by_role("button", name="Go on").click()
        page.get_by_label("Tags, separated").fill(evil("bulk"))
        page.get_by_role("button", name="Add tags").click()
        page.wait_for_load_state("networkidle")
        assert page.locator("[onerror]").count() == 0


@pytest.mark.parametrize(
    ("script", "reported"),
    [
        ("document.body.insertAdjacentHTML('beforeend', '<i onclick=alert(1)>')", "policy"),
        (f"new Image().src = '{AWAY}/x'", r"away\.example"),
        ("setTimeout(() => alert('dialog'))", "dialog"),
    ],
)
def test_the_net_catches_what_it_is_for(
    browser: Browser, site: Site, script: str, reported: str
) -> None:
    with pytest.raises(AssertionError, match=reported):
        do_something_bad(browser, site, script)


def do_something_bad(browser: Browser, site: Site, script: str) -> None:
    with opened(browser, site) as page:
        page.evaluate(f"() => {{ {script} }}")
        page.evaluate("new Promise((done) => setTimeout(done, 300))")
