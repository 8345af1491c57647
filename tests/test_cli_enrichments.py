"""`enrich`, `enrichments`, `edit`: what is asked for, what is shown, what a person writes."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import enrichment_parts
import pytest
from command import run as command
from enrichment_parts import (
    ALL,
    EMBED_MODEL,
    draw,
    fill,
    media_of,
    put,
    result,
    run,
    shelf,
    task,
)
from ollama_server import Mode, OllamaServer
from pipeline_parts import House

from supervisor_assets.cli import doctor_enrichments, edit, enrichments, pages
from supervisor_assets.cli.edge import Usage
from supervisor_assets.cli.enrich import Wish
from supervisor_assets.cli.enrich import run as enrich
from supervisor_assets.cli.findings import State, checked
from supervisor_core.deadline import Worker
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.states import Work
from supervisor_core.store import dead_letters, fields, prompts, tags
from supervisor_core.store.requests import Request, open_requests

server = enrichment_parts.server


@pytest.fixture
def house(tmp_path: Path, server: OllamaServer, monkeypatch: pytest.MonkeyPatch) -> House:
    house = shelf(tmp_path, server.url, "title", enrich_tries=1, model_tries=1)
    monkeypatch.setenv("SUPERVISOR_HOME", str(house.home.root))
    return house


def wished(house: House) -> list[Request]:
    with house.store.read() as connection:
        return open_requests(connection, 50)


def asked(capsys: pytest.CaptureFixture[str], **wish: Any) -> Any:
    enrich(Wish(**wish), as_json=True)
    return json.loads(capsys.readouterr().out)


def shown(capsys: pytest.CaptureFixture[str], *keys: str, mode: str | None = None) -> Any:
    enrichments.run(keys, mode, as_json=True)
    return json.loads(capsys.readouterr().out)


def test_what_has_no_result_is_asked_for_once_for_each_intake(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = put(house, 1, 2), put(house, 3)
    run(house, first, "title")
    told = asked(capsys, modes=["title,caption"])
    assert told["items"] == {"caption": 3, "title": 1}
    assert (told["count"], told["requests"]) == (4, 2)
    found = {str(one.subject): one.detail for one in wished(house)}
    assert found.keys() == {first, second}
    assert found[first]["modes"] == "caption"
    assert found[second]["modes"] == "caption,title"
    assert len(str(found[first]["media"]).split(",")) == 2


def test_a_dry_run_writes_nothing(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    put(house, 1)
    assert asked(capsys, dry_run=True)["count"] == len(ALL)
    assert wished(house) == []


def test_limits_dates_and_media_narrow_what_is_meant(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    key = put(house, 1, 2, 3)
    one = media_of(house, key)[1]
    assert asked(capsys, modes=["caption"], limit=2)["items"] == {"caption": 2}
    assert asked(capsys, modes=["caption"], media=[one[:16]])["count"] == 1
    assert asked(capsys, modes=["caption"], since="2030-01-01")["count"] == 0
    assert asked(capsys, modes=["caption"], since="2020-01-01", dry_run=True)["count"] == 3


@pytest.mark.campaign
@pytest.mark.parametrize(
    "wish",
    [
        Wish(modes=["poem"]),
        Wish(since="yesterday"),
        Wish(force=True),
        Wish(delete=True),
        Wish(cancel=True, delete=True),
        Wish(media=["0" * 16]),
    ],
)
def test_what_makes_no_sense_is_refused(house: House, wish: Wish) -> None:
    put(house, 1)
    with pytest.raises(Usage):
        enrich(wish, as_json=True)
    assert wished(house) == []


def test_cancelling_ends_what_waits(
    house: House, server: OllamaServer, capsys: pytest.CaptureFixture[str]
) -> None:
    key = put(house, 1, 2)
    server.mode = Mode.REFUSED
    run(house, key, "title")
    assert asked(capsys, cancel=True)["ended"] == 2
    for media in media_of(house, key):
        found = task(house, media, "title")
        assert found is not None
        assert found.state is Work.CANCELLED


def test_deleting_takes_results_away_but_nothing_out_of_a_run_without_force(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    key = put(house, 1)
    (media,) = media_of(house, key)
    run(house, key, "title")
    with house.store.write() as connection:
        connection.execute("UPDATE work SET state = 'running', lease_owner = 'x'")
    with pytest.raises(Failed) as caught:
        enrich(Wish(modes=["title"], media=[media], delete=True), as_json=True)
    assert caught.value.reason is Reason.ITEM_BUSY
    told = asked(capsys, modes=["title"], media=[media], delete=True, force=True)
    assert told["removed"] == 1
    assert result(house, media, "title") is None


def test_what_was_found_is_shown_with_its_state_and_source(
    house: House, server: OllamaServer, capsys: pytest.CaptureFixture[str]
) -> None:
    key = put(house, 1, 2)
    first, second = media_of(house, key)
    server.answer = lambda one: fill(one.format, title="A boat", caption="x")
    run(house, key, "title")
    told = shown(capsys)
    assert told["title"]["done"] == 2
    (one,) = shown(capsys, first)["media"]
    assert one["modes"]["title"]["result"]["title"] == "A boat"
    assert one["fields"]["title"] == {"value": "A boat", "source": "model:title", "locked": False}
    enrichments.run([first], None, as_json=False)
    assert "A boat" in capsys.readouterr().out
    with house.store.write() as connection:
        connection.execute("UPDATE media SET cleaning = 'waiting' WHERE media = ?", [second])
    assert shown(capsys, second)["media"] == []


def told(capsys: pytest.CaptureFixture[str]) -> str:
    enrichments.run([], None, as_json=False)
    return capsys.readouterr().err


def unclean(house: House, seed: int) -> None:
    """A picture of which a title is wanted, but which has not been cleaned."""
    (house.home.root / "profiles" / "strict.toml").write_text('enrich = ["title"]\n')
    draw(house.home.inbox / "unclean.png", seed)
    house.pipeline.import_items(house.record(house.see("unclean.png"), profile="strict"))


def test_what_waits_for_up_is_told_with_the_next_command(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "supervisor-assets enrich --mode all" in told(capsys)
    key = put(house, 1, 2, 3)
    put(house, 3)  # the same once more
    unclean(house, 4)
    assert {mode: one["waiting"] for mode, one in shown(capsys).items() if one["waiting"]} == {
        "title": 3
    }
    said = told(capsys)
    assert "Media that wait: title 3." in said
    assert "Next: supervisor-assets up" in said
    run(house, key, "title")
    assert shown(capsys)["title"]["waiting"] == 0
    assert "supervisor-assets up" not in told(capsys)
    enrich(Wish(modes=["caption"]), as_json=True)
    said = told(capsys)
    # One for each intake; which of two a media that came in twice belongs to is a matter of keys.
    assert "Requests that wait: 1." in said or "Requests that wait: 2." in said
    assert "Next: supervisor-assets up" in said


def test_where_up_runs_nobody_is_told_to_start_it(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    put(house, 1)
    with socket.create_server(("127.0.0.1", 0)) as door:
        url = f"http://127.0.0.1:{door.getsockname()[1]}"
        with pages.written(house.home, url):
            said = told(capsys)
    assert "Media that wait: title 1." in said
    assert "supervisor-assets up" not in said


def test_what_ended_badly_can_be_tried_again(house: House, server: OllamaServer) -> None:
    key = put(house, 1)
    server.answer = "no"
    run(house, key, "title")
    with house.store.write() as connection:
        (letter,) = dead_letters.find(connection)
        assert (letter.asset.value, letter.task) == ("enrichments", "enrichment/title")
        dead_letters.put_back(connection, [letter], "test", house.store.now())
    server.answer = None
    assert run(house, key, "title")["title"].done == 1


def test_a_persons_word_is_kept_with_what_was_there(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    key = put(house, 1)
    (media,) = media_of(house, key)
    run(house, key, "title")
    edit.run(media[:16], "title", "My boat", unlock=False, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["value"], told["source"], told["locked"]) == ("My boat", "human", True)
    edit.run(media, "tags", "sea, person:Ada", unlock=False, as_json=False)
    edit.run(media, "rating", "4", unlock=False, as_json=False)
    edit.run(media, "prompt", "a boat at sea", unlock=False, as_json=False)
    run(house, key, "title", force=True)
    with house.store.read() as connection:
        named = fields.of(connection, [media])[media]
        raw = {(one.namespace, one.name) for one in tags.of(connection, [media])[media]}
        stars = tags.ratings_of(connection, [media])[media]
        prompt = prompts.of(connection, [media])[media]
        verbs = connection.execute("SELECT verb FROM audit ORDER BY happened").fetchall()
    assert named["title"].value == "My boat"
    assert raw == {("", "sea"), ("person", "Ada")}
    assert (stars.stars, stars.source, stars.locked) == (4, "human", True)
    assert prompt.positive == "a boat at sea"
    assert [verb for (verb,) in verbs].count("edit_field") == 4
    edit.run(media, "title", None, unlock=True, as_json=False)
    run(house, key, "title", force=True)
    with house.store.read() as connection:
        assert fields.of(connection, [media])[media]["title"].source == "model:title"


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("poem", "x"),
        ("title", "x" * 81),
        ("rating", "6"),
        ("quality", "nan"),
        ("nsfw", "maybe"),
        ("tags", " , "),
        ("caption", None),
    ],
)
def test_a_value_that_a_field_can_not_have_is_refused(
    house: House, name: str, value: str | None
) -> None:
    (media,) = media_of(house, put(house, 1))
    with pytest.raises(Usage):
        edit.run(media, name, value, unlock=False, as_json=False)
    with house.store.read() as connection:
        assert fields.of(connection, [media]) == {}


@pytest.fixture
def settings(house: House, server: OllamaServer) -> Iterator[Settings]:
    return house.settings


def test_doctor_tries_questions_and_models(
    house: House, server: OllamaServer, settings: Settings
) -> None:
    with Worker() as worker:
        assert doctor_enrichments.questions(settings).state is State.OK
        assert doctor_enrichments.models(settings, worker).state is State.OK
        profile = house.home.root / "profiles" / "shelf.toml"
        profile.write_text('mask = "none"\nenrich = ["embed", "title"]\n')
        server.models.pop(EMBED_MODEL)
        found = doctor_enrichments.models(settings, worker)
        assert (found.state, found.reason) == (State.WARNING, Reason.MODEL_MISSING)
    profile.write_text('mask = "none"\nenrich = ["poem"]\n')
    broken = checked("questions", lambda: doctor_enrichments.questions(settings))
    assert (broken.state, broken.reason) == (State.FAILED, Reason.UNKNOWN_MODE)
    profile.write_text('mask = "none"\n')
    folder = house.home.root / "enrichments"
    folder.mkdir()
    (folder / "title.json").write_text('{"type": "object"')
    broken = checked("questions", lambda: doctor_enrichments.questions(settings))
    assert broken.reason is Reason.BAD_CONFIGURATION


def test_doctor_tells_what_ended_badly(house: House, server: OllamaServer) -> None:
    key = put(house, 1)
    assert doctor_enrichments.standing(house.settings).state is State.OK
    server.answer = "no"
    run(house, key, "title")
    found = doctor_enrichments.standing(house.settings)
    assert found.state is State.WARNING
    assert "1 error" in found.said


def test_the_commands_speak_as_all_do(house: House) -> None:
    put(house, 1)
    done = command("enrich", "--mode", "title", "--json", home=house.home.root)
    assert (done.code, done.json["requests"]) == (0, 1)
    wrong = command("edit", "0" * 16, "title", "x", home=house.home.root)
    assert (wrong.code, wrong.out) == (2, "")
