"""One call of an operation, with all that it was given already looked over."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gallery.access.roles import Person
from gallery.house import House
from gallery.queue.held import held
from supervisor_core.store.database import Connection


@dataclass(frozen=True)
class Call:
    """Who calls, and with what; `pairs` are those of the address as they came."""

    house: House
    person: Person
    body: Any = None
    query: dict[str, str] = field(default_factory=dict)
    pairs: Sequence[tuple[str, str]] = ()
    places: dict[str, str] = field(default_factory=dict)

    def reading(self) -> AbstractContextManager[Connection]:
        """The newest published copy, which shows what the caller has written before."""
        after_ns = held(self.house).after_ns(self.person.who)
        return self.house.snapshots.reading(after_ns)

    def write(self, do: Callable[..., dict[str, object]], *words: Any, **named: Any) -> Any:
        """Does something in one short transaction, in the name of the caller."""
        with self.house.writing() as connection:
            now: datetime = self.house.store.now()
            told = do(connection, self.person.who, now, *words, **named)
        held(self.house).wrote(self.person.who)
        return told
