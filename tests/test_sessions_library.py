"""What of finished recordings gets into the library, and what stays out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hls_server import GROUP, Live, counting
from session_parts import STREAM, Studio, configure

from supervisor_core.keys import IntakeKey
from supervisor_core.states import Cleaning
from supervisor_core.store import segments

GROUPS = 12


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    house = Studio(tmp_path)
    yield house
    house.worker.close()


@pytest.fixture
def finished(studio: Studio) -> IntakeKey:
    """A session of a stream that shows nobody, handed over and imported."""
    (studio.home.root / "profiles").mkdir()
    (studio.home.root / "profiles" / "open.toml").write_text('mask = "none"\n', "utf-8")
    with Live(counting(GROUPS * GROUP), step=4).open() as live:
        configure(studio.home.root, live, profile="open")
        return finish(studio)


def finish(studio: Studio) -> IntakeKey:
    key, work = studio.begin(), studio.pipeline()
    for step in (work.record, work.join_recording, work.validate_recording):
        step(key)
    work.hand_over_recording(key)
    work.import_items(key)
    work.mask(key, Cleaning.FRAME_LEVEL)
    return key


def test_what_may_be_read_gets_into_the_library_and_nothing_else(
    studio: Studio, finished: IntakeKey
) -> None:
    work, root = studio.pipeline(), studio.home.root / "library"
    assert [one.intake for one in work.unexported_recordings()] == [finished]
    (file,) = work.export_recording(finished).files
    assert file.episode
    assert (root / file.episode).parts[-3:-1] == (STREAM, f"Season {file.started:%Y-%m}")
    assert not work.unexported_recordings()
    assert work.export_recording(finished).files == [file]
    with studio.store.write() as connection:
        connection.execute("UPDATE media SET review = 'held'")
    assert work.unexported_recordings()
    assert not work.export_recording(finished).files
    assert not list(root.rglob("*.mp4"))
    assert not work.unexported_recordings()


def test_nothing_that_is_not_verified_gets_into_the_library(
    studio: Studio, finished: IntakeKey
) -> None:
    with studio.store.write() as connection:
        connection.execute("UPDATE media SET cleaning = 'waiting'")
    work = studio.pipeline()
    assert not work.unexported_recordings()
    assert not work.export_recording(finished).files
    assert not (studio.home.root / "library").exists()


@pytest.mark.campaign
def test_the_library_keeps_as_many_as_the_stream_says(studio: Studio, finished: IntakeKey) -> None:
    with Live(counting(2 * GROUPS * GROUP), step=8).open() as live:
        configure(studio.home.root, live, profile="open", keep="{ count = 1 }")
        second = finish(studio)
        work = studio.pipeline()
        work.export_recording(finished)
        assert work.export_recording(second).discarded == 1
        assert work.tidy_library() == 0
    (left,) = (studio.home.root / "library").rglob("*.mp4")
    with studio.store.read() as connection:
        (file,) = segments.files_of(connection, second)
    assert left.name in str(file.episode)
    assert list(studio.home.trash.rglob("*.mp4"))
