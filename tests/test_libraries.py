"""Scanning a library: what is new, changed, moved, missing, back; when nothing is believed."""

import os
import shutil
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from library_parts import Shelf, counts, state_of
from pipeline_parts import House

from supervisor_core.keys import Fingerprint
from supervisor_core.libraries.listing import Entry, list_library
from supervisor_core.libraries.marker import MARKER
from supervisor_core.libraries.rescan import Known, compare, intakes, path_key
from supervisor_core.libraries.roots import (
    Root,
    check_place,
    enter_root,
    free_name,
    load_roots,
    name_of,
)
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store import libraries
from supervisor_core.store.arrivals import arrivals_of, find_intake


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(House(tmp_path))


def fill(shelf: Shelf, count: int = 12) -> None:
    for number in range(count):
        shelf.put(f"sub/{number:02d}.png", f"content {number}")


def test_what_is_found_is_recorded_and_nothing_is_touched(shelf: Shelf) -> None:
    shelf.put("b.PNG", "one")
    shelf.put(os.fsdecode(b"a/\xc3\xbc\xff.jpg"), "two")
    shelf.put("film.mp4", "three")
    shelf.put("notes.txt", "no media")
    (shelf.path / "link.png").symlink_to(shelf.path / "b.PNG")
    (shelf.path / "way").symlink_to(shelf.path / "a")
    before = shelf.state()
    report = shelf.scan()
    assert counts(report) == {"new": 3}
    assert (report.other, report.scan.listed, len(report.intakes)) == (3, 3, 2)
    assert shelf.state() == before
    with shelf.house.store.read() as connection:
        headers = [find_intake(connection, key) for key in report.intakes]
        sizes = [len(arrivals_of(connection, key)) for key in report.intakes]
    assert {(one.source, one.profile) for one in headers if one} == {("photos", "library")}
    assert sorted(sizes) == [1, 2]
    assert shelf.events() == ["new"] * 3


def test_a_rescan_finds_nothing_new(shelf: Shelf) -> None:
    fill(shelf)
    shelf.scan()
    report = shelf.scan()
    assert (counts(report), report.intakes) == ({"unchanged": 12}, ())


def test_a_changed_file_is_a_new_arrival(shelf: Shelf) -> None:
    fill(shelf, 2)
    shelf.scan()
    shelf.put("sub/00.png", "another content")
    report = shelf.scan()
    assert counts(report) == {"changed": 1, "unchanged": 1}
    assert len(report.intakes) == 1
    assert counts(shelf.scan()) == {"unchanged": 2}


def test_what_is_gone_is_marked_and_may_come_back(shelf: Shelf) -> None:
    fill(shelf)
    shelf.scan()
    away = shelf.house.folder / "away"
    (shelf.path / "sub/03.png").rename(away)
    assert counts(shelf.scan()) == {"missing": 1, "unchanged": 11}
    assert counts(shelf.scan()) == {"unchanged": 11}
    with shelf.house.store.read() as connection:
        sql = "SELECT missing_since >= last_seen FROM library_file WHERE state = 'missing'"
        assert connection.execute(sql).fetchall() == [(True,)]
    away.rename(shelf.path / "sub/03.png")
    report = shelf.scan()
    assert (counts(report), report.intakes) == ({"back": 1, "unchanged": 11}, ())
    assert shelf.events()[-2:] == ["missing", "back"]


def test_a_file_at_another_path_is_told_as_moved(shelf: Shelf) -> None:
    fill(shelf)
    shelf.scan()
    shutil.move(shelf.path / "sub/03.png", shelf.path / "other.png")
    report = shelf.scan()
    assert counts(report) == {"moved": 1, "unchanged": 11}
    assert len(report.intakes) == 1


