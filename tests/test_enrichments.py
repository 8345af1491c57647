"""Nine modes on real pictures: what is asked, what is kept, what waits, and what is done once."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import enrichment_parts
import pytest
from enrichment_parts import ALL, MODEL, fill, know, media_of, put, result, rows, run, shelf, task
from ollama_server import Mode, OllamaServer
from ollama_shapes import Received
from pipeline_parts import House

from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Work
from supervisor_core.store import fields

server, house = enrichment_parts.server, enrichment_parts.house


def test_all_modes_end_and_each_rests_on_those_before_it(
    house: House, server: OllamaServer
) -> None:
    key = put(house, 1)
    (media,) = media_of(house, key)
    know(house, media, "a red boat", "Boat", "sea")
    server.answer = lambda one: fill(
        one.format, tags_normalized=["boat", "sea"], caption="A boat.", score=80
    )
    reports = run(house, key)
    assert {name: one.results for name, one in reports.items()} == dict.fromkeys(ALL, 1)
    found = {name: result(house, media, name) for name in ALL}
    assert {one.state for one in found.values() if one} == {Work.DONE}
    recon, embed = found["prompt_recon"], found["embed"]
    assert recon is not None
    assert embed is not None
    inputs = ("caption", "title", "tags_normalize", "quality")
    assert recon.inputs == {name: found[name].key for name in inputs if found[name]}
    assert embed.inputs == {**recon.inputs, "prompt_recon": recon.key}
    assert len(server.asked) == 8
    text = next(one for one in server.asked if one.path == "/api/embed").texts[0]
    for words in ("A boat.", "a red boat", "boat, sea"):
        assert words in text
    with house.store.read() as connection:
        named = fields.of(connection, [media])[media]
    assert (named["caption"].value, named["caption"].source) == ("A boat.", "model:caption")
    assert named["prompt_score"].value == 80


def test_what_there_is_nothing_to_ask_about_abstains_without_asking(
    house: House, server: OllamaServer
) -> None:
    key = put(house, 1)
    (media,) = media_of(house, key)
    run(house, key, "prompt_eval", "tags_normalize")
    assert server.requests == []
    for mode, reason in (("prompt_eval", Reason.NO_PROMPT), ("tags_normalize", Reason.NO_TAGS)):
        found = task(house, media, mode)
        assert found is not None
        assert (found.state, found.reason) == (Work.ABSTAINED, reason)
    know(house, media, "a boat", "sea")
    assert run(house, key, "prompt_eval")["prompt_eval"].done == 1


def test_nothing_is_asked_twice_and_a_change_asks_again_what_it_touches(
    house: House, server: OllamaServer
) -> None:
    key = put(house, 1, 2)
    run(house, key)
    before = len(server.asked)
    assert {one.results for one in run(house, key).values()} == {0}
    assert len(server.asked) == before
    folder = house.home.root / "enrichments"
    folder.mkdir()
    (folder / "caption.txt").write_text("Say what you see in verse.")
    again = run(house, key)
    assert [name for name, one in again.items() if one.results] == [
        "caption",
        "prompt_recon",
        "embed",
        "dupe_hints",
    ]
    assert {one.results for one in run(house, key).values()} == {0}


@pytest.mark.campaign
def test_another_model_asks_anew_and_a_mode_that_asks_none_does_not(
    house: House, server: OllamaServer
) -> None:
    key = put(house, 1)
    run(house, key)
    server.models = {**server.models, "other:1b": ""}
    house.settings = house.settings.model_copy(update={"enrich_model": "other:1b"})
    again = run(house, key)
    assert again["caption"].done == again["embed"].done == 1
    assert again["prompt_eval"].results == 0 or again["prompt_eval"].abstained == 1
    (media,) = media_of(house, key)
    found = result(house, media, "caption")
    assert found is not None
    assert found.model == "other:1b"


def test_a_mode_whose_inputs_are_to_come_waits_without_using_a_try(
    house: House, server: OllamaServer
) -> None:
    key = put(house, 1)
    (media,) = media_of(house, key)
    report = run(house, key, "prompt_recon")["prompt_recon"]
    assert report.blocked == {Reason.INPUTS_OPEN: 1}
    found = task(house, media, "prompt_recon")
    assert found is not None
    assert (found.state, found.attempts) == (Work.BLOCKED, 0)
    assert server.requests == []
    run(house, key, "caption", "title", "tags_normalize", "quality")
    assert run(house, key, "prompt_recon")["prompt_recon"].done == 1


def test_an_input_that_ended_badly_leaves_the_rest_degraded(
    house: House, server: OllamaServer
) -> None:
    key = put(house, 1)
    (media,) = media_of(house, key)
    server.answer = lambda one: "no" if "caption" in one.format["properties"] else fill(one.format)
    reports = run(house, key)
    assert reports["caption"].failed == {Reason.INVALID_JSON: 1}
    recon = result(house, media, "prompt_recon")
    assert recon is not None
    assert (recon.state, recon.flaws) == (Work.DEGRADED, ("input:caption",))
    (kept,) = rows(house, "SELECT raw, state FROM enrichment WHERE mode = 'caption'")
    assert kept == {"raw": "no", "state": "error"}
    assert result(house, media, "caption") is None


def test_a_missing_key_is_asked_for_once_more_and_only_once(
    house: House, server: OllamaServer
) -> None:
    key = put(house, 1)
    (media,) = media_of(house, key)
    server.mode = Mode.MISSING_KEY  # the first in the order of the alphabet: the caption itself
    assert run(house, key, "caption")["caption"].failed == {Reason.MISSING_KEY: 1}
    assert len(server.asked) == 2
    assert "`caption`" in server.asked[1].prompt
    assert "`caption`" not in server.asked[0].prompt.replace("- `caption`:", "")
    found = task(house, media, "caption")
    assert found is not None
    assert (found.state, found.attempts) == (Work.ERROR, 1)
    server.mode = Mode.OK
    assert run(house, key, "caption")["caption"].skipped == 1


def test_a_key_that_comes_when_it_is_asked_for_again_is_taken(
    house: House, server: OllamaServer
) -> None:
    key = put(house, 1)

    def answer(one: Received) -> Any:
        whole = fill(one.format)
        return whole if "lacked" in one.prompt else {"rationale": whole["rationale"]}

    server.answer = answer
    assert run(house, key, "title")["title"].done == 1
    assert len(server.asked) == 2


def test_a_degraded_result_never_takes_the_place_of_a_good_one_on_the_same(
    house: House, server: OllamaServer
) -> None:
    key = put(house, 1)
    (media,) = media_of(house, key)
    server.answer = lambda one: fill(one.format, caption="good")
    run(house, key, "caption")
    server.answer = lambda one: {"caption": "bad"}
    assert run(house, key, "caption", force=True)["caption"].degraded == 1
    found = result(house, media, "caption")
    assert found is not None
    assert found.result["caption"] == "good"
    server.answer = lambda one: fill(one.format, caption="better")
    run(house, key, "caption", force=True)
    found = result(house, media, "caption")
    assert found is not None
    assert found.result["caption"] == "better"
    assert len(rows(house, "SELECT key FROM enrichment")) == 3


def test_one_bad_item_does_not_stop_the_others(house: House, server: OllamaServer) -> None:
    key = put(house, 1, 2, 3, 4)
    seen: list[str] = []

    def answer(one: Received) -> Any:
        seen.append(one.pictures[0].sha256)
        return fill(one.format) if seen.index(one.pictures[0].sha256) != 1 else "nonsense"

    server.answer = answer
    report = run(house, key, "caption")["caption"]
    assert (report.done, report.failed) == (3, {Reason.INVALID_JSON: 1})


@pytest.mark.campaign
@pytest.mark.parametrize("mode", [Mode.REFUSED, Mode.NO_MODELS])
def test_while_the_model_is_away_items_are_blocked_and_go_on_later(
    mode: Mode, house: House, server: OllamaServer
) -> None:
    key = put(house, 1)
    (media,) = media_of(house, key)
    server.mode = mode
    reports = run(house, key)
    reason = Reason.BLOCKED_BY_OLLAMA if mode is Mode.REFUSED else Reason.NO_MODELS
    assert reports["caption"].blocked == {reason: 1}
    assert reports["embed"].blocked == {Reason.INPUTS_OPEN: 1}
    caption = task(house, media, "caption")
    assert caption is not None
    assert caption.attempts == 0
    quality = result(house, media, "quality")
    assert quality is not None
    assert quality.result["measured"]["width"] == 96
    assert (quality.result["model"], quality.model) == (False, "")
    assert "lowres" in quality.result["quality_flags"]
    server.mode = Mode.OK
    assert run(house, key)["quality"].done == 1
    again = result(house, media, "quality")
    assert again is not None
    assert again.result["model"] is True
    assert again.result["by"]["lowres"][0] == "measured"


def test_a_server_that_goes_wrong_leaves_every_item_in_a_state_with_a_reason(
    tmp_path: Path, server: OllamaServer
) -> None:
    house = shelf(tmp_path, server.url, "caption", model_tries=1)
    key = put(house, 1)
    (media,) = media_of(house, key)
    server.mode = Mode.ERROR_500
    waits = []
    for _ in range(house.settings.enrich_tries):
        run(house, key, "caption")
        found = task(house, media, "caption")
        assert found is not None
        if found.not_before:
            waits.append(round((found.not_before - found.updated).total_seconds()))
        house.clock.turn(61)
    assert waits == [1, 2, 4, 8]
    assert (found.state, found.reason) == (Work.DEAD, Reason.MODEL_ERROR)
    assert found.attempts == house.settings.enrich_tries


def test_a_picture_that_the_model_can_not_read_is_never_tried_again(
    house: House, server: OllamaServer
) -> None:
    house.settings = house.settings.model_copy(update={"picture_bytes": 1024, "picture_side": 2000})
    enrichment_parts.draw(house.home.inbox / "noise.png", 3)
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(1).integers(0, 255, (1500, 2000, 3), np.uint8)
    Image.fromarray(noise).save(house.home.inbox / "noise.png")
    key = house.record(house.see("noise.png"), profile=enrichment_parts.PROFILE)
    house.pipeline.import_items(key)
    house.pipeline.mask(key, "frame_level")
    report = run(house, key, "caption")["caption"]
    assert report.failed == {Reason.TOO_LARGE_FOR_VISION: 1}
    assert server.asked == []
    house.clock.turn(100)
    assert run(house, key, "caption")["caption"].skipped == 1


def test_media_that_were_named_are_done_whatever_their_profile_asks_for(
    tmp_path: Path, server: OllamaServer
) -> None:
    house = shelf(tmp_path, server.url, "title")
    key = put(house, 1, 2)
    first, _ = media_of(house, key)
    assert run(house, key, "caption")["caption"].results == 0
    report = run(house, key, "caption", media=frozenset({first}))["caption"]
    assert report.done == 1
    assert result(house, first, "caption") is not None


def test_an_order_may_have_a_limit(house: House, server: OllamaServer) -> None:
    key = put(house, 1, 2, 3)
    report = run(house, key, "caption", limit=2)["caption"]
    assert (report.done, report.left) == (2, 1)
    assert run(house, key, "caption")["caption"].done == 1


def test_a_run_that_is_stopped_gives_its_items_back(house: House, server: OllamaServer) -> None:
    key = put(house, 1)
    (media,) = media_of(house, key)

    def stopped(*_: object) -> object:
        raise KeyboardInterrupt

    house.tools = replace(house.tools, ask_together=stopped)
    with pytest.raises(KeyboardInterrupt):
        run(house, key, "caption")
    found = task(house, media, "caption")
    assert found is not None
    assert (found.state, found.lease_owner) == (Work.QUEUED, None)
    assert rows(house, "SELECT * FROM model_slot") == []


def test_what_is_no_mode_is_refused(house: House) -> None:
    with pytest.raises(Failed) as caught:
        house.pipeline.enrich(put(house, 1), "poem")
    assert caught.value.reason is Reason.UNKNOWN_MODE


def test_a_question_of_the_operator_that_is_none_is_named(house: House) -> None:
    folder = house.home.root / "enrichments"
    folder.mkdir()
    (folder / "caption.json").write_text('{"type": "object", "properties": {}}')
    with pytest.raises(Failed) as caught:
        run(house, put(house, 1), "caption")
    assert caught.value.facts["setting"] == "enrichment.caption"


def test_pictures_are_sent_as_asked_and_frames_of_a_video_are_told(
    house: House, server: OllamaServer
) -> None:
    key = put(house, 1)
    (media,) = media_of(house, key)
    run(house, key, "caption")
    (asked,) = server.asked
    assert (asked.model, len(asked.pictures), asked.options["seed"]) == (MODEL, 1, 42)
    found = result(house, media, "caption")
    assert found is not None
    assert [one["sha256"] for one in found.frames] == [asked.pictures[0].sha256]
    assert found.raw == json.dumps(found.result)
    (question,) = rows(house, "SELECT task, model, reason FROM question")
    assert question == {"task": "enrichment/caption", "model": MODEL, "reason": None}
