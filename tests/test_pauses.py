"""What a person pauses is not begun, by sensors and by runs under way, until it may go on."""

from pathlib import Path

import enrichment_parts
import pytest
from analysis_parts import cleaned, grounded, house_asking
from analysis_parts import task as analysis_of
from enrichment_parts import fill, media_of, put, run, shelf, task
from ollama_server import OllamaServer
from ollama_shapes import Received
from pipeline_parts import House

from sensors.enrichments import runnable
from supervisor_assets.cli import doctor_model
from supervisor_assets.cli.findings import State
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Work
from supervisor_core.store import pauses
from supervisor_core.store.audit import of_subject
from supervisor_core.store.open_enrichments import Waiting

server = enrichment_parts.server


def pause(house: House, name: str) -> bool:
    with house.store.write() as connection:
        return pauses.pause(connection, name, "anna", house.store.now())


def resume(house: House, name: str) -> bool:
    with house.store.write() as connection:
        return pauses.resume(connection, name, "anna", house.store.now())


def test_a_paused_mode_waits_uses_up_no_try_and_goes_on(
    tmp_path: Path, server: OllamaServer
) -> None:
    house = shelf(tmp_path, server.url, "title", "caption")
    key = put(house, 1, 2)
    (media, _) = media_of(house, key)
    assert pause(house, "enrichment/title")
    assert not pause(house, "enrichment/title")
    found = run(house, key, "title", "caption")
    assert (found["title"].blocked, found["caption"].done) == ({Reason.PAUSED: 2}, 2)
    waiting = task(house, media, "title")
    assert waiting is not None
    assert (waiting.state, waiting.reason, waiting.attempts) == (Work.BLOCKED, Reason.PAUSED, 0)
    assert house.pipeline.why_not(["title", "caption"]) == {"title": Reason.PAUSED}
    assert resume(house, "enrichment/title")
    assert not resume(house, "enrichment/title")
    assert house.pipeline.why_not(["title", "caption"]) == {}
    assert [one.modes for one in house.pipeline.unenriched()] == [("title",)]
    assert run(house, key, "title")["title"].done == 2
    with house.store.read() as connection:
        assert [one.verb for one in of_subject(connection, "enrichment/title")] == [
            "pause",
            "resume",
        ]


def test_a_run_under_way_begins_no_further_batch(tmp_path: Path, server: OllamaServer) -> None:
    house = shelf(tmp_path, server.url, "title")
    key = put(house, 1, 2, 3)

    def answer(request: Received) -> object:
        pause(house, "enrichment")
        return fill(request.format)

    server.answer = answer
    report = run(house, key, "title", batch=1)["title"]
    assert (report.done, report.blocked) == (1, {Reason.PAUSED: 2})


def test_what_can_do_without_a_model_is_paused_too() -> None:
    waiting = Waiting(IntakeKey("x"), ("quality", "title"), ("quality", "title"), 0)
    away = {"quality": Reason.OLLAMA_DOWN, "title": Reason.OLLAMA_DOWN}
    assert runnable(waiting, away) == ["quality"]
    assert runnable(waiting, dict.fromkeys(away, Reason.PAUSED)) == []


def test_paused_analyses_are_not_even_looked_at_and_doctor_says_so(
    tmp_path: Path, server: OllamaServer
) -> None:
    house = house_asking(tmp_path, server.url)
    server.answer = grounded
    key = cleaned(house, "one")
    pause(house, "analysis")
    assert house.pipeline.analyse(key).blocked == {Reason.PAUSED: 1}
    found = analysis_of(house, key)
    assert (found.state, found.reason, found.attempts) == (Work.BLOCKED, Reason.PAUSED, 0)
    assert house.pipeline.model_rests() is Reason.PAUSED
    said = doctor_model.pauses(house.settings)
    assert (said.state, said.reason) == (State.WARNING, Reason.PAUSED)
    resume(house, "analysis")
    assert house.pipeline.analyse(key).done == 1
    assert doctor_model.pauses(house.settings).state is State.OK


def test_cleaning_can_not_be_paused(tmp_path: Path) -> None:
    house = House(tmp_path)
    with pytest.raises(Failed) as told:
        pause(house, "cleaning")
    assert told.value.reason is Reason.UNKNOWN_MODE
