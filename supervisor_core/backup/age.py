"""How old the last backup is, and whether that is too old."""

from dataclasses import dataclass
from datetime import datetime

from supervisor_core.backup.shelf import Backup, backups_in, shelf_of
from supervisor_core.home import Home
from supervisor_core.settings import Settings
from supervisor_core.store.database import Connection

_DAY_S = 86_400.0


@dataclass(frozen=True)
class Standing:
    """The last backup of the settings' folder, its age, how many there are, and if it is late."""

    last: Backup | None
    age_days: float
    count: int
    late: bool


def standing(home: Home, settings: Settings, first: datetime | None, now: datetime) -> Standing:
    """How it stands; where there is no backup, its age is that of `first`, the first intake."""
    there = backups_in(shelf_of(home, settings))
    last = there[0] if there else None
    since = last.made if last else first
    age_days = (now - since).total_seconds() / _DAY_S if since else 0.0
    return Standing(last, age_days, len(there), age_days > settings.backup_late_days)


def first_intake(connection: Connection) -> datetime | None:
    """When the first thing came in, if anything did."""
    row = connection.execute("SELECT min(first_seen) FROM intake").fetchone()
    found = row[0] if row else None
    return found if isinstance(found, datetime) else None
