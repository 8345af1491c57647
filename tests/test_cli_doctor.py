"""`doctor` finds what is wrong, says how to put it right, and makes nothing."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import run

from supervisor_assets.cli import doctor_home
from supervisor_assets.cli.doctor_home import _holders
from supervisor_assets.cli.findings import Finding, State, checked
from supervisor_core.deadline import Worker
from supervisor_core.home import Home
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.lock import FairLock

CHECKS = [
    "system",
    "packages",
    "tested versions",
    "opencv",
    "codecs",
    "text models",
    "settings",
    "home",
    "disk",
    "locks",
    "clock",
    "storage",
    "releases",
    "store's shape",
    "store",
    "restricted store",
    "backup",
    "profiles",
    "devices",
    "model server",
    "model breaker",
    "pauses",
    "analyses",
    "enrichment questions",
    "enrichment models",
    "enrichments",
    "canary",
    "libraries",
    "streams",
    "recordings",
    "alerts",
    "gallery",
    "pools",
    "daemon",
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with both databases."""
    home = Home.create(tmp_path_factory.mktemp("doctor") / "home")
    store = Store(home, Settings(home=home.root))
    with store.restricted():
        pass
    return home.root


def look(home: Path, **settings: str) -> tuple[int, dict[str, dict[str, Any]]]:
    ran = run("doctor", "--json", home=home, **settings)
    return ran.code, {one["name"]: one for one in ran.json}


def test_a_sound_installation(sound: Path) -> None:
    code, found = look(sound)
    assert code == 0
    assert list(found) == CHECKS
    assert {one["state"] for one in found.values()} <= {"ok", "warning"}
    assert "x264" in found["codecs"]["said"]
    assert found["profiles"]["said"] == "archive, library, upload"
    assert "olympus_cv_1500" in found["devices"]["said"]
    assert "fujifilm_4450hd (not measured)" in found["devices"]["said"]
    assert found["daemon"]["fix"] == "Start it with: supervisor-assets up"


def test_everything_but_ok_says_what_to_do(sound: Path) -> None:
    _, found = look(sound)
    assert all(bool(one["fix"]) == (one["state"] != "ok") for one in found.values())


@pytest.mark.campaign
def test_it_makes_nothing(tmp_path: Path) -> None:
    code, found = look(tmp_path / "home")
    assert code == 0
    assert found["home"]["state"] == "warning"
    assert list(tmp_path.iterdir()) == []


def open_folder(home: Path) -> None:
    (home / "raw").chmod(0o755)


def open_key(home: Path) -> None:
    (home / "restricted.key").chmod(0o644)


def other_key(home: Path) -> None:
    (home / "restricted.key").write_text("another key")


def no_key(home: Path) -> None:
    (home / "restricted.key").unlink()


def broken_store(home: Path) -> None:
    (home / "store" / "supervisor.duckdb").write_bytes(b"no database" * 1000)


def broken_profile(home: Path) -> None:
    (home / "profiles").mkdir()
    (home / "profiles" / "mine.toml").write_text("max_bytes = 'many'\n")


def broken_mask(home: Path) -> None:
    (home / "masks").mkdir()
    (home / "masks" / "mine.json").write_text("{}")


Check = Callable[[Settings], Finding]


def devices(settings: Settings) -> Finding:
    with Worker() as worker:
        return doctor_home.devices(settings, worker)


@pytest.mark.parametrize(
    ("breaking", "check", "reason"),
    [
        (open_folder, doctor_home.folders, Reason.BAD_CONFIGURATION),
        (open_key, doctor_home.key, Reason.RESTRICTED_KEY_MISSING),
        (other_key, doctor_home.key, Reason.RESTRICTED_KEY_MISSING),
        (no_key, doctor_home.key, Reason.RESTRICTED_KEY_MISSING),
        (broken_store, doctor_home.store, Reason.STORE_DAMAGED),
        (broken_profile, doctor_home.profiles, Reason.BAD_CONFIGURATION),
        (broken_mask, devices, Reason.BAD_CONFIGURATION),
    ],
)
def test_what_is_broken_is_found(
    sound: Path, tmp_path: Path, breaking: Callable[[Path], None], check: Check, reason: Reason
) -> None:
    settings = Settings(home=tmp_path / "home")
    shutil.copytree(sound, settings.home, copy_function=shutil.copy2)
    assert checked("it", lambda: check(settings)).state is not State.FAILED
    breaking(settings.home)
    found = checked("it", lambda: check(settings))
    assert (found.state, found.reason) == (State.FAILED, reason)
    assert found.fix


def test_something_broken_hides_nothing_else_and_is_exit_code_1(
    sound: Path, tmp_path: Path
) -> None:
    shutil.copytree(sound, tmp_path / "home", copy_function=shutil.copy2)
    broken_store(tmp_path / "home")
    code, found = look(tmp_path / "home")
    assert (code, found["store"]["reason"]) == (1, "STORE_DAMAGED")
    assert list(found) == CHECKS


def test_a_full_disk_is_found(sound: Path) -> None:
    assert doctor_home.disk(Settings(home=sound)).state is not State.FAILED
    full = doctor_home.disk(Settings(home=sound, reserve_bytes=10**18))
    assert full.reason is Reason.DISK_FULL


def test_a_broken_setting_is_named(sound: Path) -> None:
    code, found = look(sound, SUPERVISOR_SETTLE_S="soon")
    assert (code, found["settings"]["state"]) == (1, "failed")
    assert "settle_s" in found["settings"]["said"]


@pytest.mark.campaign
def test_a_package_that_can_not_be_loaded_is_exit_code_5(sound: Path, tmp_path: Path) -> None:
    (tmp_path / "av.py").write_text("raise ModuleNotFoundError(name='av')\n")
    code, found = look(sound, PYTHONPATH=str(tmp_path))
    assert (code, found["codecs"]["reason"]) == (5, "DEPENDENCY_MISSING")
    assert list(found) == CHECKS


def test_who_holds_the_store_is_found(sound: Path) -> None:
    with FairLock(sound / "store", "main").hold(shared=True, wait_s=5):
        assert _holders(sound / "store" / "main.lock") == [f"process {os.getpid()}"]
    assert _holders(sound / "store" / "main.lock") == []


def test_whoever_holds_the_store_for_too_long_is_named(sound: Path) -> None:
    settings = Settings(home=sound, store_wait_s=0.2)
    with FairLock(sound / "store", "main").hold(shared=False, wait_s=1.0):
        found = doctor_home.store(settings)
    assert (found.state, found.reason) == (State.FAILED, Reason.STORE_BUSY)
    assert f"by process {os.getpid()}" in found.said
    assert doctor_home.store(settings).state is State.OK
