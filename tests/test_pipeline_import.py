"""From the inbox into raw/ or refused/: each file once, with one reason, and never lost."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pipeline_parts import TOOLS, House

from supervisor_core.deadline import Worker
from supervisor_core.keys import IntakeKey
from supervisor_core.media.policy import Profile
from supervisor_core.pipeline.child import Examined
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Arrival as State
from supervisor_core.store import audit, identifiers
from supervisor_core.store.lock import hold_file


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as warm:
        yield warm


def states(house: House, key: IntakeKey) -> list[tuple[State, Reason | None]]:
    return [(item.arrival, item.reason) for item in house.pipeline.summary(key).items]


def test_files_leave_the_inbox_for_raw(house: House) -> None:
    first, second = house.drop("Eva Müller.png", "one"), house.drop("sub/b.png", "two")
    key = house.record(first, second)
    report = house.pipeline.import_items(key)
    assert (report.imported, report.duplicates, report.refused, report.waiting) == (2, 0, {}, {})
    assert house.files("raw") == ["one", "two"]
    assert house.everywhere() == ["one", "two"]
    assert all(
        path.name.startswith(path.parent.name) and path.suffix == ".png"
        for path in house.home.raw.rglob("*.*")
    )
    assert house.progress[-1] == (2, 2)


def test_importing_again_changes_nothing(house: House) -> None:
    key = house.arrive("one", "import = FILE_EMPTY")
    again = house.pipeline.import_items(key)
    assert (again.imported, again.known, again.refused) == (0, 2, {})
    assert house.everywhere() == ["import = FILE_EMPTY", "one"]


def test_a_refused_file_is_kept_with_its_reason_and_stops_no_other(house: House) -> None:
    refused = "import = UNSUPPORTED_CODEC"
    key = house.arrive("one", refused, "two")
    assert states(house, key) == [
        (State.IMPORTED, None),
        (State.REFUSED, Reason.UNSUPPORTED_CODEC),
        (State.IMPORTED, None),
    ]
    assert house.files("refused") == [refused]
    assert [path.name for path in house.home.refused.iterdir()] == [f"{key}-001"]


def test_the_same_bytes_twice_are_two_arrivals_and_one_file(house: House) -> None:
    first = house.arrive("same", "same", "other")
    second = house.arrive("same")
    assert [state for state, _ in states(house, first)] == [
        State.IMPORTED,
        State.DUPLICATE,
        State.IMPORTED,
    ]
    assert states(house, second) == [(State.DUPLICATE, None)]
    assert house.everywhere() == ["other", "same"]
    with house.store.read() as connection:
        (deed,) = audit.of_subject(connection, f"{second}-000")
    assert deed.verb == "keep_one_copy"


def test_a_second_copy_makes_good_a_raw_file_that_was_damaged(house: House) -> None:
    house.arrive("content")
    (path,) = house.home.raw.rglob("*.png")
    path.write_text("rotten")
    house.arrive("content")
    assert house.files("raw") == ["content"]


def test_a_second_copy_of_what_lies_aside_joins_it_there(house: House) -> None:
    text = "frame_level = DECODE_FAILED\nroi_mask = DECODE_FAILED"
    house.clean(house.arrive(text))
    house.arrive(text)
    assert house.files("aside") == [text]
    assert house.everywhere() == [text]


def test_a_file_that_vanished_is_told_so(house: House) -> None:
    file = house.drop("a.png", "one")
    key = house.record(file)
    (house.home.inbox / "a.png").unlink()
    assert house.pipeline.import_items(key).refused == {Reason.FILE_NOT_FOUND: 1}
    assert states(house, key) == [(State.REFUSED, Reason.FILE_NOT_FOUND)]


def test_a_file_that_changed_since_it_was_seen_stays_and_comes_in_anew(house: House) -> None:
    key = house.record(house.drop("a.png", "one"))
    newer = house.drop("a.png", "one and more")
    report = house.pipeline.import_items(key)
    assert (report.waiting, report.again) == ({Reason.FILE_CHANGED: 1}, True)
    assert house.files("inbox") == ["one and more"]
    house.pipeline.import_items(house.record(newer))
    assert house.pipeline.import_items(key).refused == {Reason.FILE_NOT_FOUND: 1}
    assert house.everywhere() == ["one and more"]


def write_more(path: Path, outside_name: str, profile: Profile) -> Examined:
    with path.open("a") as file:
        file.write(" and more")
    raise Failed(Reason.FILE_CHANGED)


def test_a_file_that_is_written_while_it_is_read_goes_back(house: House) -> None:
    house.tools = replace(TOOLS, examine=write_more)
    key = house.record(house.drop("deep/a.png", "one"))
    assert house.pipeline.import_items(key).waiting == {Reason.FILE_CHANGED: 1}
    assert (house.home.inbox / "deep" / "a.png").read_text() == "one and more"
    assert house.everywhere() == ["one and more"]


def write_more_and_drop(path: Path, outside_name: str, profile: Profile) -> Examined:
    (path.parents[1] / "inbox" / "a.png").write_text("newer")
    return write_more(path, outside_name, profile)


def test_a_file_whose_place_was_taken_meanwhile_is_kept_apart(house: House) -> None:
    house.tools = replace(TOOLS, examine=write_more_and_drop)
    key = house.record(house.drop("a.png", "one"))
    assert house.pipeline.import_items(key).refused == {Reason.FILE_CHANGED: 1}
    assert house.files("inbox") == ["newer"]
    assert house.files("refused") == ["one and more"]


def test_a_copy_that_was_cut_off_leaves_no_second_file(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = house.record(house.drop("a.png", "one"))
    (tmp_path / "second name.png").hardlink_to(house.home.inbox / "a.png")
    monkeypatch.setenv("SUPERVISOR_FAULT", "take.copied:full")
    assert house.pipeline.import_items(key).waiting == {Reason.DISK_FULL: 1}
    monkeypatch.delenv("SUPERVISOR_FAULT")
    assert house.pipeline.import_items(key).imported == 1
    assert house.everywhere() == ["one"]


def test_what_is_no_file_is_moved_unopened(house: House, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_text("not in the inbox")
    (house.home.inbox / "link.png").symlink_to(secret)
    os.mkfifo(house.home.inbox / "pipe.png")
    key = house.record(house.see("link.png"), house.see("pipe.png"), house.drop("c.png", "one"))
    report = house.pipeline.import_items(key)
    assert (report.imported, report.refused) == (1, {Reason.NOT_A_FILE: 2})
    assert house.files("refused") == ["a link", "a pipe"]
    assert house.files("inbox") == []
    assert secret.read_text() == "not in the inbox"


def test_a_folder_that_became_a_link_leads_nowhere(house: House, tmp_path: Path) -> None:
    file = house.drop("sub/a.png", "one")
    outside = tmp_path / "outside"
    shutil.move(house.home.inbox / "sub", outside)
    (house.home.inbox / "sub").symlink_to(outside)
    key = house.record(file)
    report = house.pipeline.import_items(key)
    assert report.imported == 0
    assert report.refused == {Reason.NOT_A_FILE: 1}
    assert (outside / "a.png").read_text() == "one"


@pytest.mark.parametrize(
    "name", ["-y.png", "http:x.png", "%03d.png", 'it\'s "x".png', "two\nlines.png", "\udcff.png"]
)
def test_any_name_is_just_a_name(house: House, name: str) -> None:
    key = house.record(house.drop(name, "one"))
    assert house.pipeline.import_items(key).imported == 1
    assert house.everywhere() == ["one"]


def test_the_profile_is_asked(house: House) -> None:
    seen = []

    def look(path: Path, outside_name: str, profile: Profile) -> Examined:
        seen.append((outside_name, profile.name, profile.max_bytes))
        raise Failed(Reason.FILE_TOO_LARGE, limit_bytes=profile.max_bytes or 0)

    house.tools = replace(TOOLS, examine=look)
    house.arrive("one")
    house.arrive("two", profile="archive")
    assert [profile for _, profile, _ in seen] == ["upload", "archive"]
    assert seen[0][2] is not None
    assert seen[1][2] is None


def test_an_unknown_profile_or_intake_is_an_error_of_its_own(house: House) -> None:
    with pytest.raises(Failed) as caught:
        house.arrive("one", profile="nobody")
    assert caught.value.reason is Reason.UNKNOWN_PROFILE
    assert house.files("inbox") == ["one"]
    with pytest.raises(Failed) as caught:
        house.pipeline.import_items(IntakeKey("20260504_ABCDEFGHIJ"))
    assert caught.value.reason is Reason.UNKNOWN_INTAKE


def test_one_process_imports_an_intake_at_a_time(house: House) -> None:
    key = house.record(house.drop("a.png", "one"))
    with hold_file(house.home.work / f"{key}.lock"), pytest.raises(Failed) as caught:
        house.pipeline.import_items(key)
    assert caught.value.reason is Reason.LEASE_LOST
    assert house.pipeline.import_items(key).imported == 1


@pytest.mark.parametrize("trouble", [Reason.DISK_FULL, Reason.IO_ERROR])
def test_a_machine_in_trouble_refuses_nothing(house: House, trouble: Reason) -> None:
    text = f"import = {trouble}"
    key = house.arrive(text, "two")
    for _ in range(5):
        report = house.pipeline.import_items(key)
        assert report.waiting == {trouble: 1}
    assert states(house, key) == [(State.SEEN, trouble), (State.IMPORTED, None)]
    house.tools = replace(TOOLS, examine=_examine_any)
    assert house.pipeline.import_items(key).imported == 1
    assert states(house, key)[0] == (State.IMPORTED, None)


def _examine_any(path: Path, outside_name: str, profile: Profile) -> Examined:
    original = path.read_text()
    found = TOOLS.examine(_blank(path), outside_name, profile)
    assert original
    return found


def _blank(path: Path) -> Path:
    """The file with the same size and time, and nothing in it that would be acted on."""
    status = path.stat()
    path.write_text("x" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return path


@pytest.mark.campaign
def test_a_file_that_kills_its_reader_is_tried_three_times(house: House, worker: Worker) -> None:
    house.worker = worker
    key = house.arrive("import = crash", "two")
    assert states(house, key) == [(State.SEEN, Reason.WORKER_CRASHED), (State.IMPORTED, None)]
    assert house.pipeline.import_items(key).waiting == {Reason.WORKER_CRASHED: 1}
    assert house.pipeline.import_items(key).refused == {Reason.WORKER_CRASHED: 1}
    assert house.files("refused") == ["import = crash"]
    assert house.files("work") == []


def test_a_file_that_blocks_its_reader_ends_at_the_limit(tmp_path: Path, worker: Worker) -> None:
    house = House(tmp_path, worker, changes={"import_base_s": 3, "import_tries": 1})
    key = house.arrive("import = hang", "two")
    assert states(house, key) == [(State.REFUSED, Reason.TIMEOUT), (State.IMPORTED, None)]


def test_the_tags_of_a_dicom_file_are_kept_apart(house: House) -> None:
    key = house.arrive("dicom of Kanarienvogel^Eva")
    (item,) = house.pipeline.summary(key).items
    with house.store.restricted() as connection:
        tags = identifiers.tags_of(connection, item.media.media)
    assert tags == {"PatientName": "dicom of Kanarienvogel^Eva"}
    plain = (house.home.store / "supervisor.duckdb").read_bytes()
    assert b"Kanarienvogel" not in plain


def test_a_full_batch_is_recorded_in_few_transactions(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [house.drop(f"{number}.png", f"text {number}") for number in range(100)]
    key = house.record(*files)
    opened = []
    write = house.store.write
    monkeypatch.setattr(house.store, "write", lambda: opened.append(1) or write())
    assert house.pipeline.import_items(key).imported == 100
    assert len(opened) <= 14


def test_an_inbox_on_another_disk_is_emptied_all_the_same(house: House) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == house.home.root.stat().st_dev:
        pytest.skip("there is no second disk here")
    with TemporaryDirectory(dir=other) as folder:
        house.home.inbox.rmdir()
        house.home.inbox.symlink_to(folder)
        key = house.arrive("one", "one", "import = UNSUPPORTED_CODEC")
        house.clean(key)
        assert states(house, key)[0] == (State.IMPORTED, None)
        assert list(Path(folder).iterdir()) == []
    assert house.files("raw") == ["one"]
    assert house.files("refused") == ["import = UNSUPPORTED_CODEC"]
