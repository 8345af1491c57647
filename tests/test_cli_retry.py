"""`retry`: what ended without success is put back by one command, and by nothing else."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import analysis_parts
import pytest
from analysis_parts import cleaned, house_asking, task
from command import Ran, run
from ollama_server import Mode, OllamaServer
from pipeline_parts import House, clean, item

from supervisor_assets.cli import retry
from supervisor_assets.cli.edge import Usage
from supervisor_core.keys import IntakeKey, Retried, media_id
from supervisor_core.reasons import Reason
from supervisor_core.repair import Cause
from supervisor_core.states import Cleaning, Work
from supervisor_core.store import audit, leases, requests
from supervisor_core.store.requests import Verb

FAILING = "frame_level = DECODE_FAILED\nroi_mask = DECODE_FAILED"
WORN_OUT = "frame_level = TIMEOUT\nroi_mask = TIMEOUT"

server = analysis_parts.server


@pytest.fixture
def house(tmp_path: Path, server: OllamaServer, monkeypatch: pytest.MonkeyPatch) -> House:
    made = house_asking(tmp_path, server.url, analysis_tries=1)
    monkeypatch.setenv("SUPERVISOR_HOME", str(made.home.root))
    return made


def dead(house: House, server: OllamaServer, mode: Mode, text: str) -> IntakeKey:
    """An intake whose analysis the server has failed for good."""
    key = cleaned(house, text)
    server.mode = mode
    house.pipeline.analyse(key)
    server.mode = Mode.OK
    return key


def told(capsys: pytest.CaptureFixture[str], *keys: str, **terms: Any) -> dict[str, Any]:
    words = {"code": "", "asset": None, "dry_run": False} | terms
    retry.run(keys, **words, as_json=True)
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def command(house: House, *arguments: str) -> Ran:
    return run("retry", *arguments, home=house.home.root)


def asked(house: House) -> list[tuple[Verb, str]]:
    with house.store.read() as connection:
        return [(one.verb, one.subject) for one in requests.queued(connection, 9)]


@pytest.mark.campaign
def test_a_dead_letter_is_put_back_and_ends_well_once_the_server_does(
    house: House, server: OllamaServer
) -> None:
    key = dead(house, server, Mode.ERROR_500, "one")
    assert (task(house, key).state, house.pipeline.unanalysed()) == (Work.DEAD, [])
    ran = command(house)
    assert ran.code == 0, ran.err
    assert [line.split() for line in ran.out.splitlines()] == [
        ["asset", "reason", "items"],
        ["analyses", "MODEL_ERROR", "1"],
    ]
    assert "look at the server's log" in ran.err
    found = task(house, key)
    assert (found.state, found.attempts, found.reason) == (Work.QUEUED, 0, None)
    assert [(one.intake, one.cause) for one in house.pipeline.unanalysed()] == [
        (key, Cause.CAUSE_PASSED)
    ]
    assert house.pipeline.analyse(key).results == 1


@pytest.mark.campaign
def test_a_dry_run_changes_nothing(
    house: House, server: OllamaServer, capsys: pytest.CaptureFixture[str]
) -> None:
    key = dead(house, server, Mode.HTML, "one")
    aside = cleaned(house, FAILING)
    found = told(capsys, dry_run=True)
    assert (found["dry_run"], found["retried"], found["found"]) == (True, 0, 2)
    groups = {one["asset"]: one for one in found["groups"]}
    assert groups["analyses"]["reason"] == "NOT_AN_ANSWER"
    assert groups["analyses"]["next_step"] == Reason.NOT_AN_ANSWER.next_step
    assert groups["cleaned_frames"]["count"] == 1
    assert task(house, key).state is Work.ERROR
    assert item(house, aside).level is Cleaning.RAW_ASIDE
    assert asked(house) == []


def test_what_lies_aside_waits_again_and_its_run_is_asked_for(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    key = cleaned(house, FAILING, "sound")
    assert told(capsys, asset=Retried.CLEANED_FRAMES)["retried"] == 1
    assert [one.level for one in house.pipeline.summary(key).items] == [
        Cleaning.WAITING,
        Cleaning.FRAME_LEVEL,
    ]
    assert asked(house) == [(Verb.INGEST, key)]
    house.tools = replace(house.tools, clean=mended)
    house.clean(key)
    assert house.pipeline.summary(key).verified == 2


def mended(job: Any) -> Any:
    """Cleans as if the file had nothing that fails."""
    source = job.destination.with_name("mended")
    source.write_text("mended")
    made = clean(replace(job, source=source))
    source.unlink()
    return made


def test_a_code_leaves_other_reasons_of_the_same_intake_alone(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    key = cleaned(house, FAILING, WORN_OUT)
    assert told(capsys, code="decode-failed")["retried"] == 1
    assert [one.level for one in house.pipeline.summary(key).items] == [
        Cleaning.WAITING,
        Cleaning.RAW_ASIDE,
    ]


def test_keys_and_assets_choose(
    house: House, server: OllamaServer, capsys: pytest.CaptureFixture[str]
) -> None:
    first = dead(house, server, Mode.HTML, "one")
    second = dead(house, server, Mode.ERROR_500, "two")
    cleaned(house, FAILING)
    media = task(house, second).media
    for words in ([second], [media], [media_id(media)], [second, media_id(media)]):
        found = told(capsys, *words, dry_run=True)["items"]
        assert [(one["intake"], one["media"]) for one in found] == [(second, media_id(media))]
    assert told(capsys, first, code="MODEL_ERROR")["retried"] == 0
    assert told(capsys, asset=Retried.ANALYSES)["retried"] == 2
    assert told(capsys)["groups"][0]["asset"] == "cleaned_frames"
    assert told(capsys)["found"] == 0


def test_every_item_is_in_the_audit_without_any_name(
    house: House, server: OllamaServer, capsys: pytest.CaptureFixture[str]
) -> None:
    key = dead(house, server, Mode.HTML, "one")
    told(capsys)
    media = task(house, key).media
    with house.store.read() as connection:
        deeds = audit.of_subject(connection, media)
    assert [(one.verb, one.detail) for one in deeds] == [
        (
            "retry",
            {
                "asset": "analyses",
                "state": "error",
                "task": "analysis/general",
                "reason": "NOT_AN_ANSWER",
            },
        )
    ]


def test_what_somebody_has_in_hand_is_left_to_them(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    key = cleaned(house, FAILING)
    held = [one.media for one in house.pipeline.summary(key).items if one.media]
    with house.store.write() as connection:
        end = house.clock().replace(year=2999)
        assert leases.acquire(connection, held, "another@machine", house.clock(), end)
    assert told(capsys)["retried"] == 0
    assert item(house, key).level is Cleaning.RAW_ASIDE


@pytest.mark.parametrize(
    ("code", "close"), [("MODEL_EROR", "MODEL_ERROR"), ("time_out", "TIMEOUT"), ("xyz", "")]
)
def test_an_unknown_code_is_a_wrong_argument_that_names_close_ones(
    house: House, code: str, close: str
) -> None:
    with pytest.raises(Usage) as caught:
        retry.run([], code, None, dry_run=True, as_json=False)
    assert close in str(caught.value)
    assert code not in str(caught.value)


def test_wrong_words_are_exit_code_2_and_are_not_repeated(house: House) -> None:
    for words in (["Erika.mp4"], ["--asset", "videos"]):
        ran = command(house, *words)
        assert (ran.code, ran.out) == (2, "")
        assert "Erika" not in ran.err
    with pytest.raises(Usage):
        retry.run(["0" * 16], "", None, dry_run=True, as_json=False)


def test_nothing_to_do_is_no_mistake(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    retry.run([], "", None, dry_run=False, as_json=False)
    printed = capsys.readouterr()
    assert (printed.out, printed.err[:20]) == ("", "Nothing to try again")
