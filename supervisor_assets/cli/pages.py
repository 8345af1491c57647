"""Tells where the pages of a home show what somebody has just asked for."""

from collections.abc import Iterable

from supervisor_assets.cli import say
from supervisor_core.home import Home
from supervisor_core.lineage import address, of_up, page_of, runs_of, written
from supervisor_core.settings import Settings

__all__ = ["address", "of_up", "page_of", "runs_of", "tell", "written"]

SHOWN = 3


def tell(home: Home, settings: Settings, intakes: Iterable[str]) -> None:
    """Says where the first of these intakes are shown, if they are anywhere."""
    shown = list(intakes)[:SHOWN]
    root = address(home, settings) if shown else None
    for key in shown if root else ():
        say.note(f"Its page: {root}{page_of(key)}")
        say.note(f"Its runs: {root}{runs_of(key)}")
