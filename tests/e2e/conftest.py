"""One home and one browser for all tests of a process; whoever changes an item takes a home alone.

Without the extra `e2e` there is nothing to collect here.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("playwright") is None or find_spec("axe_playwright_python") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    import browsing
    from browsing import Site
    from full_house import Words, copy_of, make, say
    from playwright.sync_api import Browser, Page, sync_playwright

    from gallery.access.roles import Role

Open = Callable[..., AbstractContextManager["Page"]]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the home about whose files nothing is said; made once, by whoever is first."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    folder = shared / "full_house"
    with (shared / "full_house.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "items.json").is_file():
            make(folder)
    return folder


@pytest.fixture(scope="session")
def said(files: Path) -> Path:
    """The folder of the home about whose files everything is said; made once."""
    folder = files.with_name("full_house_said")
    with files.with_name("full_house_said.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            part = folder.with_name("full_house_said.part")
            copy_of(files, part)
            say(part, Words())
            part.rename(folder)
    return folder


@pytest.fixture(scope="session")
def site(said: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Site"]:
    """A home that is only looked at."""
    with browsing.served(copy_of(said, tmp_path_factory.mktemp("site") / "house")) as site:
        yield site


@pytest.fixture
def own_site(said: Path, tmp_path: Path) -> Iterator["Site"]:
    """A home that a test may change."""
    with browsing.served(copy_of(said, tmp_path / "house")) as site:
        yield site


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    with sync_playwright() as playwright, browsing.start(playwright) as browser:
        yield browser


@pytest.fixture
def open_page(browser: "Browser", site: "Site") -> Iterator[Open]:
    """Opens pages of the home that is only looked at, which are closed after the test."""
    with ExitStack() as stack:

        def open_(role: "Role | None" = Role.REVIEWER, **how: Any) -> Any:
            return stack.enter_context(browsing.opened(browser, site, role, **how))

        yield open_
