"""Prompts, tags and stars: who said so, what was there before, and who may not overwrite whom."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store_builders import NOON, media_key, open_store

from supervisor_core.enrichment.prompt import TEXT_CHARS_MAX, Prompt, Tool
from supervisor_core.store import Store, prompts, tags
from supervisor_core.store.prompts import Origin, StoredPrompt
from supervisor_core.store.tags import HUMAN, Rating, Tag

CAT, DOG = media_key("cat"), media_key("dog")
READ = Prompt(
    Tool.COMFYUI,
    positive="a cat, ünïcode, 'quotes' and \"more\"",
    negative="dogs",
    model="x.safetensors",
    seed=2**64 - 1,
    steps=2**64 - 1,
    sampler="euler",
    cfg=7.5,
    size=(512, 768),
    raw="{" + "x" * (TEXT_CHARS_MAX - 1),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


def put(store: Store, *new: StoredPrompt, who: str = "test", minutes: int = 0) -> int:
    with store.write() as connection:
        return prompts.put(connection, new, who, NOON + timedelta(minutes=minutes))


def stored(store: Store) -> dict[str, StoredPrompt]:
    with store.read() as connection:
        return dict(prompts.of(connection, [CAT, DOG]))


def test_a_prompt_comes_back_as_it_was_read(store: Store) -> None:
    cat = StoredPrompt.read(CAT, READ)
    assert put(store, cat) == 1
    assert stored(store) == {CAT: cat}
    assert (cat.width, cat.height, cat.origin) == (512, 768, Origin.FILE)


def test_reading_it_again_is_no_change_and_a_change_keeps_what_was(store: Store) -> None:
    cat = StoredPrompt.read(CAT, READ)
    put(store, cat)
    assert put(store, cat, minutes=1) == 0
    newer = replace(cat, positive="a kitten")
    assert put(store, newer, StoredPrompt(DOG, "a dog"), who="rebuild", minutes=2) == 2
    assert stored(store)[CAT] == newer
    with store.read() as connection:
        (former,) = prompts.history(connection, CAT)
        assert prompts.history(connection, DOG) == []
    assert (former.prompt, former.who) == (cat, "rebuild")
    assert former.happened == NOON + timedelta(minutes=2)


@pytest.mark.parametrize(
    ("first", "then", "kept"),
    [
        (Origin.HUMAN, Origin.FILE, Origin.HUMAN),
        (Origin.FILE, Origin.MODEL, Origin.FILE),
        (Origin.MODEL, Origin.FILE, Origin.FILE),
        (Origin.FILE, Origin.HUMAN, Origin.HUMAN),
    ],
)
def test_what_ranks_lower_replaces_nothing(
    store: Store, first: Origin, then: Origin, kept: Origin
) -> None:
    put(store, StoredPrompt(CAT, "one", origin=first))
    put(store, StoredPrompt(CAT, "other", origin=then), minutes=1)
    assert stored(store)[CAT].origin is kept


def test_what_is_cleaned_keeps_no_word_of_its_file(store: Store) -> None:
    put(store, StoredPrompt(CAT, "one"), StoredPrompt(DOG, "two"))
    put(store, StoredPrompt(CAT, "three"), minutes=1)
    with store.write() as connection:
        tags.put(connection, CAT, [Tag("outside")], "file", NOON)
        tags.put(connection, CAT, [Tag("mine")], HUMAN, NOON)
        prompts.forget(connection, [CAT])
        tags.forget(connection, [CAT])
    assert list(stored(store)) == [DOG]
    with store.read() as connection:
        assert prompts.history(connection, CAT) == []
        assert [one.name for one in tags.of(connection, [CAT])[CAT]] == ["mine"]


def test_a_source_replaces_its_own_tags_only_and_never_the_locked_ones(store: Store) -> None:
    locked = Tag("kept", "character", "model:tags", 0.5, locked=True)
    with store.write() as connection:
        tags.put(connection, CAT, [locked, Tag("old", confidence=0.25)], "model:tags", NOON)
        tags.put(connection, CAT, [Tag("mine")], HUMAN, NOON)
        tags.put(connection, DOG, [Tag("dog")], "model:tags", NOON)
        again = [Tag("kept", "character"), Tag("new"), Tag("new")]
        tags.put(connection, CAT, again, "model:tags", NOON)
    with store.read() as connection:
        found = tags.of(connection, [CAT, DOG])
    assert [(one.namespace, one.name, one.source) for one in found[CAT]] == [
        ("", "mine", "human"),
        ("", "new", "model:tags"),
        ("character", "kept", "model:tags"),
    ]
    assert locked in found[CAT]
    assert [one.name for one in found[DOG]] == ["dog"]


def test_a_collection_holds_each_media_once(store: Store) -> None:
    with store.write() as connection:
        tags.collect(connection, [CAT, CAT], "pets", HUMAN, NOON)
        tags.collect(connection, [CAT, DOG], "pets", HUMAN, NOON)
        found = connection.execute("SELECT media FROM collection_member").fetchall()
        assert tags.members_of(connection, "pets") == {CAT, DOG}
    assert sorted(found) == sorted([(CAT,), (DOG,)])


def test_locked_stars_stay_for_all_but_who_locked_them(store: Store) -> None:
    with store.write() as connection:
        assert tags.rate(connection, CAT, Rating(3, "file"), NOON)
        assert tags.rate(connection, CAT, Rating(5, HUMAN, locked=True), NOON)
        assert not tags.rate(connection, CAT, Rating(1, "file"), NOON)
        assert tags.ratings_of(connection, [CAT, DOG]) == {CAT: Rating(5, HUMAN, locked=True)}
        assert tags.rate(connection, CAT, Rating(0, HUMAN), NOON)
        assert tags.ratings_of(connection, [CAT])[CAT].stars == 0
        with pytest.raises(ValueError, match="stars"):
            tags.rate(connection, CAT, Rating(6, HUMAN), NOON)
