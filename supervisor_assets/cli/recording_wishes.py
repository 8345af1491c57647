"""`recordings stop` and `recordings cut`: what a person wants of a recorder that is at work.

The wish stands in the store, and the recorder heeds it at its next heartbeat.
"""

from supervisor_assets.cli import say
from supervisor_assets.cli.installation import existing_home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Connection, Store, recordings
from supervisor_core.store.recordings import Asked, Session


def ask(which: str, wish: str, *, as_json: bool) -> None:
    """Leaves the wish; raises `Failed(UNKNOWN_INTAKE)` when nothing of that name is recorded."""
    settings = Settings.load()
    store = Store(existing_home(settings), settings)
    with store.write() as connection:
        session = _open_session(connection, which)
        recordings.ask(connection, session.intake, Asked(wish))
    if as_json:
        say.data_json({"session": session.intake, "stream": session.stream, "asked": wish})
    else:
        say.note(f"{session.intake} ({session.stream}): asked to {wish}.")


def _open_session(connection: Connection, which: str) -> Session:
    found = recordings.find(connection, which) or recordings.last_of(connection, which)
    if found is None or not found.open:
        raise Failed(Reason.UNKNOWN_INTAKE)
    return found
