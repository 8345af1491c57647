"""What is open in a library: what was never made, and what rests on something that changed."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from enrichment_parts import ALL, EMBED_MODEL, MODEL, media_of, put, run, shelf
from ollama_server import OllamaServer
from pipeline_parts import House

from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.enrich_recipes import recipe_in
from supervisor_core.store.database import Connection
from supervisor_core.store.open_enrichments import Waiting, open_enrichments

LATER = "TIMESTAMPTZ '2040-01-01'"


class Enough(Exception):
    pass


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, IntakeKey]]:
    """A library in which all is done."""
    with OllamaServer(MODEL, EMBED_MODEL) as server:
        house = shelf(tmp_path_factory.mktemp("library"), server.url)
        key = put(house, 1, 2)
        run(house, key)
        yield house, key


def found(house: House, connection: Connection) -> list[Waiting]:
    pipeline = house.pipeline
    recipes = {name: recipe_in(pipeline._context, name) for name in ALL}
    return open_enrichments(connection, {"shelf": ALL}, recipes, house.store.now())


@contextmanager
def trial(house: House) -> Iterator[Connection]:
    """A transaction that leaves nothing behind."""
    with suppress(Enough), house.store.write() as connection:
        yield connection
        raise Enough


def test_where_all_is_done_nothing_is_open(library: tuple[House, IntakeKey]) -> None:
    house, _ = library
    assert house.pipeline.unenriched() == []


@pytest.mark.parametrize(
    ("change", "modes"),
    [
        ("UPDATE enrichment SET recipe = 'old' WHERE mode = 'caption' AND media = $m", ["caption"]),
        (
            "UPDATE enrichment SET output = 'old' WHERE mode = 'title' AND media = $m",
            ["caption", "title", "prompt_eval", "quality", "nsfw_classify"],
        ),
        (
            f"UPDATE enrichment SET created = {LATER} WHERE mode = 'quality' AND media = $m",
            ["prompt_recon", "embed"],
        ),
        (
            f"UPDATE enrichment SET created = {LATER} WHERE mode = 'embed' AND media = $m",
            ["dupe_hints"],
        ),
        (
            f"INSERT INTO tag VALUES ($m, '', 'sea', 'human', NULL, false, {LATER})",
            ["tags_normalize"],
        ),
        (f"INSERT INTO tag VALUES ($m, '', 'sea', 'model:x', NULL, false, {LATER})", []),
        (
            f"INSERT INTO field VALUES ($m, 'caption', '1', 'human', true, 'a', {LATER})",
            ["prompt_recon", "embed"],
        ),
        (
            "INSERT INTO near_pair VALUES ('x', 'x', $m, $m, 'still', 1, false, NULL, NULL, true,"
            f" {LATER})",
            ["dupe_hints"],
        ),
        ("DELETE FROM work WHERE task = 'enrichment/title' AND media = $m", ["title"]),
        (
            "UPDATE work SET state = 'queued' WHERE task = 'enrichment/embed' AND media = $m",
            ["embed"],
        ),
        (
            f"UPDATE work SET state = 'waiting', not_before = {LATER}"
            " WHERE task = 'enrichment/embed' AND media = $m",
            [],
        ),
        (
            "UPDATE work SET state = 'error' WHERE task = 'enrichment/embed' AND media = $m",
            [],
        ),
        (
            "UPDATE work SET state = 'blocked', reason = 'INPUTS_OPEN'"
            " WHERE task = 'enrichment/embed' AND media = $m",
            ["embed"],
        ),
        (
            "UPDATE work SET state = 'blocked', reason = 'INPUTS_OPEN'"
            " WHERE task IN ('enrichment/embed', 'enrichment/prompt_recon') AND media = $m",
            ["prompt_recon"],
        ),
        ("UPDATE media SET cleaning = 'waiting' WHERE media = $m", []),
    ],
)
def test_a_change_opens_what_rests_on_it_and_nothing_else(
    library: tuple[House, IntakeKey], change: str, modes: list[str]
) -> None:
    house, key = library
    media = media_of(house, key)[0]
    with trial(house) as connection:
        connection.execute(change, {"m": media})
        waiting = found(house, connection)
        assert [(one.intake, list(one.modes)) for one in waiting] == (
            [(key, modes)] if modes else []
        )


def test_what_waits_for_a_model_is_told_as_known_and_what_was_made_as_a_correction(
    library: tuple[House, IntakeKey],
) -> None:
    house, key = library
    media = media_of(house, key)[0]
    with trial(house) as connection:
        connection.execute(
            "UPDATE work SET state = 'blocked', reason = 'BLOCKED_BY_OLLAMA'"
            " WHERE task = 'enrichment/title' AND media = $m",
            {"m": media},
        )
        connection.execute("DELETE FROM work WHERE task = 'enrichment/embed'")
        (one,) = found(house, connection)
    assert (one.modes, one.fresh, one.corrections) == (("title", "embed"), ("embed",), 2)


def test_a_profile_that_asks_for_nothing_leaves_only_what_was_asked_for(tmp_path: Path) -> None:
    with OllamaServer(MODEL) as server:
        house = shelf(tmp_path, server.url)
        key = put(house, 1)
    (house.home.root / "profiles" / "shelf.toml").write_text('mask = "none"\n')
    assert house.pipeline.unenriched() == []
    house.pipeline.queue_enrichments(key, ["title"], [], force=False)
    (one,) = house.pipeline.unenriched()
    assert (one.intake, one.modes) == (key, ("title",))
