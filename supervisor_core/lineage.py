"""Where Dagster's pages of a home are, and which of them tells of an intake.

`up` writes down where it listens. A file that a killed one has left behind misleads nobody: what
does not answer is not shown.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode, urlsplit

from supervisor_core.home import Home
from supervisor_core.settings import Settings

_NAME = "pages.url"
_ANSWERS_S = 0.3


@contextmanager
def written(home: Home, url: str) -> Iterator[None]:
    """For the block others know where the pages are."""
    path = home.dagster / _NAME
    path.write_text(url, "ascii")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def address(home: Home, settings: Settings) -> str | None:
    """The pages' address: SUPERVISOR_UI_URL, or where an `up` of this home listens now."""
    return settings.ui_url.rstrip("/") if settings.ui_url else of_up(home)


def of_up(home: Home) -> str | None:
    """Where an `up` of this home listens now; None when there is none."""
    try:
        url = (home.dagster / _NAME).read_text("ascii")
        place = urlsplit(url)
        with socket.create_connection((place.hostname, place.port), _ANSWERS_S):
            return url.strip()
    except (OSError, ValueError):
        return None


def page_of(intake: str) -> str:
    """The page of what was cleaned of an intake."""
    return "/assets/cleaned_frames?" + urlencode({"view": "partitions", "partition": intake})


def runs_of(intake: str) -> str:
    """The page that lists all runs of an intake."""
    return "/runs?" + urlencode({"q[0]": f"tag:dagster/partition={intake}"})
