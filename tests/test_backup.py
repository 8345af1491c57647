"""A backup holds what the files do not tell, as of one moment; a restore loses nothing."""

import os
import shutil
import sqlite3
import subprocess
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pipeline_parts import House, item
from store_builders import start_python

from supervisor_core.backup.contents import MAIN, RESTRICTED
from supervisor_core.backup.found_again import FoundAgain, look_for_files
from supervisor_core.backup.making import Made, back_up
from supervisor_core.backup.restoring import restore
from supervisor_core.backup.shelf import Backup, backups_in, drop_old, find_backup, kept
from supervisor_core.care.consistency import look_over
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Cleaning
from supervisor_core.store import lock
from supervisor_core.store import media as media_table

DAY = timedelta(days=1)
INDEX = "dagster/history/runs/index.db"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def made_of(house: House, folder: Path | None = None) -> Made:
    into = folder or house.folder / "backups"
    return back_up(house.home, house.settings, into, house.store.now())


def write_index(house: House, word: str) -> None:
    """Dagster's database as its writers leave it: most of it in its log."""
    path = house.home.root / INDEX
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS said (word TEXT)")
        connection.execute("INSERT INTO said VALUES (?)", [word])
        connection.commit()


def index_says(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT word FROM said").fetchall()]


def lose_store(house: House) -> None:
    shutil.rmtree(house.home.store)
    house.home.store.mkdir(mode=0o700)


def come_back(house: House, backup: Backup, **how: bool) -> tuple[House, FoundAgain]:
    restore(house.home, house.settings, backup, house.store.now(), **how)
    again = House(house.folder, clock=house.clock)
    return again, again.pipeline.do(look_for_files)


def reason_of(call: object, *arguments: object, **more: object) -> Reason:
    with pytest.raises(Failed) as failed:
        call(*arguments, **more)  # type: ignore[operator]
    return failed.value.reason


# Making


def test_a_backup_is_complete_private_and_holds_no_key_and_no_media(house: House) -> None:
    key = house.arrive("one", "name")
    house.clean(key)
    write_index(house, "a run")
    (house.home.root / "streams.toml").write_text("[a]\n")
    profiles = house.home.root / "profiles"
    profiles.mkdir()
    (profiles / "mine.toml").write_text("mask = 'all_text'\n")
    os.link(house.home.root / "restricted.key", profiles / "key")
    (house.home.store / "published.duckdb").write_bytes(b"x")
    made = made_of(house)
    path = made.backup.path
    assert made.readable
    names = {one.relative_to(path).as_posix() for one in path.rglob("*") if one.is_file()}
    assert names == {
        MAIN,
        RESTRICTED,
        INDEX,
        "config/streams.toml",
        "config/profiles/mine.toml",
        "backup.json",
        "SHA256SUMS",
    }
    modes = {one.stat().st_mode & 0o077 for one in (path, *path.iterdir(), path / MAIN)}
    assert (path.stat().st_mode & 0o777, (path / MAIN).stat().st_mode & 0o777) == (0o700, 0o600)
    assert modes <= {0, 0o055}  # a folder in an owner-only one
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=path, check=True)
    about = made.backup.about()
    assert about["main"]["rows"]["media"] == 2
    assert about["restricted"]["rows"]["identifier"] == 1
    assert index_says(path / INDEX) == ["a run"]


def test_both_files_are_of_one_moment_while_others_write(house: House) -> None:
    """A writer fills the restricted file first and then the main one, as everybody does."""
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with house.store.restricted() as connection:
                connection.execute("INSERT INTO arrival_name VALUES (?, 'x')", [str(number)])
            with house.store.write() as connection:
                connection.execute(
                    "INSERT INTO audit VALUES (?, now(), 'w', 'v', 's', '{}')", [str(number)]
                )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = [made_of(house).backup.about() for _ in range(3)]
    finally:
        stop.set()
        writer.join()
    for about in found:
        names, deeds = about["restricted"]["rows"]["arrival_name"], about["main"]["rows"]["audit"]
        assert names - deeds in (0, 1)
    assert found[-1]["main"]["rows"]["audit"] > found[0]["main"]["rows"]["audit"]


def test_what_lies_in_the_log_of_a_database_is_in_the_backup(house: House) -> None:
    import duckdb

    with closing(duckdb.connect(str(house.home.root / MAIN))) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("INSERT INTO audit VALUES ('a', now(), 'w', 'v', 's', '{}')")
    assert (house.home.store / "supervisor.duckdb.wal").stat().st_size
    assert made_of(house).backup.about()["main"]["rows"]["audit"] == 1


