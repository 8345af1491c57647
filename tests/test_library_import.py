"""Importing a library where it lies: all is told, nothing there is ever touched."""

import os
from pathlib import Path

import pytest
from all_steps import clean, take_through
from library_parts import Shelf, counts, library_house, links, readable, states
from PIL import Image
from prompt_builders import text_chunk, write_png

from supervisor_core.enrichment.pdq import distance, fingerprint_of
from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.libraries.visit import Exif
from supervisor_core.media.hashing import sha256_of
from supervisor_core.media.links import link, original
from supervisor_core.media.stills import read_still
from supervisor_core.pipeline import places
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Arrival as State
from supervisor_core.states import Cleaning
from supervisor_core.store import exif, fingerprints, integrity, prompts
from supervisor_core.store import media as media_table


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(library_house(tmp_path))


def media_of(shelf: Shelf, key: IntakeKey) -> list[MediaKey]:
    return [item.media.media for item in shelf.house.pipeline.summary(key).items if item.media]


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_pictures_stay_where_they_are_and_may_be_read(shelf: Shelf) -> None:
    paths = [shelf.draw("a/one.png", 1, 900, 700), shelf.draw("b/two.jpg", 2, 300, 200)]
    before = shelf.state()
    (key,) = shelf.take_in()
    assert shelf.state() == before
    assert states(shelf, key) == [(State.IMPORTED, None)] * 2
    assert set(links(shelf).values()) == set(paths)
    assert readable(shelf, key) == paths
    levels = {item.level for item in shelf.house.pipeline.summary(key).items}
    assert levels == {Cleaning.NOT_REQUIRED}
    assert not list(shelf.house.home.work.iterdir())


def test_one_visit_tells_all_that_a_still_shows(shelf: Shelf) -> None:
    path = shelf.draw("one.jpg", 1, 1500, 900)
    key = shelf.scan().intakes[0]
    shelf.house.pipeline.import_items(key)
    media = MediaKey(sha256_of(path))
    small = places.thumbnail(shelf.house.home, media)
    assert size_of(small) == (512, 307)
    assert small.stat().st_mode & 0o777 == 0o644
    clean(shelf.house.pipeline, key)
    assert shelf.house.pipeline.thumbnails(key).done == 0
    with shelf.house.store.read() as connection:
        sound = integrity.of(connection, [media])[media]
        seen = fingerprints.of(connection, [media])[media]
    assert (sound.ok, sound.frames, sound.output) == (True, 1, media)
    whole = fingerprint_of(read_still(path))
    assert distance(seen.hashes, whole.hash) <= 6
    assert distance(seen.mirrors or b"", whole.mirror) <= 6
    assert abs(seen.qualities[0] - whole.quality) <= 2


def test_real_pictures_say_what_they_are(shelf: Shelf, shared_data: Path) -> None:
    for folder in ("exif", "ai_meta"):
        for path in (shared_data / "images" / folder).iterdir():
            shelf.put(path.name, path.read_bytes())
    (key,) = shelf.take_in()
    media = media_of(shelf, key)
    with shelf.house.store.read() as connection:
        found = exif.of(connection, media)
        read = prompts.of(connection, media)
        known = media_table.load(connection, media)
    by_name = {MediaKey(sha256_of(path)): path.name for path in shelf.path.iterdir()}
    told = {by_name[media]: one for media, one in found.items()}
    assert told["DSCN0010.jpg"] == Exif("2008-10-22T16:28:39", "NIKON COOLPIX P6000", 1, gps=True)
    assert told["landscape_6.jpg"].orientation == 6
    assert {by_name[media]: one.tool for media, one in read.items()} == {
        "automatic1111_cropped.jpg": "automatic1111",
        "automatic1111_cropped.png": "automatic1111",
        "comfy_sdxlturbo.png": "comfyui",
        "fooocus1_cropped.png": "fooocus",
    }
    (turned,) = (media for media, name in by_name.items() if name == "landscape_6.jpg")
    size = known[turned].info.width, known[turned].info.height
    assert size == (600, 450)
    width, height = size_of(places.thumbnail(shelf.house.home, turned))
    assert width > height


