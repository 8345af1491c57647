"""Keys on the command line: shown once, listed without themselves, gone at once."""

from pathlib import Path

from command import run
from gallery_parts import door

from gallery.access.roles import Role


def test_a_key_is_made_listed_and_taken_away(tmp_path: Path) -> None:
    house = door(tmp_path)
    made = run("gallery", "keys", "add", "erika", "--role", "reviewer", home=tmp_path)
    given = made.out.strip()
    found = house.keys.of(given)
    assert found is not None
    assert (made.code, found.name, found.role) == (0, "erika", Role.REVIEWER)
    assert given not in made.err
    listed = run("gallery", "keys", "list", home=tmp_path)
    assert "erika" in listed.out
    assert "gk_" not in listed.out + listed.err
    assert found.hash not in listed.out
    gone = run("gallery", "keys", "remove", "erika", "--json", home=tmp_path)
    assert (gone.code, gone.json["role"]) == (0, "reviewer")
    assert house.keys.of(given) is None


def test_what_goes_wrong_is_said(tmp_path: Path) -> None:
    assert run("gallery", "keys", "list", home=tmp_path / "no").code == 1
    house = door(tmp_path)
    words = ("gallery", "keys", "add")
    assert run(*words, "erika", "--role", "owner", home=tmp_path).code == 2
    refused = run(*words, "a b", "--role", "viewer", "--json", home=tmp_path)
    assert (refused.code, refused.json["reason"]) == (1, "KEY_NAME_REFUSED")
    house.keys.file.path.chmod(0o644)
    damaged = run("gallery", "keys", "list", "--json", home=tmp_path)
    assert (damaged.code, damaged.json["reason"]) == (1, "GALLERY_KEYS_UNUSABLE")
