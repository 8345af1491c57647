"""One claim of an answer: its value stands only with frames that were sent and show it.

Nothing is clamped, rounded or completed. What is wrong with a claim makes its value null, with one
reason, and takes the rationale along, which would only say the same without proof.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from supervisor_core.analysis.choosing import ChosenFrame
from supervisor_core.analysis.refusing import is_refusal
from supervisor_core.analysis.schemas import MODELS_OWN, Absence, Schema, words_about

VALUE_MAX = 500
RATIONALE_MAX = 500
MISSING = object()

Evidence = dict[str, int | float]


@dataclass(frozen=True)
class Claim:
    """A value, or why there is none, with the frames that show it and the words about it."""

    value: int | float | str | None = None
    reason: Absence | None = None
    frames: tuple[Evidence, ...] = ()
    rationale: str = ""
    words: Mapping[str, str | None] | None = None

    def plain(self) -> dict[str, Any]:
        """The claim as plain JSON."""
        return {
            "value": self.value,
            "frames": list(self.frames),
            "reason": self.reason and self.reason.value,
            "rationale": self.rationale,
            **(self.words or {}),
        }


def read_claim(schema: Schema, given: object, frames: Sequence[ChosenFrame]) -> Claim:
    """Reads what an answer gives for one claim; `MISSING` when it gives nothing."""
    words = dict.fromkeys(words_about(schema))
    if not isinstance(given, dict) or "value" not in given:
        return Claim(reason=why_absent(given), words=words)
    if own := _own_reason(given):
        return Claim(reason=own, rationale=_rationale(given), words=words)
    value = _value(schema["properties"]["value"], given["value"])
    if isinstance(value, Absence):
        return Claim(reason=value, words=words)
    shown = _shown(given.get("frames", []), frames)
    if isinstance(shown, Absence):
        return Claim(reason=shown, words=words)
    words = {name: _word(part, given.get(name)) for name, part in words_about(schema).items()}
    return Claim(value, None, shown, _rationale(given), words)


def why_absent(given: object) -> Absence:
    """The reason for something that was not given as asked for; an absence is its own."""
    if isinstance(given, Absence):
        return given
    return Absence.ABSTAINED if given is None else Absence.UNPARSEABLE


def _own_reason(given: Mapping[str, Any]) -> Absence | None:
    """The reason that the model gives itself, which counts even beside a value."""
    said = next((reason for reason in MODELS_OWN if given.get("reason") == reason.value), None)
    return said or (Absence.ABSTAINED if given["value"] is None else None)


def _value(schema: Schema, given: object) -> int | float | str | Absence:
    if not Draft202012Validator(schema).is_valid(given):
        return Absence.UNPARSEABLE
    if not isinstance(given, str):
        return given  # type: ignore[return-value] # the schema allows numbers and texts alone
    if "enum" in schema:
        return given
    text = plain_text(given, VALUE_MAX)
    if is_refusal(text):
        return Absence.REFUSED
    return text or Absence.ABSTAINED


def _shown(numbers: object, frames: Sequence[ChosenFrame]) -> tuple[Evidence, ...] | Absence:
    """The frames that were named, each once; one that was not sent spoils them all."""
    if not isinstance(numbers, list) or any(type(number) is not int for number in numbers):
        return Absence.UNPARSEABLE
    if not numbers or not all(1 <= number <= len(frames) for number in numbers):
        return Absence.NO_EVIDENCE
    return tuple(
        {"number": number, "index": frames[number - 1].index, "time_s": frames[number - 1].time_s}
        for number in dict.fromkeys(numbers)
    )


def _word(schema: Schema, given: object) -> str | None:
    return given if isinstance(given, str) and given in schema["enum"] else None


def _rationale(given: Mapping[str, Any]) -> str:
    said = given.get("rationale")
    return plain_text(said, RATIONALE_MAX) if isinstance(said, str) else ""


def plain_text(text: str, length: int) -> str:
    """A text as one line of at most `length` characters, without any control character."""
    line = " ".join(text[: 4 * length].split())
    kept = (sign for sign in line if not unicodedata.category(sign).startswith("C"))
    return "".join(kept)[:length].strip()
