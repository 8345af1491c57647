"""Serves the pages of one home on a socket that is open already."""

import socket
from collections.abc import Awaitable, Callable

from gallery.app import create_app
from gallery.house import House
from supervisor_core.home import Home
from supervisor_core.serving import serve
from supervisor_core.settings import Settings


def serve_gallery(
    home: Home,
    settings: Settings,
    listener: socket.socket,
    *,
    beat: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serves until it is told to stop (SIGINT, SIGTERM); `beat` is called while it answers."""
    house = House(home, settings)
    try:
        serve(create_app(house), listener, beat=beat, log_level="warning")
    finally:
        house.close()
