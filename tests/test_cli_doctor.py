"""`doctor` finds what is wrong, says how to put it right, and makes nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import run

from supervisor_assets.cli.doctor_home import _holders
from supervisor_core.settings import Home, Settings
from supervisor_core.store import Store
from supervisor_core.store.lock import FairLock

CHECKS = [
    "system",
    "packages",
    "opencv",
    "codecs",
    "text models",
    "settings",
    "home",
    "disk",
    "store",
    "restricted store",
    "profiles",
    "devices",
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
    assert found["profiles"]["said"] == "archive, upload"
    assert "olympus_cv_1500" in found["devices"]["said"]
    assert "fujifilm_4450hd (not measured)" in found["devices"]["said"]
    assert found["daemon"]["fix"] == "Start it with: supervisor-assets up"


def test_everything_but_ok_says_what_to_do(sound: Path) -> None:
    _, found = look(sound)
    assert all(bool(one["fix"]) == (one["state"] != "ok") for one in found.values())


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


@pytest.mark.parametrize(
    ("breaking", "check", "reason"),
    [
        (open_folder, "home", "BAD_CONFIGURATION"),
        (open_key, "restricted store", "KEY_MISSING"),
        (other_key, "restricted store", "KEY_MISSING"),
        (no_key, "restricted store", "KEY_MISSING"),
        (broken_store, "store", "STORE_DAMAGED"),
        (broken_profile, "profiles", "BAD_CONFIGURATION"),
        (broken_mask, "devices", "BAD_CONFIGURATION"),
    ],
)
def test_what_is_broken_is_found(
    sound: Path, tmp_path: Path, breaking: Callable[[Path], None], check: str, reason: str
) -> None:
    home = tmp_path / "home"
    shutil.copytree(sound, home, copy_function=shutil.copy2)
    breaking(home)
    code, found = look(home)
    assert code == 1
    assert (found[check]["state"], found[check]["reason"]) == ("failed", reason)
    assert found[check]["fix"]
    assert list(found) == CHECKS


def test_a_full_disk_is_found(sound: Path) -> None:
    code, found = look(sound, SUPERVISOR_RESERVE_BYTES=str(10**18))
    assert (code, found["disk"]["reason"]) == (1, "DISK_FULL")


def test_a_broken_setting_is_named(sound: Path) -> None:
    code, found = look(sound, SUPERVISOR_SETTLE_S="soon")
    assert (code, found["settings"]["state"]) == (1, "failed")
    assert "settle_s" in found["settings"]["said"]


def test_a_package_that_can_not_be_loaded_is_exit_code_5(sound: Path, tmp_path: Path) -> None:
    (tmp_path / "av.py").write_text("raise ModuleNotFoundError(name='av')\n")
    code, found = look(sound, PYTHONPATH=str(tmp_path))
    assert (code, found["codecs"]["reason"]) == (5, "DEPENDENCY_MISSING")
    assert list(found) == CHECKS


def test_who_holds_the_store_is_found(sound: Path) -> None:
    import os

    with FairLock(sound / "store", "main").hold(shared=True, wait_s=5):
        assert _holders(sound / "store" / "main.lock") == [f"process {os.getpid()}"]
    assert _holders(sound / "store" / "main.lock") == []