def test_a_damaged_store_makes_no_backup_and_costs_none(house: House) -> None:
    house.clean(house.arrive(*map(str, range(9))))
    first = made_of(house).backup
    path = house.home.root / MAIN
    content = bytearray(path.read_bytes())
    for place in range(20_000, len(content) - 10, 4096):
        content[place] ^= 0xFF
    path.write_bytes(content)
    assert reason_of(made_of, house) is Reason.STORE_DAMAGED
    assert [one.path for one in backups_in(first.path.parent)] == [first.path]
    assert sorted(one.name for one in first.path.parent.iterdir()) == [first.path.name]


def test_an_older_store_in_the_place_of_the_last_is_not_backed_up(house: House) -> None:
    older = (house.home.root / MAIN).read_bytes()
    house.arrive("one")
    (house.home.root / MAIN).write_bytes(older)
    assert reason_of(made_of, house) is Reason.STORE_DAMAGED


def test_it_says_that_the_disk_is_too_small_before_it_writes(tmp_path: Path) -> None:
    house = House(tmp_path, changes={"reserve_bytes": 10**18})
    with pytest.raises(Failed) as failed:
        made_of(house)
    assert failed.value.reason is Reason.DISK_FULL
    assert set(failed.value.facts) == {"needed_bytes", "free_bytes"}
    assert list((tmp_path / "backups").iterdir()) == []


def test_without_its_key_the_encrypted_file_is_copied_as_it_is(house: House) -> None:
    (house.home.root / "restricted.key").unlink()
    made = made_of(house)
    assert not made.readable
    assert (made.backup.path / RESTRICTED).read_bytes() == (
        house.home.root / RESTRICTED
    ).read_bytes()


def test_a_folder_that_is_for_something_else_takes_no_backup(house: House) -> None:
    for folder in (house.home.inbox, house.home.cleaned / "x", house.home.root):
        assert reason_of(made_of, house, folder) is Reason.BAD_CONFIGURATION
    assert made_of(house, house.home.root / "backups").readable


def test_one_at_a_time(house: House) -> None:
    shelf = house.folder / "backups"
    shelf.mkdir()
    with lock.hold_file(shelf / ".backup.lock"):
        assert reason_of(made_of, house) is Reason.STORE_BUSY


BACKING_UP = """
import sys; sys.path[:0] = ["tests"]
from pathlib import Path
from pipeline_parts import House
from supervisor_core.backup.making import back_up
house = House(Path(sys.argv[1]))
back_up(house.home, house.settings, Path(sys.argv[1]) / "backups", house.store.now())
"""


@pytest.mark.parametrize(
    "point", ["backup.copied", pytest.param("backup.synced", marks=pytest.mark.campaign)]
)
def test_a_backup_that_is_killed_is_none_and_is_swept(house: House, point: str) -> None:
    with start_python(BACKING_UP, house.folder, SUPERVISOR_FAULT=point) as process:
        assert process.wait(60) == -9
    shelf = house.folder / "backups"
    assert backups_in(shelf) == []
    assert any(path.name.endswith(".part") for path in shelf.iterdir())
    made = made_of(house)
    assert [path.name for path in shelf.iterdir()] == [made.backup.path.name]


# Keeping


def test_the_last_of_seven_days_and_of_four_weeks_stay() -> None:
    start = datetime(2026, 1, 1, 3, tzinfo=UTC)
    moments = [start + number * DAY / 2 for number in range(200)]
    all_ = [Backup(Path(f"{number:03d}"), made) for number, made in enumerate(moments)]
    there: set[Backup] = set()
    for one in all_:
        there = kept({*there, one}, 7, 4)
        assert one in there
    days = sorted({one.made.date() for one in there}, reverse=True)
    assert len(there) == len(days) <= 11
    assert days[:7] == [days[0] - number * DAY for number in range(7)]
    assert {one.isocalendar().week for one in days} >= {
        days[0].isocalendar().week - n for n in (1, 2, 3)
    }


def test_old_backups_do_not_go_without_new_ones(house: House) -> None:
    for _ in range(3):
        made_of(house)
        house.clock.turn(3600)
    shelf = house.folder / "backups"
    (shelf / "mine").mkdir()
    gone = drop_old(shelf, 7, 4)
    assert len(gone) == 2
    (left,) = backups_in(shelf)
    assert left.made > max(one.made for one in gone)
    assert (shelf / "mine").is_dir()
    house.clock.turn(400 * 86_400)
    assert drop_old(shelf, 7, 4) == []
    assert (
        find_backup(
            "latest", house.home, house.settings.model_copy(update={"backup_folder": shelf})
        ).made
        == left.made
    )


# Back


