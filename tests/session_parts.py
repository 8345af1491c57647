"""What the tests of recording sessions share: a home with one configured stream, drawn and live."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hls_server import GROUP, RATE, Live, numbers_of

from supervisor_core.deadline import Worker
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.sessions.beginning import begin, streams
from supervisor_core.settings import Settings
from supervisor_core.store import Store, recordings, segments
from supervisor_core.store.owners import this_process
from supervisor_core.store.recordings import Session

STREAM = "lobby"
QUICK = {
    "recording_heartbeat_s": 0.1,
    "recording_retry_first_s": 0.05,
    "recording_gone_s": 2.0,
    "recording_stall_s": 30.0,
    "store_wait_s": 60.0,
    "reserve_bytes": 0,
}


def configure(home: Path, live: Live, groups: int = 5, **more: object) -> None:
    """Writes streams.toml: one stream, segments of so many groups of pictures."""
    lines = {"url": live.url, "segment_length_s": groups * GROUP / RATE, **more}
    text = "\n".join(f"{name} = {_toml(value)}" for name, value in lines.items())
    (home / "streams.toml").write_text(f"[{STREAM}]\n{text}\n", "utf-8")


def _toml(value: object) -> str:
    if isinstance(value, bool | int | float):
        return str(value).lower()
    return str(value) if str(value).startswith("{") else f'"{value}"'


@dataclass
class Studio:
    """A home in which streams are recorded."""

    folder: Path
    worker: Worker = field(default_factory=Worker)
    changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = Settings(home=self.folder / "home", **QUICK | self.changes)
        self.home = self.settings.open_home()
        self.store = Store(self.home, self.settings)

    def pipeline(self, owner: str = "test") -> Pipeline:
        return Pipeline(self.store, self.home, self.settings, self.worker, this_process(owner))

    def begin(self) -> IntakeKey:
        key = begin(self.store, STREAM, streams(self.home, self.settings)[STREAM])
        assert key is not None
        return key

    def session(self, key: IntakeKey) -> Session:
        with self.store.read() as connection:
            return recordings.require(connection, key)

    def numbers(self, key: IntakeKey) -> list[int]:
        """The numbers that are burnt into the frames of all segments, in order."""
        with self.store.read() as connection:
            rows = segments.segments_of(connection, key)
        paths = [self.home.absolute(row.path) for row in rows]
        return [number for path in paths for number in numbers_of(path.read_bytes())]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    house = Studio(tmp_path)
    yield house
    house.worker.close()


def whole(numbers: list[int], groups: int) -> int:
    """How many frames there are: none is missing or doubled from the first on to the last."""
    assert numbers == list(range(numbers[0], groups * GROUP))
    assert numbers[0] < groups * GROUP // 2
    return len(numbers)


def left_of(studio: Studio, key: IntakeKey) -> list[Path]:
    """The segments that still lie in a session's folder."""
    return sorted((studio.home.recordings / key).glob("*.ts"))
