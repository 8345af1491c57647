"""`doctor` on the clock, locks, rights, backups, libraries, pools: each is broken for real."""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from command import run
from library_parts import Shelf
from pipeline_parts import House

from supervisor_assets.cli import doctor_child, doctor_home, doctor_keeping, doctor_software
from supervisor_assets.cli.doctor_keeping import disk_kind, keeps_out
from supervisor_assets.cli.doctor_libraries import libraries
from supervisor_assets.cli.findings import Finding, State, checked
from supervisor_assets.instance import open_instance
from supervisor_core.backup.making import back_up
from supervisor_core.clock import utc_now
from supervisor_core.deadline import Worker
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings

Check = Callable[[Settings], Finding]
OK, WARNING, FAILED = State.OK, State.WARNING, State.FAILED


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.clock.time = utc_now()
    return house


def clock(settings: Settings) -> Finding:
    return doctor_keeping.clock(settings, doctor_keeping.now())


def later_file(house: House) -> None:
    path = house.home.logs / "supervisor.jsonl"
    path.write_text("{}\n")
    os.utime(path, (time.time() + 3600, time.time() + 3600))


def later_row(house: House) -> None:
    house.clock.turn(3600)
    house.arrive("one")
    for path in (*house.home.logs.iterdir(), house.home.store / "supervisor.count"):
        os.utime(path, (0, 0))


def newer_store(house: House) -> None:
    with house.store.write() as connection:
        connection.execute("INSERT INTO migration VALUES (9999)")


def late_backup(house: House) -> None:
    made = back_up(house.home, house.settings, house.home.root / "backups", utc_now())
    old = utc_now() - timedelta(days=5)
    made.backup.path.rename(made.backup.path.with_name(f"supervisor-{old:%Y%m%dT%H%M%S}Z"))


def no_backup(house: House) -> None:
    house.clock.turn(-5 * 86_400)
    house.arrive("one")


def broken_backup(house: House) -> None:
    made = back_up(house.home, house.settings, house.home.root / "backups", utc_now())
    (made.backup.path / "SHA256SUMS").unlink()


def no_place(house: House) -> None:
    with open_instance(house.home) as instance:
        instance.event_log_storage.set_concurrency_slots("cleaning", 0)


def lost_place(house: House) -> None:
    with open_instance(house.home) as instance:
        instance.event_log_storage.delete_concurrency_limit("cleaning")


def open_backups(house: House) -> None:
    (house.home.root / "backups").mkdir(mode=0o755)


def open_names(house: House) -> None:
    path = house.home.root / "names.txt"
    path.write_text("Eva\n")
    path.chmod(0o644)


def closed_cleaned(house: House) -> None:
    house.home.cleaned.chmod(0o700)


@pytest.mark.parametrize(
    ("breaking", "check", "state", "reason"),
    [
        (later_file, clock, FAILED, Reason.BAD_CONFIGURATION),
        (later_row, clock, FAILED, Reason.BAD_CONFIGURATION),
        (newer_store, doctor_keeping.shape, FAILED, Reason.BAD_CONFIGURATION),
        (late_backup, doctor_keeping.backup, WARNING, Reason.BACKUP_OVERDUE),
        (no_backup, doctor_keeping.backup, WARNING, Reason.BACKUP_OVERDUE),
        (broken_backup, doctor_keeping.backup, FAILED, Reason.BACKUP_DAMAGED),
        (no_place, doctor_keeping.pools, FAILED, Reason.BAD_CONFIGURATION),
        (lost_place, doctor_keeping.pools, WARNING, None),
        (open_backups, doctor_home.folders, FAILED, Reason.BAD_CONFIGURATION),
        (open_names, doctor_home.folders, WARNING, None),
        (closed_cleaned, doctor_home.folders, WARNING, None),
    ],
)
def test_what_is_broken_is_found_and_how_to_mend_it(
    house: House,
    breaking: Callable[[House], None],
    check: Check,
    state: State,
    reason: Reason | None,
) -> None:
    assert check(house.settings).state is OK
    breaking(house)
    found = checked("it", lambda: check(house.settings))
    assert (found.state, found.reason) == (state, reason)
    assert found.fix


def test_the_command_that_is_named_mends_the_rights(house: House) -> None:
    house.home.raw.chmod(0o755)
    house.home.logs.chmod(0o750)
    fix = doctor_home.folders(house.settings).fix
    assert os.system(fix.removeprefix("Run: ")) == 0
    assert doctor_home.folders(house.settings).state is OK


def test_a_clock_that_was_set_meanwhile_is_found(house: House) -> None:
    wall_s, steady_s = doctor_keeping.now()
    for set_s in (-3600, 3600):
        found = doctor_keeping.clock(house.settings, (wall_s + set_s, steady_s))
        assert found.state is FAILED


def test_a_zone_that_nobody_knows_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    assert clock(house.settings).state is OK
    monkeypatch.setenv("TZ", "Europe/Atlantis")
    assert clock(house.settings).state is WARNING


def test_a_disk_that_locks_is_told_from_one_that_does_not(house: House, tmp_path: Path) -> None:
    found = doctor_keeping.locks(house.settings)
    assert found.state in (OK, WARNING)
    (tmp_path / "one").touch()
    assert keeps_out(tmp_path / "one")
    assert disk_kind(Path("/proc")) == "proc"
    assert not list(house.home.root.glob(".*"))


def test_what_cannot_be_decoded_is_named() -> None:
    assert doctor_child.unreadable(("h264", "nothing")) == ["nothing"]


def test_other_versions_than_the_tested_are_told() -> None:
    lines = ["# tested", "", "duckdb==0.1", "packaging>=1"]
    found = doctor_software.compared(lines)
    assert found.state is WARNING
    assert "duckdb==" in found.said
    assert doctor_software.compared(lines[:2]).state is OK
    assert doctor_software.constraints().state in (OK, WARNING)


def test_a_library_that_is_away_or_another_is_found(house: House, tmp_path: Path) -> None:
    shelf = Shelf(house)
    shelf.draw("a.png", 1)
    shelf.scan()
    with Worker() as worker:
        assert libraries(house.settings, worker).state is OK
        mounted = shelf.path.rename(shelf.path.with_name("away"))
        assert libraries(house.settings, worker).reason is Reason.LIBRARY_NOT_THERE
        shelf.path.mkdir()  # an empty mount point, or another disk
        assert libraries(house.settings, worker).reason is Reason.LIBRARY_NOT_THERE
        shelf.path.rmdir()
        mounted.rename(shelf.path)
        assert libraries(house.settings, worker).state is OK


def test_a_daemon_whose_part_is_silent_is_told(house: House) -> None:
    from dagster._daemon.types import DaemonHeartbeat

    with open_instance(house.home) as instance:
        for name in instance.get_required_daemon_types():
            instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), name, "x", []))
        assert doctor_home.daemon(house.settings).state is OK
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - 3600, "SCHEDULER", "x", []))
        found = doctor_home.daemon(house.settings)
    assert found.state is WARNING
    assert "SCHEDULER" in found.said


@pytest.mark.campaign
def test_all_of_it_is_told_together_and_is_exit_code_1(house: House) -> None:
    newer_store(house)
    later_file(house)
    ran = run("doctor", "--json", home=house.home.root)
    failed = {one["name"] for one in ran.json if one["state"] == "failed"}
    assert ran.code == 1
    assert {"clock", "store's shape", "store"} <= failed
