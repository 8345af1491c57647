"""What of a model's answer may stand: packaging is forgiven, content is never made up."""

import json
from typing import Any

import pytest

from supervisor_core.enrichment.judging import judge
from supervisor_core.enrichment.modes import MODES, Asks, question_of
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Work

CAPTION = {"caption": "A boat.", "contradictions": [], "missing": ["oars"], "rationale": "seen"}
QUALITY = {
    "quality_score": 62,
    "quality_flags": ["noise"],
    "domain_type": "photo",
    "domain_confidence": 0.9,
    "rationale": "grain",
}


def judged(mode: str, answer: Any) -> Any:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    schema = question_of(MODES[mode]).schema
    assert schema is not None
    return judge(text, schema, MODES[mode].essential)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(CAPTION),
        f"Here it is:\n```json\n{json.dumps(CAPTION, indent=2)}\n```\nAnything else?",
        f"<think>a {{boat}}?</think>{json.dumps(CAPTION)} {{'not': this}}",
        f"Sure! {json.dumps(CAPTION)}{json.dumps(QUALITY)}",
    ],
)
def test_the_first_whole_object_counts_whatever_stands_around_it(text: str) -> None:
    found = judged("caption", text)
    assert (found.result, found.flaws, found.state) == (CAPTION, (), Work.DONE)


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        ({"rationale": None}, "missing:rationale"),
        ({"domain_type": "painting"}, "range:domain_type"),
        ({"domain_confidence": 1.5}, "range:domain_confidence"),
        ({"domain_confidence": [0.5]}, "type:domain_confidence"),
        ({"quality_flags": ["noise", "ugly"]}, "entries:quality_flags"),
        ({"quality_flags": {"noise": True}}, "type:quality_flags"),
        ({"quality_score": "62"}, "type:quality_score"),
        ({"quality_flags": "noise"}, "type:quality_flags"),
    ],
)
def test_a_part_that_does_not_fit_is_left_out_and_named(change: Any, flaw: str) -> None:
    found = judged("quality", QUALITY | change)
    assert (found.state, found.flaws) == (Work.DEGRADED, (flaw,))
    assert found.result["quality_score"] == 62
    for name, value in found.result.items():
        assert value == QUALITY[name], "nothing is moved into its range"


@pytest.mark.parametrize(
    ("mode", "answer", "reason"),
    [
        ("caption", {"rationale": "seen"}, Reason.MISSING_KEY),
        ("caption", {**CAPTION, "caption": None}, Reason.MISSING_KEY),
        ("caption", {**CAPTION, "caption": "   "}, Reason.SCHEMA_MISMATCH),
        ("caption", {**CAPTION, "caption": ["A boat."]}, Reason.SCHEMA_MISMATCH),
        ("quality", {**QUALITY, "quality_score": 101}, Reason.SCHEMA_MISMATCH),
        ("quality", {**QUALITY, "quality_score": "very good"}, Reason.SCHEMA_MISMATCH),
        ("quality", {**QUALITY, "quality_score": True}, Reason.SCHEMA_MISMATCH),
        ("caption", "I can't help with that.", Reason.INVALID_JSON),
        ("caption", json.dumps(CAPTION)[:-1], Reason.INVALID_JSON),
        ("caption", '{"caption": NaN}', Reason.PARSE_ERROR),
        ("caption", [CAPTION], Reason.SCHEMA_MISMATCH),
    ],
)
def test_without_its_essential_keys_nothing_stands(mode: str, answer: Any, reason: Reason) -> None:
    with pytest.raises(Failed) as caught:
        judged(mode, answer)
    assert caught.value.reason is reason


def test_a_title_that_is_too_long_is_cut_at_a_word_and_said_to_be() -> None:
    found = judged("title", {"title": "A very long title " * 8, "rationale": "x"})
    assert (found.flaws, found.state) == (("cut:title",), Work.DEGRADED)
    assert len(found.result["title"]) <= 80
    assert found.result["title"].endswith(" title…") or found.result["title"].endswith("…")


def test_controls_and_line_breaks_never_get_into_a_value() -> None:
    found = judged("caption", {**CAPTION, "caption": "A\x00 boat\n\nwith\x1b[31m oars"})
    assert found.result["caption"] == "A boat with[31m oars"


@pytest.mark.parametrize("mode", [one.name for one in MODES.values() if one.asks is Asks.CHAT])
def test_every_shipped_schema_is_one_and_holds_what_its_mode_needs(mode: str) -> None:
    from jsonschema.validators import validator_for

    question = question_of(MODES[mode])
    assert question.schema is not None
    validator_for(question.schema).check_schema(question.schema)
    assert question.text.count("$") <= 6
    assert "$" not in question.filled(
        dict.fromkeys(("caption", "title", "tags", "domain", "flags", "prompt", "negative"), "x")
    )


def test_words_of_a_question_are_never_taken_for_its_places() -> None:
    question = question_of(MODES["prompt_eval"])
    text = question.filled({"prompt": "costs $negative and $$", "negative": "SECRET"})
    assert "costs $negative and $$" in text
    assert text.count("SECRET") == 1