def test_nothing_is_lost_that_came_before_or_after_the_backup(house: House) -> None:
    a = house.arrive("one", "name", "frame_level = DECODE_FAILED\nroi_mask = DECODE_FAILED")
    house.clean(a)
    house.pipeline.thumbnails(a)
    write_index(house, "before")
    backup = made_of(house).backup
    before = originals(house)
    states = [item(house, a, n).media for n in range(3)]
    b = house.arrive("two", "three")
    house.clean(b)
    house.pipeline.thumbnails(b)
    house.drop("later.png", "four")
    write_index(house, "after")
    lose_store(house)
    again, found = come_back(house, backup)
    assert [item(again, a, n).media for n in range(3)] == states
    assert (found.taken_in, found.thrown, found.missing, found.cleaned_again) == (2, 4, 0, 0)
    assert originals(again) == sorted([*before, "two", "three", "four"])
    assert again.pipeline.do(look_over).findings == ()
    assert index_says(again.home.root / INDEX) == ["before"]
    assert "after" in index_says(next(again.home.trash.glob(f"restored-*/{INDEX}")))
    # What was found comes in as what is dropped does.
    names = [
        path.relative_to(again.home.inbox).as_posix()
        for path in (again.home.root / found.inbox).iterdir()
    ]
    c = again.record(*map(again.see, names))
    again.pipeline.import_items(c)
    again.clean(c)
    assert {item(again, c, n).media.cleaning for n in range(2)} == {Cleaning.FRAME_LEVEL}  # type: ignore[union-attr]
    assert sorted(again.files("cleaned")) == sorted(
        f"frame_level of {word}" for word in ("one", "name", "two", "three")
    )
    assert again.pipeline.do(look_for_files) == FoundAgain()


def originals(house: House) -> list[str]:
    return sorted(text for place in ("inbox", "raw", "aside") for text in house.files(place))


def test_what_moved_since_is_put_where_its_row_says(house: House) -> None:
    a = house.arrive("one", "two")
    house.clean(a)
    backup = made_of(house).backup
    with house.store.read() as connection:
        first, second = media_table.of_intake(connection, a)
    raw = house.home.absolute(first.raw_path)
    aside = house.home.aside / raw.parent.name / raw.name
    aside.parent.mkdir()
    raw.rename(aside)
    for path in house.home.cleaned.rglob("*.png"):
        if path.read_text() == "frame_level of two":
            path.unlink()
    house.home.absolute(second.raw_path).touch()
    (house.home.refused / "20260504_AAAAAAAAAA-000").write_text("no")
    (house.home.recordings / "20260504_BBBBBBBBBB").mkdir()
    (house.home.work / "20260504_CCCCCCCCCC-001.taken").write_text("half way")
    again, found = come_back(house, backup)
    assert (found.moved, found.cleaned_again, found.refused) == (1, 1, 1)
    assert found.sessions == ("20260504_BBBBBBBBBB",)
    assert again.files(found.inbox) == ["half way"]
    assert raw.read_text() == "one"
    again.clean(a)
    assert again.files("cleaned") == ["frame_level of one", "frame_level of two"]
    assert again.pipeline.do(look_over).findings == ()


def test_a_dry_run_tells_the_same_and_changes_nothing(house: House) -> None:
    house.clean(house.arrive("one"))
    backup = made_of(house).backup
    house.clean(house.arrive("two"))
    before = state_of(house)
    restored = restore(house.home, house.settings, backup, house.store.now(), dry_run=True)
    assert restored.rows["media"] == 1
    assert state_of(house) == before


def state_of(house: House) -> dict[str, bytes]:
    paths = [*house.home.store.rglob("*"), *house.home.trash.rglob("*")]
    return {
        str(path): path.read_bytes()
        for path in paths
        if path.is_file() and path.suffix not in (".lock", ".turnstile")
    }


@pytest.mark.parametrize("other", [None, pytest.param("f" * 64, marks=pytest.mark.campaign)])
def test_without_the_key_only_the_identifiers_are_lost(house: House, other: str | None) -> None:
    a = house.arrive("one", "name")
    house.clean(a)
    backup = made_of(house).backup
    states = [item(house, a, n).media for n in range(2)]
    key = house.home.root / "restricted.key"
    key.unlink()
    if other:
        key.write_text(other)
        key.chmod(0o600)
    before, now = state_of(house), house.store.now()
    refused = reason_of(restore, house.home, house.settings, backup, now)
    assert refused is Reason.RESTRICTED_KEY_MISSING
    assert state_of(house) == before
    again, _ = come_back(house, backup, identifiers=False)
    assert [item(again, a, n).media for n in range(2)] == states
    with again.store.restricted() as connection:
        assert connection.execute("SELECT count(*) FROM identifier").fetchone() == (0,)
    b = again.arrive("new")
    again.clean(b)
    assert item(again, b).media.cleaning is Cleaning.FRAME_LEVEL  # type: ignore[union-attr]
    assert list(again.home.trash.glob(f"restored-*/{RESTRICTED}"))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def lead_away(path: Path) -> None:
    copy = path.with_name("copy")
    path.rename(copy)
    path.symlink_to(copy)


