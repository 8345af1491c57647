"""The home that a command works on, and whether a daemon looks after it."""

import time
from typing import TYPE_CHECKING

from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from supervisor_core.store import Store
    from supervisor_core.store.database import Database

# A daemon shows a sign of life every 30 s; `up` wipes them when it stops.
SILENT_S = 75.0


def existing_home(settings: Settings) -> Home:
    """The home, which must be there: looking at it must not make one in the wrong folder.

    Raises `Failed(NO_STORE)`.
    """
    home = Home(settings.home.absolute())
    if not (home.store / "supervisor.duckdb").is_file():
        raise Failed(Reason.NO_STORE)
    return home


def existing_store(settings: Settings) -> "Store":
    """The store of the home; raises `Failed(NO_STORE)`."""
    from supervisor_core.store import Store

    return Store(existing_home(settings), settings)


def store_as_it_is(settings: Settings) -> "Database":
    """The main file of the home, which is neither made nor brought up to date."""
    from supervisor_core.store.database import Database
    from supervisor_core.store.instance import Plain

    path = settings.home.absolute() / "store" / "supervisor.duckdb"
    return Database("main", path, Plain(), settings.store_wait_s)


def daemon_runs(instance: "DagsterInstance") -> bool:
    """True when a daemon has shown a sign of life just now: it starts runs by itself."""
    beat = instance.get_daemon_heartbeats().get("SENSOR")
    return beat is not None and time.time() - beat.timestamp < SILENT_S


def silent_parts(instance: "DagsterInstance") -> tuple[list[str], list[str]]:
    """The parts of the daemon without a sign of life just now, and those that told of errors."""
    beats = instance.get_daemon_heartbeats()
    wanted = instance.get_required_daemon_types()
    young = time.time() - SILENT_S
    silent = [name for name in wanted if name not in beats or beats[name].timestamp < young]
    broken = [name for name in wanted if name not in silent and beats[name].errors]
    return silent, broken
