"""Keywords and stars that people gave pictures elsewhere, and what they say here."""

import time
from pathlib import Path

import pytest
from command import run
from hypothesis import given
from hypothesis import strategies as st
from library_parts import Shelf
from picture_builders import painted
from PIL import Image
from pipeline_parts import House

from supervisor_core.enrichment.xmp import KEYWORDS_MAX, keywords_in, stars_in
from supervisor_core.keys import MediaKey
from supervisor_core.pipeline.tools import Tools
from supervisor_core.store import tags

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description {}><dc:subject><rdf:Bag>{}'
    "</rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def written(*words: str, stars: str = "") -> str:
    items = "".join(f"<rdf:li>{word}</rdf:li>" for word in words)
    return XMP.format(f'xmp:Rating="{stars}"' if stars else "", items)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(House(tmp_path, tools=Tools()))


def put(shelf: Shelf, name: str, xmp: str, seed: int = 1) -> None:
    picture = Image.fromarray(painted(seed, 320, 200)[:, :, ::-1])
    picture.save(shelf.path / name, xmp=xmp.encode())


def test_keywords_become_tags_with_their_namespace_and_stars_a_rating(shelf: Shelf) -> None:
    put(shelf, "a.jpg", written("sea", "place:Kiel  Bay", "sea", "&lt;b&gt;", stars="4"))
    (intake,) = shelf.take_in()
    (media,) = shelf.house.pipeline.summary(intake).media
    with shelf.house.store.read() as connection:
        found = tags.of(connection, [media])[media]
        stars = tags.ratings_of(connection, [media])[media]
    assert [(one.namespace, one.name, one.source) for one in found] == [
        ("", "<b>", "file"),
        ("", "sea", "file"),
        ("place", "Kiel Bay", "file"),
    ]
    assert (stars.stars, stars.source, stars.locked) == (4, "file", False)


def test_a_stricter_word_takes_them_away(shelf: Shelf) -> None:
    put(shelf, "a.png", written("Erika", stars="2"))
    (intake,) = shelf.take_in()
    strict = Shelf(shelf.house, "archive", "clinic", "clinic")
    (strict.path / "a.png").write_bytes((shelf.path / "a.png").read_bytes())
    (second,) = strict.scan().intakes
    shelf.house.pipeline.import_items(second)
    media = list(shelf.house.pipeline.summary(intake).media)
    with shelf.house.store.read() as connection:
        assert tags.of(connection, media) == {}
        assert tags.ratings_of(connection, media) == {}


def test_a_persons_collections_are_those_that_were_said_last(shelf: Shelf) -> None:
    shelf.draw("a.png")
    (intake,) = shelf.take_in()
    (media,) = shelf.house.pipeline.summary(intake).media
    root = shelf.house.home.root
    assert run("edit", media, "collections", "boats, summer", home=root).code == 0
    assert run("edit", media, "collections", "summer", "--json", home=root).json["locked"]
    with shelf.house.store.read() as connection:
        assert tags.members_of(connection, "summer") == {MediaKey(media)}
        assert tags.members_of(connection, "boats") == set()


@pytest.mark.parametrize(
    ("text", "stars"),
    [
        ('xmp:Rating="3"', 3),
        ("<xmp:Rating>5</xmp:Rating>", 5),
        ('xmp:Rating="-1"', None),
        ('xmp:Rating="9"', None),
        ('xmp:Rating="2.0"', 2),
        ('xmp:Rating="many"', None),
        ("", None),
    ],
)
def test_stars_as_programs_write_them(text: str, stars: int | None) -> None:
    assert stars_in(f"<rdf:Description {text} />") == stars


def test_what_is_made_to_be_slow_or_large_is_not() -> None:
    started_s = time.monotonic()
    for text in (
        "<dc:subject>" * 100_000,
        "<dc:subject><rdf:li " * 50_000,
        written(*("<rdf:li" * 10 for _ in range(10_000))),
        "xmp:Rating=" + " " * 1_000_000,
    ):
        keywords_in(text)
        stars_in(text)
    assert time.monotonic() - started_s < 2
    assert len(keywords_in(written(*map(str, range(5_000))))) == KEYWORDS_MAX


@given(st.text(max_size=300))
def test_no_text_raises(text: str) -> None:
    assert all(keywords_in(written(text)))
    stars_in(text)
