"""`doctor` on who may come to the gallery: each thing that may be wrong is made so."""

from pathlib import Path

import pytest

from gallery.access.keys import Keys
from gallery.access.roles import Role
from supervisor_assets.cli.doctor_gallery import gallery
from supervisor_assets.cli.findings import State, checked
from supervisor_core.home import Home
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    made = Keys(Home.create(tmp_path))
    made.begin()
    return made


def test_a_home_without_keys_is_no_fault_and_stays_without(settings: Settings) -> None:
    assert gallery(settings).state is State.OK
    assert not list(settings.home.iterdir())


def test_keys_are_counted_by_their_roles(settings: Settings, keys: Keys) -> None:
    keys.add("ben", Role.VIEWER)
    keys.add("eva", Role.VIEWER)
    assert (gallery(settings).state, gallery(settings).said) == (
        State.OK,
        "keys: 2 viewer, 1 admin",
    )


def test_without_an_admin_it_says_how_to_make_one(settings: Settings, keys: Keys) -> None:
    keys.add("ben", Role.REVIEWER)
    keys.remove("admin")
    found = gallery(settings)
    assert found.state is State.WARNING
    assert "--role admin" in found.fix


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("bind", "https", "state"),
    [
        ("127.0.0.1", False, State.OK),
        ("::1", False, State.OK),
        ("0.0.0.0", True, State.OK),
        ("0.0.0.0", False, State.WARNING),
    ],
)
def test_keys_that_go_over_a_network_in_the_open_are_told(
    settings: Settings, bind: str, https: bool, state: State
) -> None:
    settings = settings.model_copy(update={"gallery_bind": bind, "gallery_https": https})
    assert gallery(settings).state is state


def test_keys_that_others_may_read_are_a_fault(settings: Settings, keys: Keys) -> None:
    keys.file.path.chmod(0o644)
    found = checked("gallery", lambda: gallery(settings))
    assert (found.state, found.reason) == (State.FAILED, Reason.GALLERY_KEYS_UNUSABLE)
    assert "chmod 600" in found.fix
