"""`doctor` and the model server: away is a warning, set wrong an error, and why is always said."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from analysis_parts import SMALL, cleaned, house_asking
from ollama_server import MODEL, Mode, OllamaServer
from ollama_shapes import VERSION
from pipeline_parts import House
from store_builders import settings_for

from supervisor_assets.cli import doctor_model
from supervisor_assets.cli.findings import Finding, State, checked
from supervisor_core.clock import utc_now
from supervisor_core.deadline import Worker
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings


@pytest.fixture(scope="module")
def server() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        yield server


@pytest.fixture(autouse=True)
def whole(server: OllamaServer) -> None:
    """The server misbehaves to whoever comes, not only to questions."""
    server.everywhere = True


@pytest.fixture(scope="module")
def child() -> Iterator[Worker]:
    with Worker() as worker:
        yield worker


def settings(folder: Path, url: str, **changes: object) -> Settings:
    return settings_for(folder, ollama_url=url, **{**SMALL, **changes})


def look(given: Settings, child: Worker) -> Finding:
    return checked("model server", lambda: doctor_model.server(given, child))


def test_a_server_that_is_well_is_told_with_version_and_model(
    server: OllamaServer, child: Worker, tmp_path: Path
) -> None:
    server.mode = Mode.OK
    found = look(settings(tmp_path, server.url), child)
    assert found.state is State.OK
    assert VERSION in found.said
    assert f"{MODEL} is there" in found.said
    assert [request.path for request in server.asked] == []


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (Mode.REFUSED, Reason.OLLAMA_DOWN),
        (Mode.BLACKHOLED, Reason.OLLAMA_UNREACHABLE),
        (Mode.SILENT, Reason.TIMEOUT),
        (Mode.HTML, Reason.NOT_AN_ANSWER),
        (Mode.ERROR_500, Reason.MODEL_ERROR),
        (Mode.NO_MODELS, Reason.NO_MODELS),
    ],
    ids=str,
)
def test_a_server_that_is_away_is_a_warning_with_its_reason(
    mode: Mode, reason: Reason, server: OllamaServer, child: Worker, tmp_path: Path
) -> None:
    server.mode = mode
    found = look(settings(tmp_path, server.url), child)
    assert (found.state, found.reason) == (State.WARNING, reason)
    assert found.fix == reason.next_step
    assert found.said.startswith(f"{server.url}")


def test_a_model_that_is_not_there_is_a_warning_that_names_it(
    server: OllamaServer, child: Worker, tmp_path: Path
) -> None:
    server.mode = Mode.OK
    found = look(settings(tmp_path, server.url, model="other:1b"), child)
    assert (found.state, found.reason) == (State.WARNING, Reason.MODEL_MISSING)
    assert "other:1b" in found.said


WRONG = [
    ("http://203.0.113.9:11434", Reason.MODEL_HOST_FORBIDDEN),
    ("http://me:secret@127.0.0.1:11434", Reason.BAD_CONFIGURATION),
    ("ftp://127.0.0.1", Reason.BAD_CONFIGURATION),
]


@pytest.mark.parametrize(("url", "reason"), WRONG)
def test_what_is_set_wrong_is_an_error_and_no_secret_is_told(
    url: str, reason: Reason, child: Worker, tmp_path: Path
) -> None:
    found = look(settings(tmp_path, url), child)
    assert (found.state, found.reason) == (State.FAILED, reason)
    assert found.fix
    assert "secret" not in found.said + found.fix


@pytest.mark.parametrize(("url", "reason"), WRONG)
def test_where_no_profile_asks_for_analyses_nothing_is_wrong(
    url: str, reason: Reason, child: Worker, tmp_path: Path
) -> None:
    (tmp_path / "home" / "profiles").mkdir(parents=True)
    (tmp_path / "home" / "profiles" / "upload.toml").write_text("max_bytes = 1\n")
    assert look(settings(tmp_path, url), child).state is State.OK


@pytest.mark.parametrize(
    ("ago_s", "words"), [(0, "left alone until "), (700, "tried with one question")]
)
def test_a_model_that_is_left_alone_is_told(
    ago_s: float, words: str, server: OllamaServer, tmp_path: Path
) -> None:
    server.mode, server.everywhere = Mode.ERROR_500, False
    house = house_asking(tmp_path, server.url, breaker_failures=2, breaker_open_s=600.0)
    assert doctor_model.breaker(house.settings).state is State.OK
    house.clock.time = utc_now() - timedelta(seconds=ago_s)
    cleaned_and_asked(house)
    found = doctor_model.breaker(house.settings)
    assert (found.state, found.reason) == (State.WARNING, Reason.BLOCKED_BY_OLLAMA)
    assert f"{MODEL} at {server.url} {words}" in found.said
    assert "2 failures, MODEL_ERROR" in found.said


def cleaned_and_asked(house: House) -> None:
    house.pipeline.analyse(cleaned(house, "one"))


def test_blocked_and_dead_analyses_are_counted(server: OllamaServer, tmp_path: Path) -> None:
    house = house_asking(tmp_path, server.url, analysis_tries=1)
    assert doctor_model.analyses(house.settings).state is State.OK
    server.mode = Mode.REFUSED
    cleaned_and_asked(house)
    blocked = doctor_model.analyses(house.settings)
    assert (blocked.state, blocked.reason) == (State.WARNING, Reason.BLOCKED_BY_OLLAMA)
    assert "1 blocked (BLOCKED_BY_OLLAMA 1), 0 dead" in blocked.said
    server.mode, server.everywhere = Mode.ERROR_500, False
    house.pipeline.analyse(cleaned(house, "two"))
    dead = doctor_model.analyses(house.settings)
    assert "1 dead (MODEL_ERROR 1)" in dead.said
    assert "retry --dry-run" in dead.fix


def test_an_analysis_profile_that_can_not_be_read_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "analyses" / "general"
    folder.mkdir(parents=True)
    (folder / "profile.toml").write_text("version = 'soon'\n")
    given = settings_for(tmp_path)
    found = checked("analyses", lambda: doctor_model.analyses(given))
    assert (found.state, found.reason) == (State.FAILED, Reason.BAD_CONFIGURATION)