def test_a_file_that_is_as_it_was_before_last_is_seen_anew(shelf: Shelf) -> None:
    path = shelf.put("a.png", "one")
    old = path.stat()
    shelf.scan()
    shelf.put("a.png", "another")
    shelf.scan()
    shelf.put("a.png", "one")
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    report = shelf.scan()
    assert counts(report) == {"changed": 1}
    with shelf.house.store.read() as connection:
        assert len(arrivals_of(connection, report.intakes[0])) == 1


def test_a_dry_run_leaves_no_trace(shelf: Shelf) -> None:
    fill(shelf)
    report = shelf.scan(dry_run=True)
    assert counts(report) == {"new": 12}
    assert not (shelf.path / MARKER).exists()
    assert counts(shelf.scan()) == {"new": 12}


def test_no_more_than_asked_for_is_recorded_and_the_rest_comes_next(shelf: Shelf) -> None:
    for number in range(5):
        shelf.put(f"{number}.mp4", f"film {number}")
    first = shelf.scan(at_most=2)
    assert (counts(first), first.left, len(first.intakes)) == ({"new": 2}, 3, 2)
    assert counts(shelf.scan()) == {"new": 3, "unchanged": 2}


def test_a_file_that_is_being_written_waits_and_is_not_missed(shelf: Shelf) -> None:
    fill(shelf)
    shelf.scan()
    report = shelf.scan(settle_s=3600)
    assert (counts(report), report.busy) == ({}, 12)
    assert counts(shelf.scan()) == {"unchanged": 12}


@pytest.mark.parametrize("gone", ["all", "marker", "empty", "other"])
def test_another_folder_in_its_place_changes_nothing(shelf: Shelf, gone: str) -> None:
    fill(shelf)
    shelf.scan()
    shelf.path.rename(shelf.house.folder / "away")
    if gone != "all":
        shelf.path.mkdir()
    if gone == "marker":
        shutil.copytree(shelf.house.folder / "away/sub", shelf.path / "sub")
    if gone == "other":
        shelf.put(MARKER, f'id = "{"0" * 32}"\n')
    report = shelf.scan()
    assert (report.reason, counts(report)) == (Reason.LIBRARY_NOT_THERE, {})
    if gone != "all":
        shutil.rmtree(shelf.path)
    (shelf.house.folder / "away").rename(shelf.path)
    assert counts(shelf.scan()) == {"unchanged": 12}


def test_more_than_half_gone_changes_nothing_until_somebody_says_so(shelf: Shelf) -> None:
    fill(shelf)
    shelf.scan()
    for number in range(7):
        (shelf.path / f"sub/{number:02d}.png").unlink()
    report = shelf.scan()
    assert (report.reason, counts(report)) == (Reason.LIBRARY_SHRUNK, {})
    assert counts(shelf.scan(accept=True)) == {"missing": 7, "unchanged": 5}
    with shelf.house.store.read() as connection:
        reasons = [one.refused_reason for one in libraries.scans_of(connection, "photos")]
    assert reasons == [None, Reason.LIBRARY_SHRUNK, None]


def test_files_of_a_folder_that_cannot_be_listed_are_not_missing(shelf: Shelf) -> None:
    fill(shelf)
    shelf.put("open/a.png", "one")
    shelf.scan()
    (shelf.path / "open/a.png").unlink()
    hidden = shelf.path / "sub"
    hidden.rename(shelf.path / "hidden")
    # A folder that refuses to be listed whoever asks: a file where a folder was.
    original = os.scandir

    def refusing(path: Path) -> object:
        if Path(path).name == "sub":
            raise PermissionError(13, "no")
        return original(path)

    (shelf.path / "hidden").rename(hidden)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", refusing)
        report = shelf.scan()
    assert (counts(report), report.unreadable) == ({"missing": 1}, 1)


def test_a_root_that_cannot_be_written_is_known_by_its_folder(shelf: Shelf) -> None:
    fill(shelf)
    (shelf.path / MARKER).mkdir()  # nobody can write a file of this name, not even root
    shelf.scan()
    assert counts(shelf.scan()) == {"unchanged": 12}
    shelf.path.rename(shelf.house.folder / "away")
    shutil.copytree(shelf.house.folder / "away", shelf.path)
    assert shelf.scan().reason is Reason.LIBRARY_NOT_THERE


