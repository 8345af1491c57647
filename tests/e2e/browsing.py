"""A served home, and a real browser before it that tells of whatever should not happen."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from full_house import FullHouse
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request

from gallery.access.keys import Keys
from gallery.access.roles import Role
from supervisor_core.keys import MediaKey
from supervisor_core.store import media as media_table
from supervisor_core.store import reviews

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, NARROW = (1920, 1080), (390, 844)
WAIT_MS = 15_000
_STOP_S = 20
_REPORTS = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy ${event.violatedDirective} ${event.blockedURI}`), true)"""


@dataclass(frozen=True)
class Site:
    """A served home."""

    full: FullHouse
    url: str
    keys: dict[Role, str]

    def item(self, name: str, query: str = "") -> str:
        """The address of the page of a named item."""
        return f"{self.url}/items/{self.full.id(name)}{query}"


@contextmanager
def served(full: FullHouse) -> Iterator[Site]:
    """Serves a home while the block runs."""
    keys = Keys(full.house.home)
    keys.begin()
    made = {role: keys.add(f"test-{role}", role) for role in Role}
    script = Path(__file__).with_name("serve_house.py")
    with (full.house.folder / "served.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, script, full.house.home.root],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        assert port, (full.house.folder / "served.log").read_text()
        yield Site(full, f"http://127.0.0.1:{port}", made)
    finally:
        process.terminate()
        process.wait(_STOP_S)
        process.stdout.close()


@dataclass
class Watched:
    """What a browser has reported that no page of ours may cause."""

    site: str
    dialogs: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        """Listens to all pages of a context."""
        context.add_init_script(_REPORTS)
        context.on("request", self._request)
        context.on("dialog", self._dialog)
        context.on("console", lambda said: self._said(said.type, said.text))
        context.on("weberror", lambda error: self.errors.append(str(error.error)))

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.site + "/", "data:", "about:")):
            self.elsewhere.append(request.url)

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _said(self, kind: str, text: str) -> None:
        # A page that refuses says so with a status, which the browser repeats in its console.
        if kind in ("error", "warning") and "Failed to load resource" not in text:
            self.console.append(text)

    def nothing(self) -> None:
        """Asserts that nothing was reported."""
        found = [*self.dialogs, *self.errors, *self.console, *self.elsewhere]
        assert not found, "\n".join(found)


def start(playwright: Playwright) -> Browser:
    """Debian's chromium, without a window."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@contextmanager
def opened(
    browser: Browser, site: Site, role: Role | None = Role.REVIEWER, **how: Any
) -> Iterator[Page]:
    """A page of a browser of its own, in which somebody is signed in; nothing bad may happen.

    `how` is as Playwright's `new_context` takes it, but `size` (width, height).
    """
    width, height = how.pop("size", (1280, 900))
    context = browser.new_context(viewport={"width": width, "height": height}, **how)
    context.set_default_timeout(WAIT_MS)
    watched = Watched(site.url)
    watched.watch(context)
    try:
        page = context.new_page()
        if role is not None:
            sign_in(page, site, role)
        yield page
        watched.nothing()
    finally:
        context.close()


def sign_in(page: Page, site: Site, role: Role) -> None:
    """Signs in by the form, as a person does."""
    page.goto(f"{site.url}/sign-in")
    page.get_by_label("Your key").fill(site.keys[role])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/items*")


def press(page: Page, key: str) -> None:
    """Presses a key that leads to another page, and waits for that."""
    with page.expect_event("load"):  # a place that is put into the address is no other page
        page.keyboard.press(key)


def decided(site: Site, media: str) -> list[tuple[str, str]]:
    """What was decided about a media and by whom, oldest first, as the store itself has it."""
    with site.full.house.store.read() as connection:
        return [(one.verdict.value, one.who) for one in reviews.history(connection, media)]


def verdicts(site: Site, media: str) -> list[tuple[str, str]]:
    """The same without looks."""
    return [one for one in decided(site, media) if one[0] != "seen"]


def state_of(site: Site, media: str) -> str:
    """How the review of a media stands, as the store itself has it."""
    with site.full.house.store.read() as connection:
        known = media_table.load(connection, [MediaKey(media)])
    return known[MediaKey(media)].review.value


def until(page: Page, expression: str) -> None:
    """Waits until a JavaScript expression is true.

    Playwright's own way to wait for one makes code of a text in the page, which our policy forbids.
    """
    over_s = time.monotonic() + WAIT_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < over_s, f"never true: {expression}"
        page.wait_for_timeout(50)
