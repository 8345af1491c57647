"""What of an answer may stand: no score without frames that were sent, and never one of ours."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor_core.analysis.choosing import ChosenFrame
from supervisor_core.analysis.claims import RATIONALE_MAX, VALUE_MAX
from supervisor_core.analysis.evidence import Judged, judge
from supervisor_core.analysis.profiles import load_analysis
from supervisor_core.analysis.schemas import Absence
from supervisor_core.states import Work

CLIMBING = load_analysis("climbing")
GENERAL = load_analysis("general")
FRAMES = tuple(
    ChosenFrame(100 * number, 4.0 * number, Path(f"{number}.jpg"), "0" * 64) for number in (1, 2, 3)
)
EVIDENCE = {"number": 2, "index": 200, "time_s": 8.0}


def claim(value: Any, *frames: int, **more: Any) -> dict[str, Any]:
    return {"value": value, "frames": list(frames), "reason": None, "rationale": "", **more}


def whole(**parts: Any) -> dict[str, Any]:
    """A full answer under `general`, with some parts otherwise."""
    answer = {"kind": claim("sport", 1), "summary": claim("a wall", 2), "objects": [claim("h", 3)]}
    return answer | parts


def judged(answer: object) -> Judged:
    return judge(answer if isinstance(answer, str) else json.dumps(answer), GENERAL, FRAMES)


def score(value: Any, frames: Any = (2,), **more: Any) -> tuple[Any, str | None]:
    """What becomes of a climbing score, and why it is null."""
    answer = {"performance_score": {"value": value, "frames": frames, "rationale": "87!", **more}}
    result = judge(json.dumps(answer), CLIMBING, FRAMES).result["performance_score"]
    assert (result["value"] is None) == (result["reason"] is not None)
    assert bool(result["frames"]) == (result["value"] is not None)
    return result["value"], result["reason"]


def claims_in(result: Any) -> Iterator[dict[str, Any]]:
    if isinstance(result, dict) and "value" in result:
        yield result
    elif isinstance(result, dict | list):
        for part in result.values() if isinstance(result, dict) else result:
            yield from claims_in(part)


def test_a_full_answer_stands_with_its_evidence() -> None:
    verdict = judged(whole())
    assert (verdict.state, verdict.reasons, verdict.kind) == (Work.DONE, {}, "sport")
    assert verdict.result["summary"] == {
        "value": "a wall",
        "frames": [EVIDENCE],
        "reason": None,
        "rationale": "",
    }


@pytest.mark.parametrize("value", [0, 100, 62.5, 87])
def test_a_score_is_the_models_own(value: float) -> None:
    assert score(value) == (value, None)


@pytest.mark.parametrize("frames", [[], [0], [4], [2, 4], [-1], [10**30]])
def test_a_score_without_frames_that_were_sent_is_null(frames: list[int]) -> None:
    assert score(87, frames) == (None, "no_evidence")


@pytest.mark.parametrize(
    "value", [100.5, -1, 1e300, 10**40, True, "87", "NaN", [87], {"value": 87}, ""]
)
def test_a_value_that_is_no_such_score_is_never_bent_into_one(value: Any) -> None:
    assert score(value) == (None, "unparseable")


@pytest.mark.parametrize("frames", ["2", [2.5], ["2"], [True], [None], {"2": 2}, None, 2])
def test_frames_that_are_no_numbers(frames: Any) -> None:
    assert score(87, frames) == (None, "unparseable")


def test_a_number_that_is_none_spoils_the_whole_answer() -> None:
    text = json.dumps(whole(summary=claim(math.nan, 1)))
    assert set(judged(text).reasons.values()) == {Absence.UNPARSEABLE}


@pytest.mark.parametrize("reason", ["refused", "no_evidence", "abstained"])
def test_the_models_own_reason_counts_even_beside_a_score(reason: str) -> None:
    assert score(None, (), reason=reason) == (None, reason)
    assert score(87, reason=reason) == (None, reason)


def test_null_without_a_reason_is_abstaining() -> None:
    assert score(None, ()) == (None, "abstained")
    assert score(None, (2,), reason="too dark") == (None, "abstained")
    assert judged(whole(summary=None)).reasons == {"summary": Absence.ABSTAINED}


def test_a_rationale_does_not_carry_a_score_that_fell() -> None:
    answer = whole(summary=claim("x", 9, rationale="score 87"))
    assert judged(answer).result["summary"]["rationale"] == ""
    answer = whole(summary=claim(None, rationale="too dark"))
    assert judged(answer).result["summary"]["rationale"] == "too dark"


def test_some_null_is_degraded_and_says_where() -> None:
    verdict = judged(whole(objects=[claim("hold", 1), claim("rope"), 5, None]))
    assert verdict.state is Work.DEGRADED
    assert verdict.reasons == {
        "objects[1]": Absence.NO_EVIDENCE,
        "objects[2]": Absence.UNPARSEABLE,
        "objects[3]": Absence.ABSTAINED,
    }
    assert verdict.counts == {"no_evidence": 1, "unparseable": 1, "abstained": 1}


@pytest.mark.parametrize("answer", [{}, {"score": 87}, {"summary": 87, "kind": "sport"}])
def test_an_answer_to_something_else(answer: dict[str, Any]) -> None:
    verdict = judged(answer)
    assert verdict.state is Work.ABSTAINED
    assert set(verdict.reasons.values()) == {Absence.UNPARSEABLE}
    assert "87" not in json.dumps(verdict.result)


def test_what_was_not_asked_for_is_left_out() -> None:
    assert judged(whole(invented=claim(99, 1))).result == judged(whole()).result


def test_an_empty_list_says_nothing_unless_something_is_asked_for() -> None:
    assert judged(whole(objects=[])).state is Work.DONE
    steps = {"route_analysis": {"ideal_route": []}}
    reasons = judge(json.dumps(steps), CLIMBING, FRAMES).reasons
    assert reasons["route_analysis.ideal_route"] is Absence.ABSTAINED


def test_a_list_without_end_is_cut_and_says_so() -> None:
    verdict = judged(whole(objects=[claim("hold", 1)] * 500))
    assert len(verdict.result["objects"]) == 24
    assert verdict.reasons == {"objects[24]": Absence.UNPARSEABLE}


def test_closed_words_are_the_lists_or_null() -> None:
    findings = [claim("slips", 1, weight="weakness"), claim("slips", 1, weight="fatal")]
    result = judge(json.dumps({"findings": findings}), CLIMBING, FRAMES).result
    assert [one["weight"] for one in result["findings"]] == ["weakness", None]
    assert judged(whole(kind=claim("karate", 1))).kind is None


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that.",
        "I cannot analyze images of people.",
        "I’m not able to help with medical footage.",
        "I am unable to provide a score for this person.",
        "<think>They want a score.</think>\n\nI won't rate people.",
        "Es tut mir leid, dabei kann ich leider nicht helfen.",
        "Das kann ich nicht beurteilen.",
        "Ich kann diese Aufnahmen leider nicht auswerten oder bewerten.",
        "Ich bin nicht in der Lage, Personen zu bewerten.",
        "Ich lehne es ab, das zu bewerten.",
        '{"status": "refused"}',
        '{"status": "Refused", "performance_score": {"value": 87, "frames": [1]}}',
        '{"refusal": "I will not."}',
    ],
)
def test_a_refusal_is_one(text: str) -> None:
    verdict = judge(text, CLIMBING, FRAMES)
    assert verdict.state is Work.ABSTAINED
    assert set(verdict.reasons.values()) == {Absence.REFUSED}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "87",
        "The climber can't reach the hold.",
        "Der Kletterer kann den Griff nicht erreichen.",
        "Score: 87 of 100, very good footwork!",
        '{"performance_score": {"value": 87, "frames": [1',
        "[1, 2, 3]",
        "<think>I can't help with that, or can I?",
    ],
)
def test_no_answer_at_all_is_unparseable(text: str) -> None:
    verdict = judge(text, CLIMBING, FRAMES)
    assert verdict.state is Work.ABSTAINED
    assert set(verdict.reasons.values()) == {Absence.UNPARSEABLE}
    assert "87" not in json.dumps(verdict.result)


def test_a_refusal_dressed_as_a_text_is_no_value() -> None:
    verdict = judged(whole(summary=claim("I'm sorry, I can't describe people.", 1)))
    assert verdict.reasons == {"summary": Absence.REFUSED}


def test_an_answer_after_an_apology_counts() -> None:
    assert judged("I can't identify people, but:\n" + json.dumps(whole())).state is Work.DONE


def test_texts_are_short_single_lines_without_control_characters() -> None:
    dirty = "a\u202eb\x1b[31m\u0000c\n\nd\u200be" + "x" * 5000
    summary = judged(whole(summary=claim(dirty, 1, rationale=dirty))).result["summary"]
    assert summary["value"].startswith("ab[31mc dex")
    assert (len(summary["value"]), len(summary["rationale"])) == (VALUE_MAX, RATIONALE_MAX)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-20, 120)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["sport", "refused", "abstained", "lead", "weakness"])
)


def mostly(good: st.SearchStrategy[Any], bad: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 4).flatmap(lambda dice: bad if dice == 4 else good)


CLAIMS = st.fixed_dictionaries(
    {"value": mostly(st.integers(-5, 105) | st.floats(-1, 101), SCALARS)},
    optional={
        "frames": mostly(
            st.lists(mostly(st.integers(1, 3), st.integers(0, 4) | st.booleans()), max_size=3),
            SCALARS,
        ),
        "reason": mostly(st.none(), SCALARS),
        "rationale": SCALARS,
        "weight": SCALARS,
    },
)


def answers_to(schema: Any) -> st.SearchStrategy[Any]:
    """Answers of about the asked shape: parts are missing, or are something else."""
    if "value" in schema.get("properties", {}):
        return mostly(CLAIMS, SCALARS)
    if schema["type"] == "array":
        return mostly(st.lists(answers_to(schema["items"]), max_size=3), SCALARS)
    parts = {name: answers_to(part) for name, part in schema["properties"].items()}
    return st.fixed_dictionaries({}, optional=parts)


ANSWERS = answers_to(CLIMBING.schema)


def given_at(answer: Any, place: tuple[str | int, ...]) -> Any:
    for step in place:
        answer = answer[step]
    return answer


def placed(result: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, Any]]:
    if isinstance(result, dict) and "value" in result:
        yield place, result
    elif isinstance(result, dict | list):
        steps = result.items() if isinstance(result, dict) else enumerate(result)
        for step, part in steps:
            yield from placed(part, (*place, step))


@settings(max_examples=400)
@given(ANSWERS)
def test_no_value_is_there_that_the_answer_does_not_hold_with_evidence(answer: Any) -> None:
    verdict = judge(json.dumps(answer), CLIMBING, FRAMES)
    stands = 0
    for place, told in placed(verdict.result):
        if told["value"] is None:
            assert told["reason"] in set(Absence)
            assert told["frames"] == []
            continue
        stands += 1
        said = given_at(answer, place)
        assert said["frames"]
        assert [frame["number"] for frame in told["frames"]] == list(dict.fromkeys(said["frames"]))
        assert all(1 <= number <= len(FRAMES) for number in said["frames"])
        if not isinstance(told["value"], str):
            assert told["value"] == said["value"]
            assert type(told["value"]) is type(said["value"])
            assert 0 <= told["value"] <= 100
    assert (stands == 0) == (verdict.state is Work.ABSTAINED)
    json.dumps(verdict.result, allow_nan=False)


@given(st.text() | st.text(alphabet='{}[]":,0123456789nul\\ '))
def test_no_text_makes_it_fail_or_invent(text: str) -> None:
    verdict = judge(text, CLIMBING, FRAMES)
    assert all(one["value"] is None for one in claims_in(verdict.result))


def test_without_frames_nothing_stands() -> None:
    assert judge(json.dumps(whole()), GENERAL, ()).state is Work.ABSTAINED
