"""An item that changes while somebody looks at it is not let out by what was seen before."""

from dataclasses import replace

import cv2
import pytest
from browsing import Site, opened, state_of, verdicts
from playwright.sync_api import Browser, expect

from gallery.access.roles import Role
from supervisor_core.cleaning.job import Job
from supervisor_core.keys import IntakeKey
from supervisor_core.media.hashing import sha256_of
from supervisor_core.pipeline.child import Made
from supervisor_core.pipeline.tools import Tools
from supervisor_core.store import outputs

pytestmark = [pytest.mark.campaign, pytest.mark.e2e]


def sent_back(site: Site, media: str) -> IntakeKey:
    """Has an item wait to be cleaned again; returns its intake."""
    house = site.full.house
    with house.store.read() as connection:
        sql = "SELECT intake FROM arrival WHERE media = ?"
        intake = IntakeKey(connection.execute(sql, [media]).fetchone()[0])
    assert house.pipeline.send_back(intake, everything=True, media=[media]) == 1
    return intake


def clean_otherwise(site: Site, media: str) -> str:
    """Has an item cleaned again with a little more masked; returns the hash of its new file."""
    house = site.full.house
    usual, house.tools = house.tools, replace(house.tools, clean=mask_more)
    house.clean(sent_back(site, media))
    house.tools = usual
    with house.store.read() as connection:
        return str(outputs.current(connection, [media])[media].sha256)


def mask_more(job: Job) -> Made:
    """Cleans a still as always, and blackens a corner besides."""
    made = Tools().clean(job)
    pixels = cv2.imread(str(job.destination))
    pixels[-20:, -20:] = 0
    content = cv2.imencode(".png", pixels)[1].tobytes()
    job.destination.write_bytes(content)
    return replace(made, sha256=sha256_of(job.destination), size_bytes=len(content))


def test_two_tabs_and_a_file_that_changed_between_them(browser: Browser, own_site: Site) -> None:
    site, media = own_site, own_site.full.review[0]
    address = f"{site.url}/items/{media[:16]}"
    with opened(browser, site) as page:
        page.goto(address)
        other = page.context.new_page()
        other.goto(address)
        seen = str(page.locator("#review input[name=output]").get_attribute("value"))
        now = clean_otherwise(site, media)
        assert now != seen
        page.locator("#release").click()
        expect(page.locator("h1")).to_contain_text("Another file stands for the item now")
        expect(page.locator("main")).to_contain_text("OUTPUT_CHANGED")
        assert state_of(site, media) == "none"
        assert verdicts(site, media) == []
        other.reload()
        expect(other.locator("#review input[name=output]")).to_have_attribute("value", now)
        other.locator("#release").click()
        other.wait_for_load_state()
    assert [verdict for verdict, _ in verdicts(site, media)] == ["released"]


def test_what_is_being_cleaned_shows_by_itself_when_it_is_clean(
    browser: Browser, own_site: Site
) -> None:
    site, media = own_site, own_site.full.review[4]
    intake = sent_back(site, media)
    with opened(browser, site) as page:
        page.goto(f"{site.url}/items/{media[:16]}")
        expect(page.locator(".viewer")).to_contain_text("It is being cleaned")
        expect(page.locator("#release")).to_have_count(0)
        page.locator("#hold").focus()
        with page.expect_response(lambda answer: f"/items/{media[:16]}" in answer.url):
            pass  # it asks by itself, and keeps the place of whoever uses the keyboard
        page.wait_for_timeout(300)
        expect(page.locator("#hold")).to_be_focused()
        site.full.house.clean(intake)
        expect(page.locator(".viewer .picture")).to_be_visible()
        expect(page.locator("#badges")).to_contain_text("Cleaned - needs review")
        expect(page.locator("#hold")).to_be_focused()
        page.locator("#release").click()
        page.wait_for_load_state()
    assert [verdict for verdict, _ in verdicts(site, media)] == ["released"]


def test_the_other_tab_has_decided_already(browser: Browser, own_site: Site) -> None:
    site, media = own_site, own_site.full.review[1]
    address = f"{site.url}/items/{media[:16]}"
    with opened(browser, site) as page:
        page.goto(address)
        other = page.context.new_page()
        other.goto(address)
        other.locator("#reject").click()
        other.wait_for_url(lambda url: media[:16] not in url)
        page.locator("#release").click()
        expect(page.locator("main")).to_contain_text("ITEM_REJECTED")
    assert state_of(site, media) == "rejected"


def test_a_form_of_a_session_that_has_ended_asks_to_sign_in(
    browser: Browser, own_site: Site
) -> None:
    site, media = own_site, own_site.full.review[2]
    with opened(browser, site) as page:
        page.goto(f"{site.url}/items/{media[:16]}")
        other = page.context.new_page()
        other.goto(f"{site.url}/items")
        other.get_by_role("button", name="Sign out").click()
        other.wait_for_url("**/sign-in")
        page.locator("#release").click()
        expect(page.get_by_label("Your key")).to_be_visible()
    assert verdicts(site, media) == []


def test_a_viewer_is_offered_nothing_to_decide(browser: Browser, own_site: Site) -> None:
    site, media = own_site, own_site.full.review[3]
    with opened(browser, site, Role.VIEWER) as page:
        page.goto(f"{site.url}/items/{media[:16]}")
        assert page.locator("#review, #compare, #bulk, .choose, .field button").count() == 0
        expect(page.get_by_text("Your role looks; reviewers decide.")).to_be_visible()
        page.keyboard.press("r")
        page.keyboard.press("h")
        page.goto(f"{site.url}/items?state=needs_review")
        expect(page.locator("#bulk")).to_have_count(0)
    assert state_of(site, media) == "none"
