"""Small stores for tests: a home in a temporary folder, files that came in, known media."""

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from supervisor_core.inbox.plan import NewArrival
from supervisor_core.keys import DEFAULT_SOURCE, IntakeKey, MediaKey, fingerprint, intake_key
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.media import Media
from supervisor_core.store.outputs import Output

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that a test turns by hand; it never shows the same moment twice."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        self.turn(1e-6)
        return self.time

    def turn(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def settings_for(folder: Path, **changes: object) -> Settings:
    return Settings(home=folder / "home", **{"store_wait_s": 60.0, **changes})


def open_store(folder: Path, clock: Clock | None = None, **changes: object) -> Store:
    settings = settings_for(folder, **changes)
    return Store(settings.open_home(), settings, clock or Clock())


def seen(path: str, size_bytes: int = 10, mtime_ns: int = 1_700_000_000_123_456_789) -> NewArrival:
    key = fingerprint(DEFAULT_SOURCE, path, size_bytes, mtime_ns)
    return NewArrival(key, path, size_bytes, mtime_ns)


def key_of(*files: NewArrival) -> IntakeKey:
    return intake_key(NOON.timestamp(), [file.fingerprint for file in files])


def media_key(word: str) -> MediaKey:
    return MediaKey(hashlib.sha256(word.encode()).hexdigest())


def media(word: str = "a", **changes: object) -> Media:
    info = MediaInfo(Container.PNG, "png", 64, 48, size_bytes=10, frames=1)
    key = media_key(word)
    return Media(key, info, raw_path=f"raw/{key[:2]}/{key}.png", **changes)


def output(of: Media, **changes: object) -> Output:
    values = {
        "media": of.media,
        "policy": "all_text/drop/-",
        "code_version": "1",
        "level": "frame_level",
        "sha256": media_key(f"clean {of.media}"),
        "path": "cleaned/x.png",
        "kind": "png",
        "size_bytes": 9,
        "width": 64,
        "height": 48,
        "frames": 1,
        "frames_inspected": 1,
        "regions": 2,
        "coverage": 0.25,
        "seconds": 0.5,
        "report": "{}",
        "attempt": "f" * 32,
        "created": NOON,
    }
    return Output(**values | changes)


def start_python(script: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Another process that runs a script; what it prints can be read from its `stdout`."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
