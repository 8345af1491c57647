"""Settings come from the environment, and the home is made so that only its public part is open."""

import stat
from pathlib import Path

import pytest

from supervisor_core.home import PRIVATE_FOLDERS, PUBLIC_FOLDERS, Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SUPERVISOR_{name.upper()}", raising=False)


def test_every_setting_has_a_default_and_says_what_it_is_for() -> None:
    assert Settings.load().home == Path(".supervisor")
    assert all(field.description for field in Settings.model_fields.values())


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SUPERVISOR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SUPERVISOR_STORE_WAIT_S", "1.5")
    settings = Settings.load()
    assert (settings.home, settings.store_wait_s) == (tmp_path / "home", 1.5)


@pytest.mark.parametrize(
    ("name", "value"), [("STORE_WAIT_S", "soon"), ("IMPORT_TRIES", "0"), ("RESERVE_BYTES", "-1")]
)
def test_a_wrong_value_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SUPERVISOR_{name}", value)
    with pytest.raises(Failed) as caught:
        Settings.load()
    assert caught.value.reason is Reason.BAD_CONFIGURATION
    assert caught.value.facts == {"setting": name.lower()}


def test_the_key_does_not_show_in_a_printed_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERVISOR_RESTRICTED_KEY", "open sesame")
    assert "sesame" not in repr(Settings.load()) + str(Settings.load().model_dump())


def test_only_the_public_folders_are_open(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "deep" / "home")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.root.iterdir()}
    assert modes == dict.fromkeys(PRIVATE_FOLDERS, 0o700) | dict.fromkeys(PUBLIC_FOLDERS, 0o755)
    assert all(getattr(home, name) == home.root / name for name in modes)


def test_an_operators_own_modes_are_left_alone(tmp_path: Path) -> None:
    home = Home.create(tmp_path)
    home.inbox.chmod(0o770)
    again = Home.create(tmp_path)
    assert stat.S_IMODE(again.inbox.stat().st_mode) == 0o770


def test_a_path_of_the_store_comes_back(tmp_path: Path) -> None:
    home = Home.create(tmp_path)
    path = home.cleaned / "ab" / "x.png"
    assert home.relative(path) == "cleaned/ab/x.png"
    assert home.absolute("cleaned/ab/x.png") == path
