"""What a person releases lies outside byte for byte, and only for as long as it is released."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from pipeline_parts import TOOLS, House, Inline
from release_parts import (
    cleaned_bytes,
    decide,
    media_of,
    outside,
    put,
    readable,
    release,
    review_of,
    rows,
    standing,
    waiting,
    withdraw,
)

from supervisor_core.cleaning.job import Job
from supervisor_core.keys import DEFAULT_SOURCE, IntakeKey
from supervisor_core.media.links import link
from supervisor_core.pipeline.child import Made
from supervisor_core.pipeline.exported import Standing
from supervisor_core.pipeline.release_names import NAME, folder_of
from supervisor_core.pipeline.release_places import place_of
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Review
from supervisor_core.store import reviews
from supervisor_core.store.arrivals import record_arrivals


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def came_in(house: House, *texts: str) -> IntakeKey:
    key = house.arrive(*texts)
    house.clean(key)
    return key


def test_just_what_is_released_lies_outside_byte_for_byte(house: House) -> None:
    key = came_in(house, "one", "two", "three")
    first, second, _ = media_of(house, key)
    assert waiting(house) == []
    release(house, first, second)
    assert waiting(house) == [key]
    report = put(house, key)
    assert (report.released, report.put_out, report.taken_away) == (2, 2, 0)
    found = outside(house.home.released)
    assert sorted(found.values()) == cleaned_bytes(house, first, second)
    day = f"{key[:4]}-{key[4:6]}-{key[6:8]}"
    assert set(found) == {
        f"inbox/{day}/{key}-000-{first[:16]}.png",
        f"inbox/{day}/{key}-001-{second[:16]}.png",
    }
    assert all(NAME.fullmatch(name) for name in found)
    assert waiting(house) == []
    assert standing(house, key) == Standing(released=2, right=2)
    modes = {path.stat().st_mode & 0o777 for path in house.home.released.rglob("*.png")}
    assert modes == {0o644}
    report = put(house, key)
    assert (report.put_out, report.unchanged, report.size_bytes) == (0, 2, 0)


def test_what_is_taken_back_goes_to_the_trash(house: House) -> None:
    key = came_in(house, "one", "two", "three", "four")
    *others, kept = media_of(house, key)
    release(house, *others, kept)
    put(house, key)
    decide(house, reviews.hold, others[0])
    decide(house, reviews.reject, others[1])
    withdraw(house, others[2])
    assert waiting(house) == [key]
    report = put(house, key)
    assert (report.taken_away, report.unchanged) == (3, 1)
    assert list(outside(house.home.released).values()) == cleaned_bytes(house, kept)
    assert house.files("trash") == [f"frame_level of {text}" for text in ("one", "three", "two")]
    assert waiting(house) == []
    assert standing(house, key) == Standing(released=1, right=1)


def test_what_is_released_again_comes_back(house: House) -> None:
    key = came_in(house, "one")
    (media,) = media_of(house, key)
    for _ in range(2):
        release(house, media)
        put(house, key)
        assert list(outside(house.home.released).values()) == cleaned_bytes(house, media)
        withdraw(house, media)
        put(house, key)
        assert list(house.home.released.iterdir()) == []  # no empty folder stays


def test_a_file_that_is_cleaned_anew_loses_its_release_and_goes(house: House) -> None:
    key = came_in(house, "one")
    (media,) = media_of(house, key)
    release(house, media)
    put(house, key)
    house.pipeline.send_back(key, everything=True)
    assert waiting(house) == [key]
    house.tools = replace(TOOLS, code_version="2", clean=_clean_otherwise)
    house.clean(key)
    put(house, key)
    assert outside(house.home.released) == {}
    with house.store.read() as connection:
        last = reviews.history(connection, media)[-1]
    assert last.verdict is reviews.Verdict.LOST
    release(house, media)
    put(house, key)
    assert list(outside(house.home.released).values()) == [b"otherwise"]


def _clean_otherwise(job: Job) -> Made:
    made = TOOLS.clean(job)
    content = b"otherwise"
    job.destination.write_bytes(content)
    return replace(made, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def test_a_hold_outlives_the_same_bytes_and_not_others(house: House) -> None:
    key = came_in(house, "one")
    (media,) = media_of(house, key)
    decide(house, reviews.reject, media)
    house.pipeline.send_back(key, everything=True)
    house.clean(key)
    assert review_of(house, media) is Review.REJECTED
    house.tools = replace(TOOLS, code_version="2", clean=_clean_otherwise)
    house.clean(key)
    assert review_of(house, media) is Review.NONE


def test_other_bytes_than_the_released_ones_are_not_put_out(house: House) -> None:
    key = came_in(house, "one")
    (media,) = media_of(house, key)
    release(house, media)
    house.home.absolute(readable(house, media).path).write_text("something else")
    report = put(house, key)
    assert report.waiting == {Reason.FILE_CHANGED: 1}
    assert outside(house.home.released) == {}


class TakenBack(Inline):
    """While the file is copied somebody takes its release back."""

    def __init__(self, house: House) -> None:
        self.house = house

    def call(self, function: object, /, *args: object, **_: object) -> object:
        made = function(*args)  # type: ignore[operator]
        if getattr(function, "__name__", "") == "stage":
            withdraw(self.house, media_of(self.house, self.house.key)[0])  # type: ignore[attr-defined]
        return made


def test_what_is_taken_back_while_it_is_copied_never_gets_its_name(house: House) -> None:
    key = came_in(house, "one")
    release(house, *media_of(house, key))
    house.key = key  # type: ignore[attr-defined]
    house.worker = TakenBack(house)
    report = put(house, key)
    assert report.waiting == {Reason.NOT_RELEASED: 1}
    assert (report.put_out, report.taken_away) == (0, 1)
    assert outside(house.home.released) == {}
    assert house.files("trash") == []
    assert rows(house, key) == []


def test_a_folder_of_the_operators_is_used_and_never_made(tmp_path: Path) -> None:
    folder = tmp_path / "share"
    house = House(tmp_path, changes={"release_folder": folder})
    key = came_in(house, "one")
    (media,) = media_of(house, key)
    release(house, media)
    report = put(house, key)
    assert report.blocked == {Reason.BAD_CONFIGURATION: 1}
    assert not folder.exists()
    folder.mkdir()
    house.clock.turn(61)
    assert waiting(house) == [key]
    put(house, key)
    assert list(outside(folder).values()) == cleaned_bytes(house, media)
    assert outside(house.home.released) == {}


def test_what_lies_where_it_was_put_formerly_is_taken_away_there(tmp_path: Path) -> None:
    house = House(tmp_path)
    key = came_in(house, "one")
    (media,) = media_of(house, key)
    release(house, media)
    put(house, key)
    folder = tmp_path / "share"
    folder.mkdir()
    house.settings = house.settings.model_copy(update={"release_folder": folder})
    put(house, key)
    assert outside(folder)
    withdraw(house, media)
    put(house, key)
    assert outside(folder) == outside(house.home.released) == {}


def test_no_folder_is_used_whose_files_would_come_in_again(tmp_path: Path) -> None:
    house = House(tmp_path)
    for inside in ("home/inbox", "home", ".", "x/../home"):
        house.settings = house.settings.model_copy(update={"release_folder": tmp_path / inside})
        with pytest.raises(Failed, match="release_folder"):
            house.pipeline.do(place_of)


def test_what_somebody_laid_there_is_found_and_ends_the_run(house: House) -> None:
    key = came_in(house, "one", "two")
    first, second = media_of(house, key)
    release(house, first)
    put(house, key)
    (name,) = outside(house.home.released)
    other = house.home.released / re.sub(r"-000-.*", f"-001-{second[:16]}.png", name)
    other.write_text("two")
    assert standing(house, key) == Standing(released=1, right=1, unreleased=1)


def test_what_is_missing_or_another_is_told_and_put_out_again(house: House) -> None:
    key = came_in(house, "one", "two")
    release(house, *media_of(house, key))
    put(house, key)
    first, second = sorted(house.home.released.rglob("*.png"))
    first.write_text("changed by somebody")
    second.unlink()
    assert standing(house, key) == Standing(released=2, missing=1, different=1)
    put(house, key)
    assert standing(house, key) == Standing(released=2, right=1, different=1)


def test_what_needs_no_cleaning_is_put_out_from_its_library(house: House) -> None:
    house.home.root.joinpath("profiles").mkdir()
    (house.home.root / "profiles" / "free.toml").write_text('mask = "none"\n')
    key = house.arrive("one", profile="free")
    house.clean(key)
    (media,) = media_of(house, key)
    raw, original = house.home.absolute(readable(house, media).path), house.folder / "one.png"
    raw.rename(original)
    link(original, raw, original.stat().st_mtime_ns)
    release(house, media)
    put(house, key)
    (path,) = house.home.released.rglob("*.png")
    assert not path.is_symlink()
    assert path.read_bytes() == original.read_bytes() == b"one"


@pytest.mark.parametrize("source", ["../../etc", "a/b", "..", ".", "", "x" * 200, "Müller", "a b"])
def test_a_source_that_can_be_no_folder_is_called_by_its_hash(source: str) -> None:
    folder = folder_of(source, "20260504_ABCDEFGHIJ")
    assert re.fullmatch(r"source-[0-9a-f]{10}/2026-05-04", folder)


def test_the_source_is_what_the_operator_calls_it(house: House) -> None:
    file = house.drop("x.png", "one")
    key = IntakeKey("20260504_ABCDEFGHIJ")
    record_arrivals(house.store, key, "ward-7", "upload", [file], kind="stills")
    assert DEFAULT_SOURCE != "ward-7"
    assert folder_of("ward-7", key) == "ward-7/2026-05-04"
