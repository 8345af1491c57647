"""A session begins: it is an intake of its own from the first moment, also before media come."""

import hashlib
from pathlib import Path

from supervisor_core.home import Home
from supervisor_core.keys import RECORDING_SOURCE, Fingerprint, IntakeKey, intake_key
from supervisor_core.recording.streams import Stream, load_streams
from supervisor_core.settings import Settings
from supervisor_core.store import Store, arrivals, recordings
from supervisor_core.store.arrivals import Intake
from supervisor_core.store.recordings import Session

KIND = "recording"


def streams_file(home: Home, settings: Settings) -> Path:
    """Where the operator says which streams are recorded."""
    return settings.streams_file or home.root / "streams.toml"


def streams(home: Home, settings: Settings) -> dict[str, Stream]:
    """The configured streams by name; raises `Failed(BAD_CONFIGURATION)`."""
    return load_streams(streams_file(home, settings))


def folder_of(home: Home, intake: str) -> Path:
    """Where the segments of a session lie."""
    return home.recordings / intake


def begin(store: Store, name: str, stream: Stream) -> IntakeKey | None:
    """Records a new session of a stream; None while an earlier one is being recorded."""
    now = store.now()
    key = intake_key(now.timestamp(), [_fingerprint(name, now.isoformat())])
    with store.write() as connection:
        last = recordings.last_of(connection, name)
        if last is not None and last.open:
            return None
        intake = Intake(key, RECORDING_SOURCE, stream.profile, KIND, None, now)
        arrivals.add_intake(connection, intake)
        recordings.save(connection, [Session(key, name, started=now, updated=now)], now)
    return key


def _fingerprint(name: str, start: str) -> Fingerprint:
    words = f"{RECORDING_SOURCE}\0{name}\0{start}"
    return Fingerprint(hashlib.sha256(words.encode()).hexdigest())
