"""What a model says is taken out of its packaging, checked, and never repaired."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor_core.model.answers import DEPTH_MAX, parse
from supervisor_core.reasons import Failed, Reason

SCHEMA = {
    "type": "object",
    "properties": {
        "caption": {"type": "string"},
        "score": {"type": "number"},
        "missing": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["caption"],
}
ANY: dict[str, Any] = {"type": "object"}
GOOD = '{"caption": "a {strange} \\"one\\" </think> ```", "score": 1}'
VALUE = {"caption": 'a {strange} "one" </think> ```', "score": 1}


def reason(text: str, schema: dict[str, Any] = SCHEMA) -> Reason:
    with pytest.raises(Failed) as caught:
        parse(text, schema)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value.reason


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"  \n{GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```\nThat is all.",
        f"Sure! Here it is, as in [1]:\n{GOOD}\n[1] nowhere",
        f"The form is {{caption, score}}. {GOOD}",
        f"<think>First {{}} or {{'caption': 1}}? It's 5\" wide.</think>{GOOD}",
        f'<think>{{"caption": "a thought"}}</think>\n\n<think></think>{GOOD}',
        f'{GOOD} {{"caption": "second"}}',
        f"{GOOD} and then the text breaks off {{",
    ],
)
def test_packaging_is_taken_off(text: str) -> None:
    assert parse(text, SCHEMA) == VALUE


def test_a_line_break_inside_a_text_stays() -> None:
    assert parse('{"caption": "one\ntwo"}', SCHEMA) == {"caption": "one\ntwo"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Reason.INVALID_JSON),
        ("secret prose", Reason.INVALID_JSON),
        ('{"caption": "secret', Reason.INVALID_JSON),
        ('{"caption": "secret", "more": {"caption": "inner"}, ', Reason.INVALID_JSON),
        ("{'caption': 'secret'}", Reason.INVALID_JSON),
        ('{"caption": "secret",}', Reason.INVALID_JSON),
        ('<think>{"caption": "secret"}', Reason.INVALID_JSON),
        ("null", Reason.INVALID_JSON),
        ("[1, 2]", Reason.INVALID_JSON),
        ('"secret"', Reason.SCHEMA_MISMATCH),
        ("42", Reason.SCHEMA_MISMATCH),
        ('[{"caption": "secret"}]', Reason.SCHEMA_MISMATCH),
        ('{"caption": 7}', Reason.SCHEMA_MISMATCH),
        ('{"caption": null}', Reason.SCHEMA_MISMATCH),
        ('{"score": "secret"}', Reason.SCHEMA_MISMATCH),
        ("{}", Reason.MISSING_KEY),
        ('{"score": 1}', Reason.MISSING_KEY),
        ('{"caption": "a", "score": NaN}', Reason.PARSE_ERROR),
        ('{"caption": "a", "score": -Infinity}', Reason.PARSE_ERROR),
        ('{"caption": "a", "score": 1e999}', Reason.PARSE_ERROR),
        ('{"caption": "a", "score": ' + "9" * 5000 + "}", Reason.PARSE_ERROR),
        ('{"caption": "a", "caption": "secret"}', Reason.PARSE_ERROR),
        ('{"caption": "\\ud800"}', Reason.PARSE_ERROR),
        ('{"caption": "\ud800"}', Reason.PARSE_ERROR),
        ("NaN", Reason.PARSE_ERROR),
    ],
)
def test_what_is_wrong_is_told_apart(text: str, expected: Reason) -> None:
    assert reason(text) is expected


def test_a_missing_field_is_named_wherever_it_is() -> None:
    schema = {"type": "object", "properties": {"inner": SCHEMA}}
    with pytest.raises(Failed) as caught:
        parse('{"inner": {"secret": 1}}', schema)
    assert caught.value.facts == {"errors": 1, "key": "caption"}


@pytest.mark.parametrize("opening", ['{"a":', "[", '{"a":[', '{"caption": [[{"a":'])
@pytest.mark.parametrize("closed", [True, False])
def test_an_abyss_is_refused(opening: str, closed: bool) -> None:
    depth = 100_000
    closing = "".join({"{": "}", "[": "]"}.get(letter, "") for letter in reversed(opening))
    text = opening * depth + "1" + closing * depth * closed
    assert reason(text, ANY) in (Reason.PARSE_ERROR, Reason.INVALID_JSON)


def test_what_is_just_deep_enough_is_taken() -> None:
    text = '{"a":' * DEPTH_MAX + "1" + "}" * DEPTH_MAX
    assert parse(text, ANY) == json.loads(text)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["{}x", "[", "{", '{"', "<think>", "[]", '"\\', "]}", "{a}"])
def test_a_megabyte_of_anything_is_done_with_quickly(piece: str) -> None:
    text = piece * (1024**2 // len(piece))
    with pytest.raises(Failed):
        parse(text, SCHEMA)


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
objects = st.dictionaries(st.text(), values, max_size=5)
prose = st.text(st.characters(exclude_characters="{[<", codec="utf-8"), max_size=60)


@given(objects, prose, prose, st.booleans())
def test_any_object_comes_out_of_any_packaging(
    value: dict[str, Any], before: str, after: str, ascii_only: bool
) -> None:
    try:
        text = json.dumps(value, ensure_ascii=ascii_only, allow_nan=False)
    except ValueError:
        return
    for packed in (f"{before}{text}{after}", f"{before}```json\n{text}\n```{after}"):
        assert parse(packed, ANY) == value


@given(objects, st.data())
def test_an_object_that_was_cut_short_never_counts(
    value: dict[str, Any], data: st.DataObject
) -> None:
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:
        return
    cut = data.draw(st.integers(0, len(text) - 1))
    assert reason(text[:cut], ANY) is Reason.INVALID_JSON


FOUR = {Reason.INVALID_JSON, Reason.PARSE_ERROR, Reason.SCHEMA_MISMATCH, Reason.MISSING_KEY}


def outcome(text: str) -> object:
    try:
        return parse(text, SCHEMA)
    except Failed as failed:
        return failed.reason


@given(st.text() | st.text(st.sampled_from('{}[]"\\:,<>think/`aN1-e. \n')))
def test_any_text_is_a_value_or_one_of_four_reasons(text: str) -> None:
    found = outcome(text)
    assert isinstance(found, dict) or found in FOUR
