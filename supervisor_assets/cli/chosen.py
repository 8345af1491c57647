"""Which media the keys on the command line stand for."""

from collections.abc import Sequence

from supervisor_assets.cli.edge import Usage
from supervisor_core.keys import MediaKey
from supervisor_core.store import Connection
from supervisor_core.store.lookup import media_under


def chosen_media(connection: Connection, keys: Sequence[str]) -> set[MediaKey] | None:
    """The media that keys of intakes and media stand for; None when no key was given.

    Raises `Usage` for one that the store does not know, by its place: it may be anything.
    """
    found: set[MediaKey] = set()
    for number, key in enumerate(keys, 1):
        media = media_under(connection, key)
        if media is None:
            which = f"KEY number {number}"
            raise Usage(f"{which} is no intake and no media of this store; see: status.")
        found |= media
    return found if keys else None
