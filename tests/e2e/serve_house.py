"""Serves the pages of a home as a process of its own, publishing its store beside them.

    python tests/e2e/serve_house.py HOME

Says its port on its first line; SIGTERM ends it.
"""

import socket
import sys
from pathlib import Path

from gallery.serve import serve_gallery
from supervisor_assets.running.publishing import published
from supervisor_core.settings import Settings


def main() -> None:
    """Serves until it is told to stop."""
    settings = Settings(home=Path(sys.argv[1]), reserve_bytes=0)
    home = settings.open_home()
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    with listener, published(home, settings):
        print(listener.getsockname()[1], flush=True)
        serve_gallery(home, settings, listener)


if __name__ == "__main__":
    main()
