"""`analyses` and `status`: what a model said, by which frames, and what waits or failed and why."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from analysis_parts import cleaned, grounded, house_asking, task
from command import Ran, run
from ollama_server import MODEL, Mode, OllamaServer
from pipeline_parts import House, clean

from supervisor_assets.cli import analyses
from supervisor_assets.cli.standing import Standing
from supervisor_core.keys import IntakeKey, media_id
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store import work

Look = Callable[..., Any]


@dataclass(frozen=True)
class Mixed:
    """A house with an intake of each fate, by its name; the one `queued` was never begun."""

    house: House
    keys: dict[str, IntakeKey]


@pytest.fixture(scope="module")
def server() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        yield server


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, server: OllamaServer) -> Mixed:
    house = house_asking(tmp_path_factory.mktemp("mixed"), server.url, analysis_tries=1)
    keys = {"queued": cleaned(house, "six")}
    server.answer = grounded
    keys["done"] = analysed(house, "one", "two")
    server.answer = {}
    keys["abstained"] = analysed(house, "three")
    server.mode = Mode.ERROR_500
    keys["dead"] = analysed(house, "four")
    server.mode = Mode.REFUSED
    keys["blocked"] = analysed(house, "five")
    cleaned(house, "seven\nframe_level = TIMEOUT\nroi_mask = TIMEOUT")
    return Mixed(house, keys)


@pytest.fixture
def house(tmp_path: Path, server: OllamaServer) -> House:
    """An empty house whose server answers."""
    server.mode, server.answer = Mode.OK, grounded
    return house_asking(tmp_path, server.url, analysis_tries=1)


def analysed(house: House, *texts: str) -> IntakeKey:
    key = cleaned(house, *texts)
    house.pipeline.analyse(key)
    return key


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Look:
    """What the command tells as JSON, asked in this process."""

    def told(house: House, *keys: str, profile: str | None = None) -> Any:
        monkeypatch.setenv("SUPERVISOR_HOME", str(house.home.root))
        analyses.run(keys, profile, 20, as_json=True)
        return json.loads(capsys.readouterr().out)

    return told


def command(house: House, *arguments: str) -> Ran:
    return run(*arguments, home=house.home.root)


def test_a_score_is_told_with_the_frames_that_show_it(mixed: Mixed, look: Look) -> None:
    first, second = look(mixed.house, mixed.keys["done"])["analyses"]
    assert {first["state"], second["state"]} == {"done"}
    assert (first["model"], first["profile"]) == (MODEL, "general")
    assert first["intake"] == mixed.keys["done"]
    assert first["prompt_tokens"] > 0
    assert first["seconds"] >= 0
    assert [frame["index"] for frame in first["frames"]] == [3, 12]
    kind = next(one for one in first["values"] if one["place"] == "kind")
    assert kind["value"] == first["kind"] == first["result"]["kind"]["value"]
    assert kind["frames"] == [{"number": 1, "index": 3, "time_s": 0.12}]


def test_what_has_no_value_says_why(mixed: Mixed, look: Look) -> None:
    (one,) = look(mixed.house, mixed.keys["abstained"])["analyses"]
    assert (one["state"], one["kind"], one["kind_source"]) == ("abstained", None, "none")
    assert one["values"]
    assert all(value["value"] is None and value["reason"] for value in one["values"])


def test_what_waits_or_failed_says_why_and_what_to_do(mixed: Mixed, look: Look) -> None:
    whole = look(mixed.house)
    assert whole["states"] == {"abstained": 1, "blocked": 1, "dead": 1, "done": 2, "queued": 1}
    found = {one["intake"]: one for one in whole["analyses"]}
    for name, reason in (("dead", Reason.MODEL_ERROR), ("blocked", Reason.BLOCKED_BY_OLLAMA)):
        one = found[mixed.keys[name]]
        assert (one["state"], one["reason"], one["result"]) == (name, reason.value, None)
        assert one["next_step"] == reason.next_step
    assert found[mixed.keys["queued"]]["updated"] is None
    assert set(found) == set(mixed.keys.values())


def test_for_a_person_it_fits_on_a_narrow_screen(mixed: Mixed) -> None:
    ran = command(mixed.house, "analyses")
    rows = [line.split() for line in ran.out.splitlines()]
    assert rows[0] == ["media", "state", "kind", "from", "values", "reason"]
    assert {row[1] for row in rows[1:]} == {"abstained", "blocked", "dead", "done", "queued"}
    assert "MODEL_ERROR (1): " in ran.err
    assert "BLOCKED_BY_OLLAMA (1): " in ran.err
    assert "1 ended without success" in ran.err
    whole = command(mixed.house, "analyses", mixed.keys["done"], mixed.keys["abstained"])
    assert "1 (0.12 s)" in whole.out
    assert "null: " in whole.out
    assert f"model {MODEL}" in whole.out
    assert max(map(len, [*ran.out.splitlines(), *whole.out.splitlines()])) <= 80


def test_the_list_has_a_limit_and_the_json_has_none(mixed: Mixed) -> None:
    ran = command(mixed.house, "analyses", "--limit", "1")
    assert len(ran.out.splitlines()) == 2
    assert "1 of 6 analyses" in ran.err
    assert len(command(mixed.house, "analyses", "--limit", "1", "--json").json["analyses"]) == 6


def test_a_media_and_a_profile_choose(mixed: Mixed, look: Look) -> None:
    media = media_id(task(mixed.house, mixed.keys["dead"]).media)
    assert [one["state"] for one in look(mixed.house, media)["analyses"]] == ["dead"]
    assert look(mixed.house, profile="climbing")["analyses"] == []
    assert len(look(mixed.house, profile="general")["analyses"]) == 6


def test_an_unknown_key_or_profile_is_a_wrong_argument_and_is_not_repeated(mixed: Mixed) -> None:
    for words in (["Erika.mp4"], ["--profile", "Erika"]):
        ran = command(mixed.house, "analyses", *words)
        assert (ran.code, ran.out) == (2, "")
        assert "Erika" not in ran.err
    assert "climbing, endoscopy, general" in ran.err


def test_what_was_said_of_a_file_that_no_longer_counts_is_not_told(
    house: House, look: Look
) -> None:
    key = analysed(house, "one")
    house.tools = replace(house.tools, clean=otherwise, code_version="2")
    house.clean(key)
    (one,) = look(house, key)["analyses"]
    assert (one["state"], one["outdated"], one["result"]) == ("queued", True, None)
    house.pipeline.send_back(key, everything=True)
    (one,) = look(house, key)["analyses"]
    assert (one["state"], one["outdated"], one["result"]) == ("done", True, None)
    assert "  outdated" in command(house, "analyses").out


def otherwise(job: Any) -> Any:
    made = clean(job)
    content = job.destination.read_bytes() + b" otherwise"
    job.destination.write_bytes(content)
    return replace(made, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def test_nothing_waits_that_nobody_wants(house: House, server: OllamaServer, look: Look) -> None:
    key = cleaned(house, "one")
    server.mode = Mode.REFUSED
    house.pipeline.analyse(key)
    assert look(house)["states"] == {"blocked": 1}
    (house.home.root / "profiles").mkdir()
    (house.home.root / "profiles" / "upload.toml").write_text("max_bytes = 1\n")
    assert look(house)["analyses"] == []
    assert standing(house).total() == 0


def test_status_counts_them(mixed: Mixed) -> None:
    counted = command(mixed.house, "status", "--json").json["analyses"]
    numbers = {"done": 3, "waiting": 1, "blocked": 1, "dead": 1}
    assert {name: counted[name] for name in numbers} == numbers
    assert counted["blocked_reasons"] == {"BLOCKED_BY_OLLAMA": 1}
    assert counted["states"]["abstained"] == 1
    words = "3 done, 1 waiting, 1 blocked (BLOCKED_BY_OLLAMA 1), 1 dead (MODEL_ERROR 1)"
    assert f"Analyses: {words}." in command(mixed.house, "status").err


def test_every_state_of_a_task_is_counted_once(house: House) -> None:
    key = analysed(house, "one")
    found = task(house, key)
    for state in Work:
        with house.store.write() as connection:
            work.save(connection, [replace(found, state=state)], house.clock())
        counted = standing(house).told
        assert counted.pop("states") == {state.value: 1}
        assert sorted(n for n in counted.values() if isinstance(n, int)) == [0, 0, 0, 0, 0, 1]


def standing(house: House) -> Standing:
    with house.store.read() as connection:
        return Standing.of(connection, house.home, house.settings)


def test_status_says_nothing_of_analyses_where_none_is_wanted(house: House) -> None:
    assert "Analyses" not in command(house, "status").err


def test_counting_them_needs_nothing_heavy() -> None:
    heavy = "{'httpx', 'ollama', 'cv2', 'numpy', 'av', 'dagster', 'jsonschema', 'boto3'}"
    check = f"import sys, supervisor_assets.cli.status; print(*({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
