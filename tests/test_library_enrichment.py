"""Pictures that lie in a library are enriched where they lie, and only while they are the same."""

import hashlib
import shutil
from pathlib import Path

import pytest
from analysis_parts import SMALL
from enrichment_parts import ALL, EMBED_MODEL, result, task
from enrichment_parts import run as enrich
from enrichment_parts import server as server
from library_parts import Shelf
from ollama_server import OllamaServer
from pipeline_parts import House

from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.fingerprinting import take_fingerprints
from supervisor_core.pipeline.tools import Tools
from supervisor_core.reasons import Reason
from supervisor_core.states import Work


@pytest.fixture
def shelf(tmp_path: Path, server: OllamaServer) -> Shelf:
    settings = {"ollama_url": server.url, **SMALL, "embed_model": EMBED_MODEL}
    shelf = Shelf(House(tmp_path, tools=Tools(sleep=lambda _: None), changes=settings))
    for number in range(3):
        shelf.draw(f"{number}.png", number)
    return shelf


def states(shelf: Shelf, intake: IntakeKey) -> dict[tuple[str, str], Work]:
    media = shelf.house.pipeline.summary(intake).media
    found = {(one[:4], mode): task(shelf.house, one, mode) for one in media for mode in ALL}
    return {key: one.state for key, one in found.items() if one is not None}


def test_every_mode_comes_to_an_end_and_the_library_is_as_it_was(shelf: Shelf) -> None:
    before = {path: path.read_bytes() for path in shelf.path.iterdir()}
    (intake,) = shelf.take_in()
    enrich(shelf.house, intake)
    found = states(shelf, intake)
    assert len(found) == 3 * len(ALL)
    assert {state for (_, mode), state in found.items() if mode == "caption"} == {Work.DONE}
    ends = {Work.DONE, Work.DEGRADED, Work.ABSTAINED}
    assert set(found.values()) <= ends
    assert {path: path.read_bytes() for path in before} == before


def test_a_file_that_changed_since_is_shown_to_nobody(shelf: Shelf, server: OllamaServer) -> None:
    (intake,) = shelf.take_in()
    media = {
        one.media.media: one for one in shelf.house.pipeline.summary(intake).items if one.media
    }
    shelf.draw("0.png", 77)
    asked = len(server.asked)
    report = enrich(shelf.house, intake, "caption")["caption"]
    assert len(server.asked) - asked == 2
    assert report.waiting == {Reason.FILE_CHANGED: 1}
    assert sum(result(shelf.house, one, "caption") is not None for one in media) == 2


def told_of(shelf: Shelf, media: str) -> set[str]:
    """The tables that say anything of a media."""
    columns = """
        SELECT table_name, column_name FROM duckdb_columns() JOIN duckdb_tables() USING (table_name)
        WHERE column_name IN ('media', 'other')
    """
    with shelf.house.store.read() as connection:
        return {
            table
            for table, column in connection.execute(columns).fetchall()
            if connection.execute(f"SELECT 1 FROM {table} WHERE {column} = ?", [media]).fetchone()
        }


def test_what_was_found_goes_when_a_stricter_word_comes(shelf: Shelf) -> None:
    shutil.copy(shelf.path / "1.png", shelf.path / "like.png")
    with (shelf.path / "like.png").open("ab") as file:
        file.write(b"some bytes more")
    (intake,) = shelf.take_in()
    shelf.house.pipeline.do(take_fingerprints, intake)
    enrich(shelf.house, intake)
    strict = Shelf(shelf.house, "archive", "clinic", "clinic")
    strict.draw("same.png", 1)
    media = hashlib.sha256((strict.path / "same.png").read_bytes()).hexdigest()
    found = {"fingerprint", "near_pair", "embedding", "enrichment", "field", "work"}
    assert told_of(shelf, media) >= found
    (second,) = strict.scan().intakes
    shelf.house.pipeline.import_items(second)
    happened = {"arrival", "library_file", "import_log", "attempt", "question"}
    assert told_of(shelf, media) <= {"media", "integrity"} | happened


def test_a_file_that_is_back_is_enriched_after_all(shelf: Shelf) -> None:
    (intake,) = shelf.take_in()
    away = shelf.house.folder / "away.png"
    (shelf.path / "0.png").rename(away)
    report = enrich(shelf.house, intake, "caption")["caption"]
    assert (report.done, report.failed) == (2, {Reason.FILE_NOT_FOUND: 1})
    shelf.scan()
    away.rename(shelf.path / "0.png")
    shelf.scan()
    assert enrich(shelf.house, intake, "caption")["caption"].done == 1