def test_the_marker_of_another_home_is_kept(shelf: Shelf, tmp_path: Path) -> None:
    fill(shelf)
    shelf.scan()
    before = state_of(shelf.path), (shelf.path / MARKER).read_bytes()
    assert counts(Shelf(House(tmp_path / "second"), folder="../photos").scan()) == {"new": 12}
    assert (state_of(shelf.path), (shelf.path / MARKER).read_bytes()) == before
    assert (shelf.path / MARKER).stat().st_mode & 0o777 == 0o644


names = st.lists(st.sampled_from(["a.png", "b.png", "c/d.jpg", "e.mp4"]), unique=True, max_size=4)


@given(before=names, after=names, times=st.lists(st.integers(1, 3), min_size=4, max_size=4))
def test_every_file_is_exactly_one_thing(
    before: list[str], after: list[str], times: list[int]
) -> None:
    known = {
        path_key("s", path): Known(path_key("s", path), Fingerprint(path), 1, 1, None, True)
        for path in before
    }
    entries = [Entry(path, 1, time) for path, time in zip(after, times, strict=False)]
    found = compare("s", entries, known)
    told = len(found.new) + len(found.changed) + len(found.back) + found.unchanged
    assert told == len(entries)
    assert len(found.missing) == len(set(before) - set(after))
    assert found.moved <= min(len(found.new), len(found.missing))


def test_a_hundred_thousand_stills_make_at_most_400_intakes() -> None:
    files = [(Entry(f"{n // 7}/{n}.jpg", n, n), Fingerprint(str(n))) for n in range(100_000)]
    made = list(intakes("library", files, 0.0))
    assert len(made) == 391
    assert max(len(one.arrivals) for one in made) == 256


def test_the_roots_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "libraries.toml"
    assert load_roots(file) == {}
    file.write_text("# mine\n[clinic]\npath = '/c'\nprofile = 'archive'\n")
    enter_root(file, "library", Root(path=Path('/a "b" \\ü')))
    found = load_roots(file)
    assert found["clinic"] == Root(path=Path("/c"), profile="archive")
    assert found["library"] == Root(path=Path('/a "b" \\ü'), profile="library")
    assert file.read_text().startswith("# mine\n")
    assert free_name(found) == "library-2"
    assert name_of(Path("/c"), found) == "clinic"
    assert tomllib.loads(file.read_text())["clinic"]["profile"] == "archive"


@pytest.mark.parametrize(
    "text",
    [
        "[a",
        "[inbox]\npath = '/a'",
        "[A]\npath = '/a'",
        "[a]\npath = 'relative'",
        "[a]\npath = '/a/../b'",
        "[a]\npath = '/a'\ncolour = 1",
        "a = 1",
    ],
)
def test_what_is_no_root_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "libraries.toml").write_text(text)
    with pytest.raises(Failed) as caught:
        load_roots(tmp_path / "libraries.toml")
    assert caught.value.reason is Reason.BAD_CONFIGURATION


def test_roots_do_not_overlap_each_other_or_the_home(shelf: Shelf) -> None:
    home, others = shelf.house.home, {"photos": shelf.root}
    (shelf.house.folder / "other").mkdir()
    check_place(shelf.house.folder / "other", home, others)
    for place in (home.root, home.inbox, home.root.parent, shelf.path, shelf.path / "sub"):
        with pytest.raises(Failed):
            check_place(place, home, others)


def test_a_root_that_is_no_folder_is_no_empty_listing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name in ("file", "nothing"):
        with pytest.raises(Failed) as caught:
            list_library(tmp_path / name)
        assert caught.value.reason is Reason.LIBRARY_NOT_THERE
