"""What of a model's answer may stand: values with frames that show them, and null for all else.

An analysis that puts numbers where the model has said nothing is worse than none. Here a score
is the model's own, literally, or it is null with a reason.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from supervisor_core.analysis.choosing import ChosenFrame
from supervisor_core.analysis.claims import MISSING, read_claim, why_absent
from supervisor_core.analysis.profiles import AnalysisProfile
from supervisor_core.analysis.refusing import declines, is_refusal
from supervisor_core.analysis.schemas import Absence, Schema, is_claim
from supervisor_core.model.answers import parse
from supervisor_core.reasons import Failed
from supervisor_core.states import Work


@dataclass(frozen=True)
class Judged:
    """What stands of an answer.

    `state` is DONE, DEGRADED when something is null, ABSTAINED when everything is. `result` is
    plain JSON in the shape of the profile's schema. `reasons` says of each null, by its place there
    (`route_analysis.ideal_route[2]`), why.
    """

    state: Work
    result: Mapping[str, Any]
    reasons: Mapping[str, Absence]

    @property
    def kind(self) -> str | None:
        """The kind that the model saw, when it was asked for one and its evidence stands."""
        said: str | None = self.result.get("kind", {}).get("value")
        return said

    @property
    def counts(self) -> dict[str, int]:
        """How often each reason occurs."""
        return dict(Counter(reason.value for reason in self.reasons.values()))


def judge(answer_text: str, profile: AnalysisProfile, frames_sent: Sequence[ChosenFrame]) -> Judged:
    """Reads an answer and keeps what its evidence carries; whatever it is, this raises nothing."""
    reading = _Reading(frames_sent)
    try:
        answer: object = parse(answer_text, {})
    except Failed:
        answer = Absence.REFUSED if is_refusal(answer_text) else Absence.UNPARSEABLE
    if isinstance(answer, dict) and declines(answer, profile.schema["properties"]):
        answer = Absence.REFUSED
    result = reading.read(profile.schema, answer, "")
    return Judged(reading.state, result, reading.reasons)


class _Reading:
    """Walks along the schema, never along the answer, which only fills what was asked for."""

    def __init__(self, frames: Sequence[ChosenFrame]) -> None:
        self.frames = frames
        self.values = 0
        self.reasons: dict[str, Absence] = {}

    @property
    def state(self) -> Work:
        """How much of the answer stands."""
        if self.values == 0:
            return Work.ABSTAINED
        return Work.DEGRADED if self.reasons else Work.DONE

    def read(self, schema: Schema, given: object, place: str) -> Any:
        """Reads one part; `given` is an `Absence` where there is no answer at all."""
        if is_claim(schema):
            return self._claim(schema, given, place)
        if schema["type"] == "array":
            return self._entries(schema, given, place)
        return {
            name: self.read(part, _part(given, name), f"{place}.{name}".lstrip("."))
            for name, part in schema["properties"].items()
        }

    def _claim(self, schema: Schema, given: object, place: str) -> dict[str, Any]:
        claim = read_claim(schema, given, self.frames)
        if claim.reason is None:
            self.values += 1
        else:
            self.reasons[place] = claim.reason
        return claim.plain()

    def _entries(self, schema: Schema, given: object, place: str) -> list[Any]:
        """Reads a list; entries beyond the schema's limit are left out, and that is said."""
        if not isinstance(given, list):
            self.reasons[place] = why_absent(given)
            return []
        if len(given) > schema["maxItems"]:
            self.reasons[f"{place}[{schema['maxItems']}]"] = Absence.UNPARSEABLE
        if len(given) < schema.get("minItems", 0):
            self.reasons[place] = Absence.ABSTAINED
        return [
            self.read(schema["items"], entry, f"{place}[{number}]")
            for number, entry in enumerate(given[: schema["maxItems"]])
        ]


def _part(given: object, name: str) -> object:
    """What an answer gives for one name; all that it refuses or garbles stays so."""
    if isinstance(given, dict):
        return given.get(name, MISSING)
    return given if given is None or isinstance(given, Absence) else MISSING
