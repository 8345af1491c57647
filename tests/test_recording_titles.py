"""What a stream calls itself becomes chapters, and is nowhere but in them."""

import threading
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from hls_server import GROUP, Live, counting
from session_parts import STREAM, Studio

from supervisor_core.recording.chapters import Chapter
from supervisor_core.recording.titles import TITLES, Title, chapters_of, note, read, watch
from supervisor_core.states import Recording as State

PLUGINS = Path(__file__).with_name("streamlink_plugins")


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    house = Studio(tmp_path, changes={"recording_plugins_folder": PLUGINS})
    yield house
    house.worker.close()


def test_a_plugins_title_is_a_chapter_and_in_no_store(studio: Studio) -> None:
    with Live(counting(4 * GROUP), published=4).open() as live:
        url = f"{live.url.rpartition('/')[0]}/channel/master"
        (studio.home.root / "streams.toml").write_text(f'[{STREAM}]\nurl = "{url}"\n')
        key = studio.begin()
        work = studio.pipeline()
        assert work.record(key).state is State.RECORDED
    work.join_recording(key)
    (file,) = work.validate_recording(key)
    with av.open(str(studio.home.absolute(file.path))) as film:
        assert [one["metadata"]["title"] for one in film.chapters()] == ["Erika spielt master"]
    path = studio.home.recordings / key / TITLES
    assert path.stat().st_mode & 0o777 == 0o600
    with studio.store.read() as connection:
        rows = connection.execute("SELECT * FROM recorded_file").fetchall()
    assert "Erika" not in repr(rows)
    assert b"Erika" not in (studio.home.recordings / key / "source.log").read_bytes()


def test_each_new_title_is_written_once_and_a_look_that_fails_says_nothing(tmp_path: Path) -> None:
    said = iter(["one", "one", ValueError(), None, "two", ""])
    over = threading.Event()

    def look() -> str | None:
        word = next(said, over)
        if word is over:
            over.set()
            threading.Event().wait()
        if isinstance(word, Exception):
            raise word
        return word  # type: ignore[return-value]

    watch(look, tmp_path / TITLES, every_s=0.001)
    assert over.wait(10)
    assert [one.title for one in read(tmp_path / TITLES)] == ["one", "two"]


def test_what_is_no_line_of_ours_is_left_out_and_a_long_title_is_cut(tmp_path: Path) -> None:
    path = tmp_path / TITLES
    note(path, Title(5.0, "x" * 999))
    with path.open("ab") as file:
        file.write(b'{"since_s": "never"}\nnothing\n\xff\n[]\n')
    note(path, Title(1.0, "first"))
    assert [(one.since_s, len(one.title)) for one in read(path)] == [(1.0, 5), (5.0, 200)]
    assert read(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("since_s", "place"),
    [(104.0, (0, 4.0)), (115.0, (1, 0.0)), (121.0, (1, 1.0)), (130.0, None)],
)
def test_a_title_begins_where_it_was_borne_or_with_what_came_after(
    since_s: float, place: tuple[int, float] | None
) -> None:
    spans = [(100.0, 110.0), (120.0, 130.0)]
    expected = {Chapter(0, "first", 0.0)} | ({Chapter(place[0], "t", place[1])} if place else set())
    found = chapters_of([Title(105.0, "first"), Title(since_s, "t")], spans)
    assert set(found) == expected
