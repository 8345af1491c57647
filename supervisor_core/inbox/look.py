"""One look at the inbox: what is new and settled is recorded, before anybody is asked to work.

What a look remembers for the next one only saves work or lets a file settle; losing it loses no
file. The order keeps a file from being taken twice: the listing comes first, then what the store
knows, and a file that is said to have been taken is looked at again.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from supervisor_core.home import Home
from supervisor_core.inbox.listing import Listing, list_inbox, still_there
from supervisor_core.inbox.plan import Plan, plan, returned
from supervisor_core.keys import Fingerprint, IntakeKey
from supervisor_core.media.policy import profile_names
from supervisor_core.settings import Settings
from supervisor_core.states import Arrival
from supervisor_core.store import Store
from supervisor_core.store.arrivals import known_arrivals, record_intakes


@dataclass(frozen=True)
class Memory:
    """What one look leaves to the next: no names, only fingerprints."""

    digest: str = ""
    waiting: Mapping[Fingerprint, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None) -> "Memory":
        """The memory in a text; one that can't be read is an empty one."""
        try:
            return cls(**json.loads(text or "{}"))
        except (ValueError, TypeError):
            return cls()

    def __str__(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Look:
    """The intakes that were recorded, the memory for the next look, and what is still to come."""

    intakes: tuple[IntakeKey, ...]
    memory: Memory
    waiting: int = 0
    deferred: int = 0
    unreadable: int = 0


def look(
    open_store: Callable[[], Store], home: Home, settings: Settings, memory: Memory, now_s: float
) -> Look:
    """Records at most 50 new intakes; the store is opened only when something has changed.

    `now_s` is the wall clock's. Raises `Failed(IO_ERROR)` when the inbox itself can't be listed; a
    subfolder that can't be does not stop the others and is counted.
    """
    listing = list_inbox(home.inbox)
    if memory.digest == listing.digest:
        return Look((), memory, unreadable=listing.unreadable)
    store = open_store()
    found = _plan(store, home, settings, listing, memory, now_s)
    holders = record_intakes(store, found.intakes)
    return Look(
        intakes=tuple(new.key for new in found.intakes if new.key in holders),
        memory=Memory(listing.digest if found.idle else "", found.waiting),
        waiting=len(found.waiting),
        deferred=found.deferred,
        unreadable=listing.unreadable,
    )


def _plan(
    store: Store, home: Home, settings: Settings, listing: Listing, memory: Memory, now_s: float
) -> Plan:
    known: dict[Fingerprint, Arrival] = {}
    again = {}
    if listing.entries:
        with store.read() as connection:
            recorded = known_arrivals(connection)
        known = {name: recorded[name] for name in listing.entries if name in recorded}
        back = returned(listing, known)
        again = {name: entry for name, entry in back.items() if still_there(home.inbox, entry)}
        known |= {name: recorded[name] for name in again if name in recorded}
    return plan(
        {**listing.entries, **again},
        known,
        memory.waiting,
        now_s,
        settings.settle_s,
        unfinished=listing.unfinished,
        profiles=profile_names(settings.profiles_folder or home.root / "profiles"),
    )
