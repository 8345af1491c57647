"""`scan` and `prompts rebuild` as a user types them."""

from pathlib import Path

import pytest
from command import run
from library_parts import Shelf, library_house
from prompt_builders import text_chunk, write_png

from supervisor_core.keys import MediaKey
from supervisor_core.libraries.marker import MARKER
from supervisor_core.libraries.roots import load_roots
from supervisor_core.media.hashing import sha256_of
from supervisor_core.store import prompts
from supervisor_core.store.prompts import StoredPrompt

PROMPT = text_chunk("parameters", "a cat\nSteps: 2, Sampler: Euler, Seed: 1")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "Eva Kanarienvogel"
    folder.mkdir()
    for number in range(12):
        write_png(folder / f"Eva-{number}.png", PROMPT)
    return folder


def scan(folder: Path, *more: object, home: Path) -> dict:
    return run("scan", folder, "--json", *more, home=home, SUPERVISOR_SETTLE_S="0").json


def test_a_folder_becomes_a_library_and_is_one_from_then_on(photos: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    dry = scan(photos, "--dry-run", home=home)
    assert (dry["new"], dry["entered"], (photos / MARKER).exists()) == (12, True, False)
    assert load_roots(home / "libraries.toml") == {}
    first = scan(photos, "--source", "pets", "--later", home=home)
    assert (first["source"], first["entered"], first["new"], first["intakes"]) == (
        "pets",
        True,
        12,
        1,
    )
    again = scan(photos, home=home)
    assert (again["source"], again["entered"], again["unchanged"]) == ("pets", False, 12)
    assert (first["imported"], again["imported"]) == (False, False)
    ran = run("scan", photos, "--source", "other", "--json", home=home)
    assert (ran.code, "Kanarienvogel" in ran.out + ran.err) == (2, False)


@pytest.mark.campaign
def test_a_library_that_is_gone_is_told_and_accepted_only_by_word(
    photos: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    scan(photos, "--later", home=home)
    for number in range(7):
        (photos / f"Eva-{number}.png").unlink()
    ran = run("scan", photos, home=home, SUPERVISOR_SETTLE_S="0")
    assert ran.code == 1
    assert "LIBRARY_SHRUNK" in ran.err
    assert "--accept" in ran.err
    assert "Eva" not in ran.out + ran.err
    assert scan(photos, "--accept", home=home)["missing"] == 7
    assert scan(tmp_path / "nothing", home=home)["reason"] == "LIBRARY_NOT_THERE"


@pytest.mark.campaign
def test_without_a_daemon_what_is_new_is_imported_at_once(photos: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    told = scan(photos, home=home)
    assert (told["new"], told["imported"]) == (12, True)
    assert run("status", "--json", home=home).json["levels"] == {"not_required": 1}
    assert len(list((home / "thumbnails").rglob("*.jpg"))) == 1


def test_prompts_are_read_again_and_what_was_is_kept(tmp_path: Path) -> None:
    house = library_house(tmp_path)
    shelf = Shelf(house)
    path = write_png(shelf.path / "a.png", PROMPT)
    shelf.draw("b.png")
    shelf.draw("gone.png", 2)
    shelf.take_in()
    (shelf.path / "gone.png").unlink()
    media = MediaKey(sha256_of(path))
    with house.store.write() as connection:
        prompts.put(connection, [StoredPrompt(media, "as it was read")], "old", house.clock())
    ran = run("prompts", "rebuild", "--json", home=house.home.root)
    assert ran.json == {"read": 2, "changed": 1, "failed": 1}
    with house.store.read() as connection:
        assert prompts.of(connection, [media])[media].positive == "a cat"
        former = [one.prompt.positive for one in prompts.history(connection, media)]
    assert former == ["a cat", "as it was read"]
    assert run("prompts", "rebuild", "--json", home=house.home.root).json["changed"] == 0
