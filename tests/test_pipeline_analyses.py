"""Analyses of what passed the gate: what is sent, what is kept, what waits, and what is never made.

The server is a real one on loopback; it misbehaves in every way we know.
"""

import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path

import analysis_parts
import pytest
from analysis_parts import cleaned, house_asking, questions, results, task, tasks
from ollama_server import MODEL, Mode, OllamaServer
from pipeline_parts import House

from supervisor_core.reasons import Failed, Reason
from supervisor_core.repair import Cause
from supervisor_core.states import Work

GIVEN_UP = (Reason.TIMEOUT, Reason.TRANSPORT_ERROR, Reason.MODEL_ERROR, Reason.MODEL_BUSY)

server, house = analysis_parts.server, analysis_parts.house


def test_a_cleaned_file_is_analysed_with_the_frames_that_were_shown(
    house: House, server: OllamaServer
) -> None:
    key = cleaned(house, "one")
    report = house.pipeline.analyse(key)
    assert (report.results, report.blocked, report.failed) == (1, {}, {})
    (result,) = results(house, key)
    frames = json.loads(result.frames)
    assert [frame["index"] for frame in frames] == [3, 12]
    assert [(one.width, one.height) for one in server.asked[0].pictures] == [(64, 48)] * 2
    assert len({one.sha256 for one in server.asked[0].pictures}) == 2
    assert (result.model, result.profile, len(result.model_digest)) == (MODEL, "general", 64)
    assert result.prompt_tokens == questions(house)[0].prompt_tokens > 0
    assert task(house, key).state is result.state
    assert task(house, key).key == result.key


def test_the_same_is_not_asked_twice_and_another_model_is(
    house: House, server: OllamaServer
) -> None:
    key = cleaned(house, "one")
    house.pipeline.analyse(key)
    assert house.pipeline.analyse(key).skipped == 1
    assert len(server.asked) == 1
    server.models = {MODEL: "", "other:1b": ""}
    house.settings = house.settings.model_copy(update={"model": "other:1b"})
    assert house.pipeline.analyse(key).results == 1
    assert [one.model for one in results(house, key)] == ["other:1b"]
    assert task(house, key).attempts == 1


def test_what_was_cleaned_anew_is_analysed_anew(house: House, server: OllamaServer) -> None:
    key = cleaned(house, "one")
    house.pipeline.analyse(key)
    before = results(house, key)[0].output
    assert house.pipeline.unanalysed() == []
    house.tools = replace(house.tools, clean=lambda job: _otherwise(house, job), code_version="2")
    house.clean(key)
    assert [(one.intake, one.cause) for one in house.pipeline.unanalysed()] == [(key, Cause.NEW)]
    assert house.pipeline.analyse(key).results == 1
    assert results(house, key)[0].output != before


