"""The part that people look at media with: the gallery, on a socket that is the keeper's.

Its argument is the descriptor of the socket to listen on. It does not load Dagster.
"""

import socket as sockets

from gallery.serve import serve_gallery
from supervisor_assets.running.beats import begin
from supervisor_core.home import Home
from supervisor_core.settings import Settings


def main() -> None:
    """Runs until it is told to stop."""
    beats, (descriptor,) = begin()
    listener = sockets.socket(fileno=int(descriptor))
    listener.set_inheritable(False)
    settings = Settings.load()

    async def beat() -> None:
        beats.send()

    serve_gallery(Home(settings.home), settings, listener, beat=beat)


if __name__ == "__main__":
    main()
