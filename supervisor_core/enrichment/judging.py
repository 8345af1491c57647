"""From what a model said to what of it may stand: syntax first, then keys, then ranges.

Nothing is invented or moved into its range. What does not fit is left out and named as a flaw, and
the result is degraded; without its essential keys nothing stands at all.

    missing:KEY    the model has left it out
    type:KEY       another kind of value; a number written as text is taken for what it says
    range:KEY      a number out of its range, or a word that is not on its list
    cut:KEY        a text that was too long, cut at its limit
    entries:KEY    a list of which some entries do not fit, or are too many
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from supervisor_core.enrichment.prompt import real_of, text_of
from supervisor_core.model.answers import first_object
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Work

Part = Mapping[str, Any]
_NOTHING = object()
_NUMBER = re.compile(r"\s*-?\d{1,6}(\.\d{1,6})?\s*", re.ASCII)


@dataclass(frozen=True)
class Judged:
    """What stands of an answer, and which flaws it has; without flaws it is done."""

    result: dict[str, Any]
    flaws: tuple[str, ...] = ()

    @property
    def state(self) -> Work:
        """Done or degraded."""
        return Work.DEGRADED if self.flaws else Work.DONE


def judge(text: str, schema: Part, essential: Sequence[str]) -> Judged:
    """What may stand of an answer.

    Raises `Failed`: INVALID_JSON, PARSE_ERROR, MISSING_KEY or SCHEMA_MISMATCH, the last two when
    an essential key is missing, or has a value that can't be what was asked for.
    """
    said = first_object(text)
    result: dict[str, Any] = {}
    flaws: list[str] = []
    for name, part in schema["properties"].items():
        if name not in said or said[name] is None:
            if name in essential:
                raise Failed(Reason.MISSING_KEY, key=name)
            flaws.append(f"missing:{name}")
            continue
        value, flaw = _fitted(said[name], part)
        if flaw:
            flaws.append(f"{flaw}:{name}")
        if value is not _NOTHING:
            result[name] = value
        elif name in essential:
            raise Failed(Reason.SCHEMA_MISMATCH, key=name, error=flaw)
    return Judged(result, tuple(flaws))


def _fitted(value: Any, part: Part) -> tuple[Any, str]:
    """As much of a value as fits its schema, and what is wrong with it ("" for nothing)."""
    match part["type"]:
        case "number" | "integer":
            return _number(value, part)
        case "string":
            return _string(value, part)
        case "array":
            return _array(value, part)
        case "object":
            return _object(value, part)
        case _:
            return (value, "") if isinstance(value, bool) else (_NOTHING, "type")


def _number(value: Any, part: Part) -> tuple[Any, str]:
    flaw = ""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value, flaw = real_of(value), "type"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _NOTHING, "type"
    if part["type"] == "integer" and value != int(value):
        return _NOTHING, "type"
    low, high = part.get("minimum", value), part.get("maximum", value)
    return (value, flaw) if low <= value <= high else (_NOTHING, "range")


def _string(value: Any, part: Part) -> tuple[Any, str]:
    if not isinstance(value, str):
        return _NOTHING, "type"
    text = " ".join(text_of(value).split())
    if "enum" in part:
        word = text.lower().replace(" ", "_")
        return (word, "") if word in part["enum"] else (_NOTHING, "range")
    if len(text) < part.get("minLength", 0):
        return _NOTHING, "range"
    limit = part.get("maxLength", len(text))
    return (text, "") if len(text) <= limit else (_cut(text, limit), "cut")


def _cut(text: str, limit: int) -> str:
    """The text up to its limit, at the end of a word where there is one."""
    head = text[: limit - 1]
    return f"{head.rpartition(' ')[0] or head}…"


def _array(value: Any, part: Part) -> tuple[Any, str]:
    flaw = ""
    if isinstance(value, str):
        value, flaw = ([value] if value.strip() else []), "type"
    if not isinstance(value, list):
        return _NOTHING, "type"
    fitted = [_fitted(entry, part["items"]) for entry in value]
    kept = [entry for entry, wrong in fitted if entry is not _NOTHING and wrong != "cut"]
    plain = [entry for index, entry in enumerate(kept) if entry not in kept[:index]]
    limit = part.get("maxItems", len(plain))
    if len(kept) < len(value) or len(plain) > limit:
        flaw = flaw or "entries"
    return plain[:limit], flaw


def _object(value: Any, part: Part) -> tuple[Any, str]:
    """An object of which all that is required fits, for an entry of a list."""
    if not isinstance(value, dict):
        return _NOTHING, "type"
    found: dict[str, Any] = {}
    for name, inner in part["properties"].items():
        fitted, _ = _fitted(value.get(name), inner)
        if fitted is _NOTHING:
            return _NOTHING, "entries"
        found[name] = fitted
    return found, ""