def test_a_video_is_linked_as_well(shelf: Shelf, shared_data: Path) -> None:
    source = next(iter(sorted((shared_data / "general").glob("*.mp4"))))
    path = shelf.put("film.mp4", source.read_bytes())
    before = shelf.state()
    (key,) = shelf.take_in()
    assert readable(shelf, key) == [path]
    assert shelf.state() == before
    assert places.thumbnail(shelf.house.home, media_of(shelf, key)[0]).exists()


def test_what_does_not_come_in_stays_where_it_is(shelf: Shelf) -> None:
    shelf.draw("good.png")
    whole = shelf.draw("cut.png", 3).read_bytes()
    shelf.put("cut.png", whole[: len(whole) // 2])
    shelf.put("text.jpg", "no picture")
    shelf.put("empty.png", "")
    before = shelf.state()
    (key,) = shelf.take_in()
    assert [state for state, _ in states(shelf, key)].count(State.REFUSED) == 3
    assert {reason for _, reason in states(shelf, key)} >= {
        Reason.FRAME_EXTRACTION_FAILED,
        Reason.DISGUISED_FILE,
        Reason.FILE_EMPTY,
    }
    assert shelf.state() == before
    assert not list(shelf.house.home.refused.iterdir())
    assert shelf.take_in() == []


def test_the_same_bytes_twice_are_one_media(shelf: Shelf) -> None:
    shelf.draw("a.png", 1)
    shelf.draw("b.png", 1)
    before = shelf.state()
    (key,) = shelf.take_in()
    assert [state for state, _ in states(shelf, key)] == [State.IMPORTED, State.DUPLICATE]
    assert len(links(shelf)) == 1
    assert shelf.events().count("duplicate") == 1
    assert shelf.state() == before
    shelf.path.joinpath("a.png").unlink()
    shelf.scan()
    assert readable(shelf, key) == [shelf.path / "b.png"]


def test_a_moved_file_is_found_by_its_content_and_no_new_media(shelf: Shelf) -> None:
    old = shelf.draw("a.png", 1)
    (first,) = shelf.take_in()
    new = shelf.path / "sub" / "b.png"
    new.parent.mkdir()
    old.rename(new)
    report = shelf.scan()
    assert counts(report) == {"moved": 1}
    with pytest.raises(Failed, match="FILE_NOT_FOUND"):
        readable(shelf, first)
    take_through(shelf.house.pipeline, report.intakes[0])
    assert readable(shelf, first) == [new]
    assert media_of(shelf, first) == media_of(shelf, report.intakes[0])
    assert shelf.events()[-1] == "moved"
    assert counts(shelf.scan()) == {"unchanged": 1}


def test_a_changed_file_is_never_read_as_what_it_was(shelf: Shelf) -> None:
    path = shelf.draw("a.png", 1)
    (first,) = shelf.take_in()
    shelf.draw("a.png", 2)
    with pytest.raises(Failed, match="FILE_CHANGED"):
        readable(shelf, first)
    (second,) = shelf.take_in()
    assert media_of(shelf, first) != media_of(shelf, second)
    assert readable(shelf, second) == [path]
    with pytest.raises(Failed, match="FILE_CHANGED"):
        readable(shelf, first)


def test_a_file_with_the_old_time_and_another_size_has_changed(tmp_path: Path) -> None:
    target, place = tmp_path / "a", tmp_path / "raw" / "b"
    target.write_text("one")
    time = target.stat().st_mtime_ns
    assert link(target, place, time)
    assert original(place, 3) == target
    target.write_text("three")
    os.utime(target, ns=(time, time))
    with pytest.raises(Failed, match="FILE_CHANGED"):
        original(place, 3)
    target.unlink()
    target.symlink_to(tmp_path)
    with pytest.raises(Failed, match="NOT_A_FILE"):
        original(place, 3)


def test_no_link_takes_the_place_of_a_file(tmp_path: Path) -> None:
    target, place = tmp_path / "a", tmp_path / "b"
    target.write_text("one")
    place.write_text("ours")
    assert not link(target, place, 1)
    assert place.read_text() == "ours"


def test_a_prompt_of_what_is_to_be_cleaned_is_not_kept(shelf: Shelf) -> None:
    path = write_png(
        shelf.path / "a.png", text_chunk("parameters", "a cat\nSteps: 2, Sampler: Euler, Seed: 1")
    )
    (key,) = shelf.take_in()
    (media,) = media_of(shelf, key)
    with shelf.house.store.read() as connection:
        assert prompts.of(connection, [media])[media].positive == "a cat"
    strict = Shelf(shelf.house, "archive", "clinic", "clinic")
    strict.put("b.png", path.read_bytes())
    (second,) = strict.scan().intakes
    shelf.house.pipeline.import_items(second)
    with shelf.house.store.read() as connection:
        assert prompts.of(connection, [media]) == {}
    assert readable(shelf, key) == []
    assert not places.thumbnail(shelf.house.home, media).exists()


def test_what_was_known_as_to_be_cleaned_stays_so_when_a_library_has_it(shelf: Shelf) -> None:
    strict = Shelf(shelf.house, "archive", "clinic", "clinic")
    picture = write_png(
        strict.path / "b.png", text_chunk("parameters", "a cat\nSteps: 2, Sampler: Euler, Seed: 1")
    )
    (first,) = strict.scan().intakes
    shelf.house.pipeline.import_items(first)
    shelf.put("a.png", picture.read_bytes())
    (second,) = shelf.scan().intakes
    shelf.house.pipeline.import_items(second)
    (media,) = media_of(shelf, second)
    with shelf.house.store.read() as connection:
        assert prompts.of(connection, [media]) == {}
        assert exif.of(connection, [media]) == {}
    assert not places.thumbnail(shelf.house.home, media).exists()
    assert links(shelf) == {}


def test_a_library_that_is_cleaned_is_copied_and_left_as_it_is(tmp_path: Path) -> None:
    shelf = Shelf(library_house(tmp_path), "archive", "clinic", "clinic")
    shelf.draw("a.png", 1)
    shelf.put("b.png", "no picture")
    before = shelf.state()
    (key,) = shelf.scan().intakes
    shelf.house.pipeline.import_items(key)
    assert states(shelf, key) == [
        (State.IMPORTED, None),
        (State.REFUSED, Reason.DISGUISED_FILE),
    ]
    (copy,) = shelf.house.home.raw.rglob("*.png")
    assert not copy.is_symlink()
    assert copy.read_bytes() == (shelf.path / "a.png").read_bytes()
    assert shelf.state() == before
    assert not list(shelf.house.home.work.iterdir())
    assert not list(shelf.house.home.refused.iterdir())
    assert shelf.events()[-2:] == ["imported", "refused"]


def test_a_raw_file_of_ours_stays_when_a_library_has_the_same(shelf: Shelf) -> None:
    strict = Shelf(shelf.house, "archive", "clinic", "clinic")
    strict.draw("a.png", 1)
    (first,) = strict.scan().intakes
    shelf.house.pipeline.import_items(first)
    shelf.draw("b.png", 1)
    (second,) = shelf.scan().intakes
    shelf.house.pipeline.import_items(second)
    assert states(shelf, second) == [(State.DUPLICATE, None)]
    assert links(shelf) == {}


def test_nothing_is_touched_by_cleaning_again_sweeping_and_sending_back(shelf: Shelf) -> None:
    for number in range(3):
        shelf.draw(f"{number}.png", number)
    before = shelf.state()
    (key,) = shelf.take_in()
    work = shelf.house.pipeline
    work.send_back(key, everything=True)
    clean(work, key)
    work.sweep()
    # A stricter word from elsewhere: now it is cleaned, out of the library's own file.
    strict = Shelf(shelf.house, "archive", "clinic", "clinic")
    strict.draw("0.png", 0)
    (second,) = strict.scan().intakes
    work.import_items(second)
    shelf.house.clock.turn(3600)
    work.import_items(key)
    work.sweep()
    assert shelf.state() == before


def test_a_root_at_another_place_is_the_same_root(shelf: Shelf) -> None:
    shelf.draw("a.png", 1)
    (key,) = shelf.take_in()
    shelf.path.rename(shelf.house.folder / "elsewhere")
    moved = Shelf.__new__(Shelf)
    moved.house, moved.profile, moved.name = shelf.house, "library", "photos"
    moved.folder = "elsewhere"
    assert counts(moved.scan()) == {"unchanged": 1}
    assert readable(shelf, key) == [shelf.house.folder / "elsewhere" / "a.png"]
