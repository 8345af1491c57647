"""What the schema of an analysis may be: a tree whose every leaf is a claim with its evidence.

A claim is an object with a `value` (a number between two limits, a word of a closed list, or a
text), the `frames` that show it, the `reason` why there is no value, a `rationale`, and further
closed words about it. Nothing stands outside a claim, so no answer can hold an unproven score. The
keywords are those that a model server turns into a grammar.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

from supervisor_core.reasons import Failed, Reason

Schema = Mapping[str, Any]

DEPTH_MAX = 6
ENTRIES_MAX = 64

_FRAMES = {"type": "array", "items": {"type": "integer"}}
_TYPES = (["number", "null"], ["integer", "null"], ["string", "null"])
_KEYWORDS = {
    "object": {"type", "description", "properties", "required"},
    "array": {"type", "description", "items", "minItems", "maxItems"},
    "value": {"type", "description", "enum", "minimum", "maximum"},
}


class Absence(StrEnum):
    """Why there is no value; the first three a model may also say itself."""

    REFUSED = "refused"
    NO_EVIDENCE = "no_evidence"
    ABSTAINED = "abstained"
    UNPARSEABLE = "unparseable"


MODELS_OWN = (Absence.REFUSED, Absence.NO_EVIDENCE, Absence.ABSTAINED)
_REASONS = {None, *(reason.value for reason in MODELS_OWN)}
_PARTS = ("value", "frames", "reason", "rationale")


def is_claim(schema: Schema) -> bool:
    """True for the object that holds one value and its evidence."""
    return "value" in schema.get("properties", {})


def words_about(claim: Schema) -> dict[str, Schema]:
    """The closed words that a claim holds beside its value, each with its schema."""
    return {name: part for name, part in claim["properties"].items() if name not in _PARTS}


def check_schema(schema: Any, kinds: Collection[str] = ()) -> None:
    """Raises `Failed(BAD_CONFIGURATION)`, with the rule at fault, for anything else than the above.

    A claim `kind` at the top must offer exactly the `kinds`.
    """
    try:
        _require(schema["type"] == "object" and not is_claim(schema), "root")
        _check(schema, 0)
        if kind := schema["properties"].get("kind"):
            offered = kind["properties"]["value"].get("enum", ())
            _require(set(offered) == {None, *kinds}, "kinds")
    except (AttributeError, KeyError, TypeError):
        raise _bad("shape") from None


def _check(schema: Schema, depth: int) -> None:
    _require(depth <= DEPTH_MAX, "depth")
    type_ = schema["type"]
    _require(type_ in ("object", "array"), "value_without_evidence")
    _require(set(schema) <= _KEYWORDS[type_], "keyword")
    if type_ == "array":
        _require(0 < schema["maxItems"] <= ENTRIES_MAX, "maxItems")
        _require(0 <= schema.get("minItems", 0) <= schema["maxItems"], "minItems")
        return _check(schema["items"], depth + 1)
    parts = schema["properties"]
    _require(bool(parts) and set(schema["required"]) == set(parts), "required")
    if is_claim(schema):
        return _check_claim(schema)
    for part in parts.values():
        _check(part, depth + 1)
    return None


def _check_claim(claim: Schema) -> None:
    parts = claim["properties"]
    _require({name: parts["frames"][name] for name in _FRAMES} == _FRAMES, "frames")
    _require(set(parts["reason"]["enum"]) == _REASONS, "reason")
    _require(parts["rationale"]["type"] == "string", "rationale")
    _check_value(parts["value"])
    for word in words_about(claim).values():
        _check_value(word)
        _require("enum" in word, "word_without_list")


def _check_value(value: Schema) -> None:
    _require(value["type"] in _TYPES and set(value) <= _KEYWORDS["value"], "value")
    if value["type"] != ["string", "null"]:
        _require(value["minimum"] < value["maximum"] and "enum" not in value, "limits")
    elif "enum" in value:
        _require(None in value["enum"] and len(value["enum"]) > 1, "enum")
        _require(all(word is None or isinstance(word, str) for word in value["enum"]), "enum")


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise _bad(rule)


def _bad(rule: str) -> Failed:
    return Failed(Reason.BAD_CONFIGURATION, setting="analysis.schema", error=rule)
