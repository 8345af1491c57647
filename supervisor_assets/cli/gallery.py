"""`gallery`: the web pages alone, until somebody says stop.

`up` serves them too. Beside an `up` of the same home this is a second door to the same store.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

from supervisor_assets.cli import say
from supervisor_assets.running.publishing import published
from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store

PORT = 3002
_BACKLOG = 128


def run(port: int) -> None:
    """Serves until it is interrupted; raises `Failed(PORT_IN_USE)`."""
    from gallery.serve import serve_gallery

    settings = Settings.load()
    home = settings.open_home()
    Store(home, settings)  # made, or brought up to date
    with listening(settings, port) as listener, published(home, settings):
        tell(home, settings, port)
        with suppress(KeyboardInterrupt):
            serve_gallery(home, settings, listener)


@contextmanager
def listening(settings: Settings, port: int) -> Iterator[socket.socket]:
    """The socket of the pages; raises `Failed(PORT_IN_USE)`."""
    version = ip_address(settings.gallery_bind).version
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.gallery_bind, port))
            listener.listen(_BACKLOG)
        except OSError:
            raise Failed(Reason.PORT_IN_USE, port=port) from None
        yield listener


def tell(home: Home, settings: Settings, port: int) -> None:
    """Says where the pages are, and where the first key lies as long as it does."""
    first = begin_keys(home)
    say.note(f"Gallery: {url(settings, port)}")
    if first is not None:
        say.note(f"Sign in with the key in {say.shown(first)}; make more with: gallery keys add")


def begin_keys(home: Home) -> Path | None:
    """Makes the first key where there are none; returns its file as long as that is there."""
    from gallery.access.keys import Keys

    keys = Keys(home)
    keys.begin()
    return keys.first.path if keys.first.path.exists() else None


def url(settings: Settings, port: int) -> str:
    """Where a browser finds the pages."""
    address = ip_address(settings.gallery_bind)
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"http://{host}:{port}"