def _otherwise(house: House, job: object) -> object:
    from pipeline_parts import clean

    made = clean(job)
    job.destination.write_bytes(job.destination.read_bytes() + b" again")
    content = job.destination.read_bytes()
    return replace(made, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def test_a_profile_that_wants_none_is_not_analysed(house: House, server: OllamaServer) -> None:
    key = house.arrive("one", profile="archive")
    house.clean(key)
    assert house.pipeline.unanalysed() == []
    assert house.pipeline.analyse(key).results == 0
    assert server.requests == []


def test_what_is_not_verified_is_never_shown(house: House, server: OllamaServer) -> None:
    key = cleaned(house, "one\nframe_level = DECODE_FAILED\nroi_mask = DECODE_FAILED")
    assert house.pipeline.analyse(key).results == 0
    assert house.pipeline.unanalysed() == []
    assert server.requests == []


def test_nothing_but_cleaned_files_goes_to_another_machine(tmp_path: Path) -> None:
    house = house_asking(tmp_path, "http://203.0.113.9:11434", model_hosts="203.0.113.9")
    profiles = house.home.root / "profiles"
    profiles.mkdir()
    (profiles / "open.toml").write_text('mask = "none"\nanalysis = "general"\n')
    key = house.arrive("one", profile="open")
    house.clean(key)
    healthy = replace(house.tools, look=lambda *_: _healthy())
    house.tools = healthy
    assert house.pipeline.analyse(key).blocked == {Reason.MODEL_HOST_FORBIDDEN: 1}


def _healthy() -> object:
    from supervisor_core.model.health import Health, State

    return Health(State.HEALTHY, digest="d" * 64)


def test_while_the_server_is_away_items_wait_and_no_try_is_used(
    house: House, server: OllamaServer
) -> None:
    key = cleaned(house, "one", "two")
    server.mode = Mode.REFUSED
    for _ in range(8):
        assert house.pipeline.analyse(key).blocked == {Reason.BLOCKED_BY_OLLAMA: 2}
    assert {(one.state, one.attempts) for one in tasks(house, key)} == {(Work.BLOCKED, 0)}
    assert [one.cause for one in house.pipeline.unanalysed()] == [Cause.CAUSE_PASSED]
    server.mode = Mode.OK
    assert house.pipeline.analyse(key).results == 2


def test_a_missing_model_is_told_by_its_own_name(house: House, server: OllamaServer) -> None:
    key = cleaned(house, "one")
    server.models = {"other:1b": ""}
    assert house.pipeline.analyse(key).blocked == {Reason.MODEL_MISSING: 1}
    assert task(house, key).attempts == 0


# What becomes of a task after one run: its state and reason.
OUTCOMES = [
    (Mode.OK, Work.DONE, None),
    (Mode.REFUSED, Work.BLOCKED, Reason.BLOCKED_BY_OLLAMA),
    (Mode.BLACKHOLED, Work.BLOCKED, Reason.BLOCKED_BY_OLLAMA),
    (Mode.SILENT, Work.WAITING, Reason.TIMEOUT),
    (Mode.DRIP, Work.WAITING, Reason.TIMEOUT),
    (Mode.HEADERS_THEN_HANG, Work.WAITING, Reason.TIMEOUT),
    (Mode.CLOSED_MID_BODY, Work.WAITING, Reason.TRANSPORT_ERROR),
    (Mode.CUT, Work.WAITING, Reason.TRANSPORT_ERROR),
    (Mode.ERROR_500, Work.WAITING, Reason.MODEL_ERROR),
    (Mode.BUSY, Work.WAITING, Reason.MODEL_BUSY),
    (Mode.BUSY_THEN_FREE, Work.DONE, None),
    (Mode.MODEL_GONE, Work.BLOCKED, Reason.MODEL_MISSING),
    (Mode.NO_MODELS, Work.BLOCKED, Reason.NO_MODELS),
    (Mode.EMPTY, Work.ERROR, Reason.NOT_AN_ANSWER),
    (Mode.HTML, Work.ERROR, Reason.NOT_AN_ANSWER),
    (Mode.BROKEN_LINE, Work.ERROR, Reason.NOT_AN_ANSWER),
    (Mode.INVALID_JSON, Work.ABSTAINED, None),
    (Mode.FENCE, Work.DONE, None),
    (Mode.WRONG_TYPES, Work.ABSTAINED, None),
    (Mode.NAN, Work.ABSTAINED, None),
    (Mode.LENGTH, Work.ERROR, Reason.ANSWER_TOO_LARGE),
    (Mode.OVERSIZED, Work.ERROR, Reason.ANSWER_TOO_LARGE),
    (Mode.ENDLESS, Work.WAITING, Reason.TIMEOUT),
    (Mode.REDIRECT, Work.ERROR, Reason.NOT_AN_ANSWER),
    (Mode.GZIP_BOMB, Work.ERROR, Reason.NOT_AN_ANSWER),
    (Mode.SLOW_LOAD, Work.DONE, None),
    (Mode.RESTART, Work.DONE, None),
    (Mode.ERROR_LINE, Work.WAITING, Reason.MODEL_ERROR),
]


@pytest.mark.campaign
@pytest.mark.parametrize(("mode", "state", "reason"), OUTCOMES, ids=lambda one: str(one))
def test_whatever_the_server_does_the_item_ends_with_its_reason_and_stays_clean(
    mode: Mode, state: Work, reason: Reason | None, house: House, server: OllamaServer
) -> None:
    key = cleaned(house, "one")
    before = house.files("cleaned")
    server.mode, server.busy_times = mode, 1
    if mode is Mode.RESTART:
        house.tools = replace(house.tools, sleep=lambda _: time.sleep(2 * server.down_s))
    house.pipeline.analyse(key)
    found = task(house, key)
    assert (found.state, found.reason) == (state, reason)
    assert len(results(house, key)) == (state in (Work.DONE, Work.DEGRADED, Work.ABSTAINED))
    assert house.files("cleaned") == before
    assert house.pipeline.summary(key).verified == 1
    assert house.files("work") == []


def test_a_cause_that_stays_ends_as_a_dead_letter_and_is_tried_no_more(
    house: House, server: OllamaServer
) -> None:
    key = cleaned(house, "one")
    server.mode = Mode.ERROR_500
    states = []
    for _ in range(7):
        house.pipeline.analyse(key)
        states.append(task(house, key).state)
        house.clock.turn(60)
    tries = house.settings.analysis_tries
    assert Work.DEAD in states
    assert task(house, key).attempts == tries
    assert house.pipeline.unanalysed() == []


def test_a_waiting_item_is_left_alone_until_its_time(house: House, server: OllamaServer) -> None:
    key = cleaned(house, "one")
    server.mode = Mode.ERROR_500
    house.pipeline.analyse(key)
    server.mode = Mode.OK
    assert house.pipeline.unanalysed() == []
    assert house.pipeline.analyse(key).waiting == {Reason.MODEL_ERROR: 1}
    house.clock.turn(31)
    assert house.pipeline.analyse(key).results == 1


def test_one_bad_item_does_not_stop_the_others(house: House, server: OllamaServer) -> None:
    key = cleaned(house, "one", "two", "three")
    choose = house.tools.choose

    def sometimes(source: Path, folder: Path, count: int, side: int) -> object:
        if b"two" in source.read_bytes():
            raise Failed(Reason.NO_USABLE_FRAME)
        return choose(source, folder, count, side)

    house.tools = replace(house.tools, choose=sometimes)
    report = house.pipeline.analyse(key)
    assert report.results == 2
    assert report.failed == {Reason.NO_USABLE_FRAME: 1}


def test_a_run_that_is_stopped_gives_its_item_back(house: House) -> None:
    key = cleaned(house, "one")

    def stopped(*_: object) -> object:
        raise KeyboardInterrupt

    house.tools = replace(house.tools, ask=stopped)
    with pytest.raises(KeyboardInterrupt):
        house.pipeline.analyse(key)
    found = task(house, key)
    assert (found.state, found.lease_owner) == (Work.QUEUED, None)
    assert house.files("work") == []


def test_a_result_that_another_run_has_made_meanwhile_is_not_written_twice(house: House) -> None:
    key = cleaned(house, "one")
    other = House(house.folder, tools=house.tools, changes=house.changes, owner="other")
    ask = house.tools.ask

    def overtaken(request: object) -> object:
        house.clock.turn(1e6)
        other.clock.time = house.clock.time
        if not results(house, key):
            assert other.pipeline.analyse(key).results == 1
        return ask(request)

    house.tools = replace(house.tools, ask=overtaken)
    assert house.pipeline.analyse(key).busy == 1
    assert len(results(house, key)) == 1
    assert task(house, key).state in (Work.DONE, Work.DEGRADED)


def test_the_name_of_a_file_gives_a_hint_and_goes_nowhere(
    house: House, server: OllamaServer
) -> None:
    server.answer = {}
    file = house.drop("Kletterhalle-Vogel-Eva.png", "one")
    key = house.record(file)
    house.pipeline.import_items(key)
    house.clean(key)
    house.pipeline.analyse(key)
    (result,) = results(house, key)
    assert (result.kind, result.kind_source) == ("climbing", "name")
    assert "Vogel" not in json.dumps([request.plain() for request in server.requests])
    assert "Vogel" not in repr(vars(result))
