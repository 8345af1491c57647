"""What all pages share: the home, the settings, the newest copy, and the one way to write."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from gallery.access.keys import Keys
from gallery.access.sessions import Sessions
from gallery.drawing import Drawer
from gallery.grants import Grants
from gallery.looks import Looks
from gallery.snapshot import Snapshots
from supervisor_core.home import Home
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.database import Connection
from supervisor_core.store.published import PublishedStore
from supervisor_core.store.publishing import Publisher

_PUBLISH_WAIT_S = 1.0
_WRITE_WAIT_S = 5.0  # nobody sits longer before a page that does not come


class House:
    """One home as the pages see it; `close` ends what was started for it."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self.home, self.settings = home, settings
        publisher = Publisher(home, wait_s=_PUBLISH_WAIT_S, reserve_bytes=settings.reserve_bytes)
        self.snapshots = Snapshots(PublishedStore(home), publisher.publish)
        self.drawer = Drawer(home, settings)
        self.grants = Grants()
        self.looks = Looks(lambda: self.store)
        self.keys = Keys(home)
        self.sessions = Sessions(home, self.keys, settings)

    @cached_property
    def store(self) -> Store:
        """The store itself, for short writes."""
        wait_s = min(self.settings.store_wait_s, _WRITE_WAIT_S)
        return Store(self.home, self.settings.model_copy(update={"store_wait_s": wait_s}))

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One short transaction; then the copy is renewed, so that its writer soon sees it."""
        with self.store.write() as connection:
            yield connection
        self.snapshots.renew_soon()

    def close(self) -> None:
        """Ends the threads and children of the pages."""
        self.looks.close()
        self.snapshots.close()
        self.drawer.close()
