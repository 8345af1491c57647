"""A real store with a library in it, and the gallery's application over its published copy."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from enrichment_parts import put, shelf
from gallery_parts import Browser, bearer, key_of, signed_in
from pipeline_parts import House as Works

from gallery.access.roles import Role
from gallery.app import create_app
from gallery.house import House
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store import attempts, work
from supervisor_core.store.attempts import Attempt, Outcome, Step
from supervisor_core.store.database import Connection
from supervisor_core.store.publishing import Publisher
from supervisor_core.store.work import Task


@dataclass
class Pages:
    """The application, the house of the pages, and the pipeline's house below it."""

    works: Works
    house: House
    app: Any
    programs: dict[Role, Browser] = field(default_factory=dict)

    @classmethod
    def over(cls, works: Works, **changes: object) -> "Pages":
        house = House(works.home, works.settings.model_copy(update=changes))
        house.keys.begin()
        pages = cls(works, house, create_app(house))
        pages.publish()
        return pages

    def publish(self) -> None:
        """What `up` does every second; afterwards the pages show it."""
        Publisher(self.works.home).publish()
        copy = self.house.snapshots.place.look()
        assert copy is not None
        with self.house.snapshots.reading(copy.taken_ns):
            pass

    def program(self, role: Role = Role.VIEWER) -> Browser:
        """A program with a key of this role, always the same."""
        if role not in self.programs:
            self.programs[role] = Browser(self.app)
            self.programs[role].headers.update(bearer(key_of(self.house, role)))
        return self.programs[role]

    def person(self, role: Role = Role.VIEWER) -> Browser:
        """A browser in which somebody is signed in."""
        return signed_in(self.app, self.house, role)

    def close(self) -> None:
        self.house.close()


def library(folder: Path, *modes: str) -> Works:
    """A house whose pictures need no cleaning and want these modes; no model server answers."""
    return shelf(folder, "http://127.0.0.1:9", *modes or ("caption",))


def end(
    connection: Connection,
    step: Step,
    started: datetime,
    ended: datetime,
    *,
    media: str | None = None,
    level: str | None = None,
    reason: Reason | None = None,
) -> None:
    """An attempt that has ended, well or for a reason."""
    outcome = Outcome.FAILED if reason else Outcome.DONE
    attempt = Attempt(step, "test", started, media=media, level=level)
    attempts.open_all(connection, [attempt])
    seconds = (ended - started).total_seconds()
    closed = Attempt(**vars(attempt) | {"ended": ended, "outcome": outcome, "reason": reason})
    attempts.close_all(connection, [Attempt(**vars(closed) | {"seconds": seconds})])


def task(
    connection: Connection,
    media: str,
    name: str,
    now: datetime,
    state: Work,
    reason: Reason | None = None,
) -> None:
    """A task in this state."""
    made = Task(media, name, created=now, updated=now, state=state, reason=reason)
    work.save(connection, [made], now)


__all__ = ["Pages", "Role", "end", "library", "put", "task"]