def climb(path: Path) -> None:
    sums = path.parents[1] / "SHA256SUMS"
    sums.write_text(sums.read_text().replace(MAIN, f"../x/{MAIN}"))


@pytest.mark.parametrize(
    ("name", "break_"),
    [(MAIN, flip), (RESTRICTED, cut), (RESTRICTED, Path.unlink), (MAIN, lead_away), (MAIN, climb)],
)
def test_a_damaged_backup_is_refused_before_anything_is_touched(
    house: House, name: str, break_: object
) -> None:
    house.arrive("one")
    backup = made_of(house).backup
    house.arrive("two")
    break_(backup.path / name)  # type: ignore[operator]
    before = state_of(house)
    now = house.store.now()
    assert reason_of(restore, house.home, house.settings, backup, now) is Reason.BACKUP_DAMAGED
    assert state_of(house) == before


def test_one_of_a_newer_program_is_refused(house: House) -> None:
    with house.store.write() as connection:
        connection.execute("INSERT INTO migration VALUES (9999)")
    backup = made_of(house).backup
    with house.store.write() as connection:
        connection.execute("DELETE FROM migration WHERE version = 9999")
    before, now = state_of(house), house.store.now()
    assert reason_of(restore, house.home, house.settings, backup, now) is Reason.BAD_CONFIGURATION
    assert state_of(house) == before


def test_one_of_an_older_program_is_brought_up_to_date(house: House) -> None:
    a = house.arrive("one")
    with house.store.write() as connection:
        connection.execute("DROP TABLE alert_cause")
        connection.execute("DROP TABLE alert_message")
        connection.execute("DROP TABLE alert_delivery")
        connection.execute("DROP TABLE alert_position")
        connection.execute("DELETE FROM migration WHERE version = 11")
    backup = made_of(house).backup
    again, _ = come_back(house, backup)
    assert item(again, a).media is not None
    with again.store.read() as connection:
        assert connection.execute("SELECT count(*) FROM alert_cause").fetchone() == (0,)
        assert connection.execute("SELECT 11 IN (FROM migration)").fetchone() == (True,)


def test_what_the_operator_wrote_comes_back_only_where_it_is_gone(house: House) -> None:
    streams, names = house.home.root / "streams.toml", house.home.root / "names.txt"
    streams.write_text("[a]\n")
    names.write_text("Eva\n")
    backup = made_of(house).backup
    streams.write_text("[b]\n")
    names.unlink()
    restored = restore(house.home, house.settings, backup, house.store.now())
    assert restored.words == ("names.txt",)
    assert (streams.read_text(), names.read_text()) == ("[b]\n", "Eva\n")
    assert names.stat().st_mode & 0o777 == 0o600


RESTORING = """
import sys; sys.path[:0] = ["tests"]
from pathlib import Path
from store_builders import Clock, settings_for
from supervisor_core.backup.restoring import restore
from supervisor_core.backup.shelf import backups_in
folder = Path(sys.argv[1])
settings = settings_for(folder, reserve_bytes=0)
restore(settings.open_home(), settings, backups_in(folder / "backups")[0], Clock()())
"""


@pytest.mark.parametrize(
    "fault",
    [
        "restore.staged",
        "restore.moved:kill:2",
        *(
            pytest.param(fault, marks=pytest.mark.campaign)
            for fault in (
                "restore.decided",
                "restore.done",
                *(f"restore.moved:kill:{number}" for number in (1, 3, 4, 5, 6, 7)),
            )
        ),
    ],
)
def test_a_restore_that_is_killed_leaves_the_old_store_or_the_new(house: House, fault: str) -> None:
    house.arrive("one")
    write_index(house, "before")
    made_of(house)
    house.arrive("two")
    write_index(house, "after")
    with start_python(RESTORING, house.folder, SUPERVISOR_FAULT=fault) as process:
        assert process.wait(60) == -9
    again = House(house.folder, clock=house.clock)
    with again.store.write() as connection:
        (media,) = connection.execute("SELECT count(*) FROM media").fetchone() or (0,)
    with again.store.restricted() as connection:
        (names,) = connection.execute("SELECT count(*) FROM arrival_name").fetchone() or (0,)
    old = fault == "restore.staged"
    assert (media, names, index_says(again.home.root / INDEX)) == (
        (2, 2, ["before", "after"]) if old else (1, 1, ["before"])
    )
    assert again.pipeline.do(look_for_files).taken_in == (0 if old else 1)
    assert not (again.home.store / "restore.json").exists()
