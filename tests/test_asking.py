"""What people ask for of many media, and the values they write: the same from wherever they ask."""

from pathlib import Path

import pytest
from enrichment_parts import media_of, put, shelf
from pipeline_parts import House

from supervisor_core.keys import MediaKey, media_id
from supervisor_core.store import asking, editing, fields, tags
from supervisor_core.store.audit import of_subject
from supervisor_core.store.requests import Request, Verb, open_requests


@pytest.fixture
def house(tmp_path: Path) -> House:
    return shelf(tmp_path, "http://127.0.0.1:9")


def wished(house: House) -> list[Request]:
    with house.store.read() as connection:
        return open_requests(connection, 50)


def test_two_batches_are_asked_for_by_a_request_each_and_asking_again_adds_none(
    house: House,
) -> None:
    keys = [put(house, 1, 2), put(house, 3)]
    media = {one for key in keys for one in media_of(house, key)}
    for _ in range(2):
        with house.store.write() as connection:
            now = house.store.now()
            asked = asking.ask_enrichments(connection, ["title", "caption"], media, "anna", now)
        assert len(asked) == 2
    found = {one.subject: one for one in wished(house)}
    assert {one.id for one in found.values()} == set(asked)
    assert found.keys() == set(keys)
    assert found[keys[0]].detail == {
        "modes": "caption,title",
        "media": ",".join(sorted(map(media_id, media_of(house, keys[0])))),
        "force": 0,
    }
    with house.store.read() as connection:
        deed = of_subject(connection, "all")[-1]
    assert (deed.verb, deed.detail) == ("enrich", {"requests": 2, "items": 6})


def test_cleaning_again_names_the_chosen_media_of_each_intake(house: House) -> None:
    keys = [put(house, 1, 2), put(house, 3)]
    (first, _), (other,) = (sorted(media_of(house, key)) for key in keys)
    with house.store.write() as connection:
        asked = asking.ask_recleaning(connection, [first, other], "anna", house.store.now())
        assert asking.ask_recleaning(connection, [], "anna", house.store.now()) == []
    found = {one.subject: one for one in wished(house)}
    assert {one.id for one in found.values()} == set(asked)
    assert {key: one.detail["media"] for key, one in found.items()} == {
        keys[0]: media_id(first),
        keys[1]: media_id(other),
    }
    assert {one.verb for one in found.values()} == {Verb.RECLEAN}


def test_a_persons_tags_are_locked_and_kept_as_tags_too(house: House) -> None:
    (media,) = media_of(house, put(house, 1))
    value = editing.read("tags", " sea,  a  boat,sea ")
    with house.store.write() as connection:
        editing.write(connection, media, "tags", value, "anna", house.store.now())
    with house.store.read() as connection:
        field = fields.of(connection, [media])[MediaKey(media)]["tags"]
        names = {one.name for one in tags.of(connection, [media])[media]}
    assert (field.value, field.locked, field.who) == (["sea", "a boat"], True, "anna")
    assert names == {"sea", "a boat"}
    with house.store.write() as connection:
        assert editing.unlock(connection, media, "tags", "anna", house.store.now()) is not None
        assert editing.unlock(connection, media, "tags", "anna", house.store.now()) is None


def test_tags_and_collections_are_added_to_what_many_media_have(house: House) -> None:
    one, other = sorted(media_of(house, put(house, 1, 2)))
    with house.store.write() as connection:
        now = house.store.now()
        editing.write(connection, one, "tags", ["sea"], "anna", now)
        for _ in range(2):
            editing.add_tags(connection, [one, other], ["place:Kiel", "sea"], "ben", now)
            editing.add_to_collections(connection, [one, other], ["best", "sea"], "ben", now)
    with house.store.read() as connection:
        found = tags.of(connection, [one, other])
        held = fields.of(connection, [one, other])
        collected = [tags.members_of(connection, name) for name in ("best", "sea")]
        deeds = of_subject(connection, other)
    for media in (one, other):
        assert sorted((tag.namespace, tag.name) for tag in found[media]) == [
            ("", "sea"),
            ("place", "Kiel"),
        ]
    assert held.keys() == {one}
    assert (held[one]["tags"].value, held[one]["tags"].locked) == (["sea", "place:Kiel"], True)
    assert collected == [{one, other}] * 2
    said = {(deed.verb, deed.detail["added"]) for deed in deeds}
    assert ("add_collections", "best, sea") in said


@pytest.mark.parametrize(
    ("name", "text"),
    [("rating", "6"), ("quality", "101"), ("quality", "²"), ("title", " "), ("tags", ",")],
)
def test_what_a_field_can_not_be_is_told_in_words(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"^(a|names)"):
        editing.read(name, text)
