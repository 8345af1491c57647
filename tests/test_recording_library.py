"""The library for people: names any system bears, second names or copies, and what goes from it."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.library import FAVOURITE, MARK, Episode, Kept, add, episodes, root_of
from supervisor_core.recording.names import episode_name, safe_name, started_of
from supervisor_core.recording.retention import discard, plan_retention
from supervisor_core.recording.streams import Keep
from supervisor_core.settings import Settings

START = datetime(2026, 11, 21, 13, 45, 7, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def trash(tmp_path: Path) -> Path:
    return tmp_path / "trash"


def made(folder: Path, content: str = "media", name: str = "a.mp4") -> Path:
    path = folder / name
    path.write_text(content)
    return path


def tree(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("Bühne 1 ☂ 日本", "Bühne 1 ☂ 日本"),
        ("Bu\u0308hne", "Bühne"),
        ("../../etc/passwd", "etc passwd"),
        ("..", "unnamed"),
        ("-rf *", "rf"),
        ("~root", "root"),
        (".hidden", "hidden"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("a\0b\nc\u202ed", "a b c d"),
        ("what? a|b\\c", "what a b c"),
        ("ends. . .", "ends"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("", "unnamed"),
    ],
)
def test_a_name_from_outside_is_made_safe(told: str, name: str) -> None:
    assert safe_name(told) == name


@given(st.text(max_size=300), st.none() | st.integers(1, 10**6))
def test_every_name_can_be_made_and_made_again(told: str, part: int | None) -> None:
    name = episode_name(told, START, part, ".mp4")
    assert len((name + FAVOURITE).encode()) <= 255
    assert not set(name) & set('/\\\0\n:*?"<>|')
    assert name[0] not in ".- "
    assert started_of(name) == START
    assert safe_name(safe_name(told)) == safe_name(told)


def test_an_episode_is_a_second_name_of_the_file(tmp_path: Path, root: Path) -> None:
    source = made(tmp_path)
    path = add(source, Episode("lobby", START, 2), root)
    assert path == Path("lobby/Season 2026-11/lobby 2026-11-21 13-45-07 [2].mp4")
    assert (root / path).samefile(source)
    assert add(source, Episode("lobby", START, 2), root) == path
    assert tree(root) == {f"lobby/{MARK}", path.as_posix()}
    flat = add(source, Episode("lobby", START, 2), root, seasons=False)
    assert flat == Path("lobby", path.name)


def test_the_operator_says_where_it_lies(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert root_of(home, Settings()) == tmp_path / "home" / "library"
    assert root_of(home, Settings(recording_library=tmp_path / "films")) == tmp_path / "films"


def test_a_copy_is_made_where_it_is_asked_for(tmp_path: Path, root: Path) -> None:
    source = made(tmp_path)
    path = add(source, Episode("lobby", START), root, copies=True)
    assert not (root / path).samefile(source)
    assert (root / path).read_text() == "media"
    assert add(source, Episode("lobby", START), root, copies=True) == path
    assert add(source, Episode("lobby", START), root) == path


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="one disk only")
def test_on_another_disk_it_is_a_copy(tmp_path: Path) -> None:
    root = Path("/dev/shm") / f"library-{os.getpid()}"
    source, trash = made(tmp_path), tmp_path / "trash"
    try:
        path = add(source, Episode("lobby", START), root)
        assert (root / path).stat().st_dev != source.stat().st_dev
        assert add(source, Episode("lobby", START), root) == path
        (gone,) = discard(episodes(root), root, trash)
        assert gone.path == path
        assert [one.read_text() for one in trash.rglob("*.mp4")] == ["media"]
        assert tree(root) == {f"lobby/{MARK}"}
    finally:
        for one in sorted(root.rglob("*"), reverse=True):
            one.rmdir() if one.is_dir() else one.unlink()
        root.rmdir()


def test_a_copy_without_room_leaves_nothing(tmp_path: Path, root: Path) -> None:
    with pytest.raises(Failed) as failed:
        add(made(tmp_path), Episode("lobby", START), root, copies=True, reserve_bytes=2**62)
    assert failed.value.reason is Reason.DISK_FULL
    assert tree(root) == {f"lobby/{MARK}"}


def test_names_that_become_equal_get_a_number(tmp_path: Path, root: Path) -> None:
    files = [made(tmp_path, str(number), f"{number}.mp4") for number in range(3)]
    paths = [add(file, Episode("a/b", START), root) for file in files]
    assert [path.name[-24:] for path in paths] == [
        " 2026-11-21 13-45-07.mp4",
        "26-11-21 13-45-07 (2).mp4"[-24:],
        "26-11-21 13-45-07 (3).mp4"[-24:],
    ]
    other = add(files[0], Episode("a:b", START), root)
    assert [path.parts[0] for path in (paths[0], other)] == ["a b", "a b (2)"]
    assert {kept.stream for kept in episodes(root)} == {"a/b", "a:b"}


def test_nothing_is_written_through_a_link(tmp_path: Path, root: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root.mkdir()
    (root / "lobby").symlink_to(outside)
    with pytest.raises(Failed) as failed:
        add(made(tmp_path), Episode("lobby", START), root)
    assert failed.value.reason is Reason.NOT_A_FILE
    (root / "hall").mkdir()
    (root / "hall/Season 2026-11").symlink_to(outside)
    with pytest.raises(Failed):
        add(made(tmp_path), Episode("hall", START), root)
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")
    with pytest.raises(Failed):
        add(tmp_path / "link.mp4", Episode("yard", START), root)
    assert list(outside.iterdir()) == []


def test_only_episodes_are_listed(tmp_path: Path, root: Path) -> None:
    path = add(made(tmp_path), Episode("lobby", START), root)
    season = (root / path).parent
    made(season, name="holiday.mp4")
    made(season, name="poster.jpg")
    (season / "lobby 2026-11-22 00-00-00.mp4").symlink_to(tmp_path / "a.mp4")
    (root / "linked").symlink_to(root / "lobby")
    assert episodes(root) == [Kept(path, "lobby", START, 5, favourite=False)]
    made(season, name=path.name + FAVOURITE)
    assert [kept.favourite for kept in episodes(root)] == [True]
    assert episodes(tmp_path / "nowhere") == []


def kept(days: int, size_bytes: int = 10, part: int = 0, favourite: bool = False) -> Kept:
    return Kept(Path(f"s/{days}-{part}"), "s", START - days * DAY, size_bytes, favourite)


def left(all_: list[Kept], keep: Keep) -> list[str]:
    going = plan_retention(all_, keep, START + DAY / 2)
    return [one.path.name for one in all_ if one not in going]


def test_what_is_set_decides_what_stays() -> None:
    all_ = [kept(day) for day in range(6)]
    assert left(all_, Keep()) == [f"{day}-0" for day in range(6)]
    assert left(all_, Keep(count=2)) == ["0-0", "1-0"]
    assert left(all_, Keep(days=3)) == ["0-0", "1-0", "2-0"]
    assert left(all_, Keep(bytes=25)) == ["0-0", "1-0"]
    assert left(all_, Keep(bytes=1)) == ["0-0"]
    assert left(all_, Keep(count=4, days=3, bytes=25)) == ["0-0", "1-0"]


def test_favourites_stay_and_parts_of_one_recording_go_together() -> None:
    all_ = [
        kept(0),
        kept(1, favourite=True),
        kept(2),
        kept(2, part=1),
        kept(3),
        kept(9, 100, 0, True),
    ]
    assert left(all_, Keep(count=2)) == ["0-0", "1-0", "2-0", "2-1", "9-0"]
    assert left(all_, Keep(days=2)) == ["0-0", "1-0", "9-0"]
    assert left(all_, Keep(bytes=125)) == ["0-0", "1-0", "9-0"]
    going = plan_retention(all_, Keep(count=1), START, favourites={Path("s/2-1")})
    assert [one.path.name for one in going] == ["3-0"]


@given(
    st.lists(
        st.builds(kept, st.integers(0, 9), st.integers(0, 50), st.integers(0, 2), st.booleans())
    ),
    st.builds(
        Keep,
        count=st.none() | st.integers(1, 5),
        days=st.none() | st.integers(1, 8),
        bytes=st.none() | st.integers(1, 200),
    ),
)
def test_a_stricter_rule_never_keeps_more(all_: list[Kept], keep: Keep) -> None:
    going = plan_retention(all_, keep, START)
    assert not any(one.favourite for one in going)
    stricter = Keep(count=keep.count or 1, days=keep.days or 1, bytes=keep.bytes or 1)
    assert set(going) <= set(plan_retention(all_, stricter, START))
    stays = [one for one in all_ if one not in going]
    assert plan_retention(stays, keep, START) == []


def filled(tmp_path: Path, root: Path, days: int) -> list[Kept]:
    for day in range(days):
        source = made(tmp_path, str(day), f"{day}.mp4")
        add(source, Episode("lobby", START - 40 * day * DAY), root)
    return episodes(root)


def test_what_goes_goes_to_the_trash_with_what_lies_beside_it(
    tmp_path: Path, root: Path, trash: Path
) -> None:
    first, last = filled(tmp_path, root, 2)
    season = root / first.path.parent
    made(season, name=f"{first.path.stem}.nfo")
    made(season, name="poster.jpg")
    (season / "best of").symlink_to(tmp_path)
    assert discard([first], root, trash) == [first]
    assert not season.exists()
    assert (tmp_path / "1.mp4").read_text() == "1"
    assert {path.name for path in trash.rglob("*") if path.is_file()} == {
        first.path.name,
        f"{first.path.stem}.nfo",
        "poster.jpg",
    }
    assert (root / last.path).is_file()
    assert discard([first], root, trash) == []


@pytest.mark.parametrize("name", ["holiday.mp4", "notes.txt", "more/", "poster.jpg/", ".keep"])
def test_a_season_with_anything_else_stays(
    tmp_path: Path, root: Path, trash: Path, name: str
) -> None:
    (episode,) = filled(tmp_path, root, 1)
    season = root / episode.path.parent
    if name.endswith("/"):
        (season / name).mkdir()
    else:
        made(season, name=name)
    (season / "link").symlink_to(tmp_path)
    discard([episode], root, trash)
    assert (season / name).exists()
    assert (season / "link").is_symlink()


def test_a_favourite_stays_whatever_was_planned(tmp_path: Path, root: Path, trash: Path) -> None:
    (episode,) = filled(tmp_path, root, 1)
    made((root / episode.path).parent, name=episode.path.name + FAVOURITE)
    assert discard([episode], root, trash) == []
    assert (root / episode.path).is_file()


def test_nothing_outside_the_library_goes(tmp_path: Path, root: Path, trash: Path) -> None:
    (episode,) = filled(tmp_path, root, 1)
    victim = made(tmp_path, name=episode.path.name)
    (root / "out").symlink_to(tmp_path)
    for path in (Path("..", victim.name), Path("out", victim.name), victim):
        with pytest.raises(Failed) as failed:
            discard([Kept(path, "s", START, 1, favourite=False)], root, trash)
        assert failed.value.reason is Reason.NOT_A_FILE
    assert victim.is_file()
    assert not trash.exists()
