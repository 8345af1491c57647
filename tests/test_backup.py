"""A backup holds what the files do not tell, as of one moment."""

import os
import subprocess
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from backup_parts import INDEX, index_says, made_of, reason_of, write_index
from backup_parts import house as house
from pipeline_parts import House
from store_builders import start_python

from supervisor_core.backup.contents import MAIN, RESTRICTED
from supervisor_core.backup.shelf import Backup, backups_in, drop_old, find_backup, kept
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store import lock

DAY = timedelta(days=1)


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
