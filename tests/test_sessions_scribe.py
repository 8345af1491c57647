"""What a recorder tells gets into the store, also when that can't be written to for a moment."""

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hls_server import GROUP, Live, counting
from session_parts import Studio, configure

from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.gaps import Gap
from supervisor_core.sessions.scribe import Scribe
from supervisor_core.store import Store, recordings, segments
from supervisor_core.store.database import Connection
from supervisor_core.store.owners import this_process
from supervisor_core.store.recordings import Session
from supervisor_core.store.segments import GapRow

GAP = Gap(1000.0, 1002.0, Reason.SOURCE_DIED, 0.5)


class Wavering(Store):
    """A store on a disk that fails so many times."""

    failures = 0

    @contextmanager
    def write(self) -> Iterator[Connection]:
        if self.failures > 0:
            self.failures -= 1
            raise OSError(errno.EIO, "broken")
        with super().write() as connection:
            yield connection


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    house = Studio(tmp_path)
    house.store = Wavering(house.home, house.settings)
    yield house
    house.worker.close()


def held(studio: Studio) -> Session:
    with Live(counting(GROUP)).open() as live:
        configure(studio.home.root, live)
    key, now = studio.begin(), studio.store.now()
    with studio.store.write() as connection:
        session = recordings.require(connection, key).taken(this_process("test"), now)
        recordings.save(connection, [session], now)
    return session


def gaps_of(studio: Studio, session: Session) -> list[GapRow]:
    with studio.store.read() as connection:
        return segments.gaps_of(connection, session.intake)


def test_a_disk_that_fails_once_loses_nothing(studio: Studio) -> None:
    session = held(studio)
    studio.store.failures = 1  # type: ignore[attr-defined]
    with Scribe(studio.store, studio.home, session, lambda _: None) as scribe:
        scribe.gap(GAP)
        until = time.monotonic() + 20
        while not gaps_of(studio, session):  # it is still at work
            assert time.monotonic() < until
            time.sleep(0.02)
    assert [gap.missing_s for gap in gaps_of(studio, session)] == [0.5]


def test_what_ended_a_recorder_is_told_and_not_what_its_store_says(studio: Studio) -> None:
    session = held(studio)

    def record() -> None:
        with Scribe(studio.store, studio.home, session, lambda _: None) as scribe:
            studio.store.failures = 100  # type: ignore[attr-defined]
            scribe.gap(GAP)
            raise Failed(Reason.DISK_FULL)

    with pytest.raises(Failed) as raised:
        record()
    assert raised.value.reason is Reason.DISK_FULL
