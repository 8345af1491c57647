"""What `doctor` says of the streams that are recorded by themselves, and of their recordings."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from session_parts import Studio

from supervisor_assets.cli.doctor_streams import configured, recordings
from supervisor_assets.cli.findings import State
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.streams import Stream
from supervisor_core.sessions.beginning import begin
from supervisor_core.store import recordings as table

URL = "https://stream.example/live.m3u8?token=s3cret"


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    house = Studio(tmp_path)
    yield house
    house.worker.close()


def write(studio: Studio, text: str, mode: int = 0o600) -> None:
    path = studio.home.root / "streams.toml"
    path.write_text(text, "utf-8")
    path.chmod(mode)


def test_streams_are_counted_and_a_file_that_others_may_read_is_told(studio: Studio) -> None:
    assert configured(studio.settings).said == "0 configured"
    write(studio, f'[lobby]\nurl = "{URL}"\n')
    assert configured(studio.settings).state is State.OK
    write(studio, f'[lobby]\nurl = "{URL}"\n', 0o644)
    assert configured(studio.settings).state is State.WARNING


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("[lobby]\nurl = 3\n", "at=url"),
        (f'[lobby]\nurl = "{URL}"\nsession_s = -1\n', "at=session_s"),
        (f'[lobby]\nurl = "{URL}"\ncolour = 1\n', "at=colour"),
        ('[lobby]\nurl = "rtsp://host/x"\n', "at=url"),
        ("[lobby", "error=syntax"),
        (f'["../x"]\nurl = "{URL}"\n', "error=name"),
    ],
)
def test_what_is_wrong_is_named_without_an_address(text: str, at: str, studio: Studio) -> None:
    write(studio, text)
    with pytest.raises(Failed) as raised:
        configured(studio.settings)
    assert raised.value.reason is Reason.BAD_CONFIGURATION
    assert at in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_a_profile_that_is_not_there_is_told(studio: Studio) -> None:
    write(studio, f'[lobby]\nurl = "{URL}"\nprofile = "nowhere"\n')
    with pytest.raises(Failed) as raised:
        configured(studio.settings)
    assert raised.value.reason is Reason.UNKNOWN_PROFILE


def test_a_recording_that_does_not_come_on_is_told(studio: Studio) -> None:
    key = begin(studio.store, "lobby", Stream(url=URL))
    assert key is not None
    assert recordings(studio.settings).said == "0 under way, 1 waiting, 0 stuck"
    long_ago = studio.store.now() - timedelta(hours=1)
    with studio.store.write() as connection:
        held = table.require(connection, key).taken("run:x@elsewhere/1.2", long_ago)
        table.save(connection, [held], long_ago)
    found = recordings(studio.settings)
    assert (found.state, found.said) == (State.FAILED, "1 under way, 0 waiting, 1 stuck")
