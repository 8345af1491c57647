"""What a library has lost is marked by scans, and forgotten only by a person's word."""

import hashlib
import json
from pathlib import Path

import pytest
from command import run
from library_parts import Shelf
from pipeline_parts import House
from release_parts import outside, put, release, waiting

from supervisor_core.care.consistency import look_over
from supervisor_core.care.missing import forget_lost, lost
from supervisor_core.keys import MediaKey
from supervisor_core.pipeline.tools import Tools
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store import fields, gate, media, reviews
from supervisor_core.store.fields import Field

DAY_S = 86_400.0
COUNT = 5


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(House(tmp_path, tools=Tools()))
    for number in range(COUNT):
        shelf.draw(f"{number}.png", number)
    shelf.take_in()
    return shelf


def lose(shelf: Shelf, *names: str) -> None:
    for name in names:
        (shelf.path / name).unlink()
    shelf.scan(accept=True)


def known(shelf: Shelf) -> set[MediaKey]:
    with shelf.house.store.read() as connection:
        return {
            MediaKey(row[0]) for row in connection.execute("SELECT media FROM media").fetchall()
        }


def test_what_is_missing_for_long_is_told_first_and_then_forgotten(shelf: Shelf) -> None:
    house, before = shelf.house, known(shelf)
    lose(shelf, "0.png", "1.png")
    house.clock.turn(10 * DAY_S)
    assert house.pipeline.do(lost, 30 * DAY_S).files == ()
    house.clock.turn(21 * DAY_S)
    found = house.pipeline.do(lost, 30 * DAY_S)
    assert (len(found.files), len(found.media)) == (2, 2)
    assert known(shelf) == before
    with house.store.write() as connection:
        one = Field(found.media[0], "title", "by hand", "human", locked=True, who="cli")
        fields.propose(connection, [one], house.store.now())
    assert house.pipeline.do(forget_lost, 30 * DAY_S) == found
    assert known(shelf) == before - set(found.media)
    (told,) = house.home.trash.glob("forgotten-*.json")
    assert [row["value"] for row in json.loads(told.read_text())["field"]] == ['"by hand"']
    assert told.stat().st_mode & 0o777 == 0o600
    assert len(list(house.home.raw.rglob("*.png"))) == COUNT - 2
    assert house.pipeline.do(look_over).findings == ()
    assert shelf.scan().scan.unchanged == COUNT - 2


def test_more_than_half_of_a_library_never_goes(shelf: Shelf) -> None:
    before = known(shelf)
    lose(shelf, "0.png", "1.png", "2.png")
    shelf.house.clock.turn(31 * DAY_S)
    with pytest.raises(Failed) as failed:
        shelf.house.pipeline.do(forget_lost, 30 * DAY_S)
    assert failed.value.reason is Reason.CLEANUP_TOO_LARGE
    assert known(shelf) == before
    assert not list(shelf.house.home.trash.iterdir())


def test_what_came_in_elsewhere_too_stays(shelf: Shelf) -> None:
    house = shelf.house
    shelf.draw("copy.png", 0)
    other = Shelf(house, "library", "more", "more")
    other.draw("1.png", 1)
    shelf.take_in()
    other.take_in()
    (house.home.inbox / "2.png").write_bytes((shelf.path / "2.png").read_bytes())
    dropped = house.record(house.see("2.png"))
    house.pipeline.import_items(dropped)
    lose(shelf, "0.png", "1.png", "2.png")
    house.clock.turn(31 * DAY_S)
    found = house.pipeline.do(forget_lost, 30 * DAY_S)
    assert (len(found.files), found.media) == (3, ())
    assert len(known(shelf)) == COUNT


def test_a_forgotten_file_that_comes_back_is_new(shelf: Shelf) -> None:
    house = shelf.house
    content = (shelf.path / "0.png").read_bytes()
    lose(shelf, "0.png")
    house.clock.turn(31 * DAY_S)
    (media_key,) = house.pipeline.do(forget_lost, 30 * DAY_S).media
    shelf.put("0.png", content)
    shelf.take_in()
    with house.store.read() as connection:
        assert gate.require_verified(connection, media_key)
        assert media.load(connection, [media_key])
    assert house.pipeline.do(look_over).findings == ()


def test_what_was_released_is_taken_away_and_its_decisions_stay(shelf: Shelf) -> None:
    house = shelf.house
    content = (shelf.path / "0.png").read_bytes()
    media_key = MediaKey(hashlib.sha256(content).hexdigest())
    release(house, media_key)
    (key,) = waiting(house)
    put(house, key)
    assert list(outside(house.home.released).values()) == [content]
    lose(shelf, "0.png")
    house.clock.turn(31 * DAY_S)
    house.pipeline.do(forget_lost, 30 * DAY_S)
    assert waiting(house) == [key]
    put(house, key)
    assert outside(house.home.released) == {}
    assert house.pipeline.do(look_over).findings == ()
    with house.store.read() as connection:
        told = [one.verdict.value for one in reviews.history(connection, media_key)]
    assert told == ["seen", "released", "lost"]


def test_the_command_lists_and_changes_nothing_until_told(shelf: Shelf) -> None:
    lose(shelf, "0.png")
    shelf.house.clock.turn(-3600)
    root = shelf.house.home.root
    shown = run("missing", "--older-than-days", "0", "--json", home=root)
    assert (shown.code, len(shown.json["files"]), shown.json["applied"]) == (0, 1, False)
    assert shown.json["media"] == [shown.json["files"][0]["media"]]
    assert len(known(shelf)) == COUNT
    done = run("missing", "--older-than-days", "0", "--apply", home=root)
    assert done.code == 0, done.err
    assert "were forgotten" in done.err
    assert len(known(shelf)) == COUNT - 1
