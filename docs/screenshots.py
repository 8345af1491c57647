"""Takes the pictures of the pages in docs/gallery/, of a home that is drawn for that alone.

make screenshots
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests")]  # its builders

import browsing  # noqa: E402
import full_house  # noqa: E402
from browsing import Site  # noqa: E402

FOLDER = Path(__file__).with_name("gallery")
BYTES_MAX = 300_000
SIZES = {"wide": (1440, 900), "narrow": browsing.NARROW}
_COLOURS = 256

Visit = Callable[[Page, Site], None]


def visit(path: str) -> Visit:
    """Goes to an address in which names of items may stand."""

    def go(page: Page, site: Site) -> None:
        ids = {name: media[:16] for name, media in site.full.one.items()}
        page.goto(site.url + path.format(**ids, film=site.full.videos[0][:16]))

    return go


def play(page: Page, site: Site) -> None:
    """The page of a video, at a moment at which something is masked."""
    visit("/items/{film}?at=4")(page, site)
    page.evaluate("document.getElementById('player').currentTime = 4.5")
    page.locator("#scrub").wait_for()
    browsing.until(page, "document.getElementById('player').readyState >= 4")
    page.wait_for_timeout(1500)  # the player's own sign that it loads stays for a moment


def compare(page: Page, site: Site) -> None:
    """Before and after."""
    visit("/items/{film}?at=2.5")(page, site)
    if page.locator("#compare select").count():
        page.locator("#compare select").select_option("masking")
        page.locator("#compare button").click()
        page.wait_for_url("**#compare")
        page.locator("#compare input[name=at]").fill("2.5")
        page.locator("#compare button").click()
    page.wait_for_load_state("networkidle")
    page.locator("#compare").scroll_into_view_if_needed()


def choose(page: Page, site: Site) -> None:
    """What is asked before something is done to many items."""
    visit("/items?tag=shelf")(page, site)
    page.locator("#bulk select[name=scope]").select_option("all")
    page.locator("#bulk button").click()
    page.wait_for_url("**/items/bulk")


# name, what is visited, schemes, sizes
PICTURES: tuple[tuple[str, Visit, str, str], ...] = (
    ("list", visit("/items"), "light dark", "wide narrow"),
    ("item", play, "light dark", "wide narrow"),
    ("words", visit("/items/{told}"), "light", "wide"),
    ("recording", visit("/items/{recording}"), "light", "wide"),
    ("before-after", compare, "light", "wide"),
    ("bulk", choose, "light", "wide"),
    ("raw", visit("/items/{raw}"), "light", "narrow"),
    ("history", visit("/items/{film}/history"), "light", "wide"),
    ("queue", visit("/queue"), "light dark", "wide narrow"),
)


def sign_in_page(page: Page, site: Site) -> None:
    """The page of whoever is not signed in."""
    page.goto(f"{site.url}/sign-in")


def take(browser: Browser, site: Site) -> Iterator[Path]:
    """All pictures, one after the other."""
    for scheme in ("light", "dark"):
        for size, pixels in SIZES.items():
            how = {"color_scheme": scheme, "size": pixels, "reduced_motion": "reduce"}
            with browsing.opened(browser, site, **how) as page:
                for name, go, schemes, sizes in PICTURES:
                    if scheme in schemes.split() and size in sizes.split():
                        go(page, site)
                        yield keep(page, f"{name}-{size}-{scheme}")
    with browsing.opened(browser, site, None, size=SIZES["wide"]) as page:
        sign_in_page(page, site)
        yield keep(page, "sign-in-wide-light")


def keep(page: Page, name: str) -> Path:
    """What a page shows in its window, in fewer colours where it would be too large."""
    page.wait_for_load_state("networkidle")
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as picture:
        whole = picture.convert("RGB")
    whole.save(path, optimize=True)
    if path.stat().st_size > BYTES_MAX:
        whole.quantize(_COLOURS).save(path, optimize=True)
    if path.stat().st_size > BYTES_MAX:
        raise SystemExit(f"{path.name} is larger than {BYTES_MAX} bytes")
    return path


def main() -> None:
    """Draws the home, serves it and takes the pictures."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    with TemporaryDirectory() as folder:
        files, house = Path(folder, "files"), Path(folder, "house")
        full_house.make(files, real=False)
        full = full_house.copy_of(files, house, full_house.Words())
        with browsing.served(full) as site, sync_playwright() as playwright:
            browser = browsing.start(playwright)
            for path in take(browser, site):
                print(f"{path.name} {path.stat().st_size}")
            browser.close()


if __name__ == "__main__":
    main()
