"""Who came in with a key and who was turned away, as lines of the journal, never with the key."""

from gallery.access.addresses import household
from gallery.access.middleware import Entry
from supervisor_core.clock import utc_now
from supervisor_core.journal import Event, Journal
from supervisor_core.reasons import Reason


def came_in(entry: Entry, who: str) -> None:
    """Somebody has signed in."""
    _write(entry, {"event": "signed_in", "who": who})


def turned_away(entry: Entry) -> None:
    """A wrong key was shown; the limit on wrong keys is one on these lines too."""
    _write(entry, {"event": "wrong_key", "error": Reason.KEY_NOT_KNOWN})


def _write(entry: Entry, event: Event) -> None:
    told = {"time": utc_now(), **event, "address": household(entry.address)}
    Journal(entry.house.home.logs).write([told])
