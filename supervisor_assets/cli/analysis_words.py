"""One analysis as a row, as a page and as JSON; texts of a model stand whole in the JSON only."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from supervisor_assets.cli.fates import words
from supervisor_core.analysis.claimed import claims as all_claims
from supervisor_core.keys import media_id
from supervisor_core.states import Work
from supervisor_core.store.analysed import Analysed
from supervisor_core.store.analyses import Analysis

COLUMNS = ("media", "state", "kind", "from", "values", "reason")
CLAIM_COLUMNS = ("part", "value", "frames")
_MADE = (Work.DONE, Work.DEGRADED, Work.ABSTAINED)
_VALUE_SIGNS = 24
_FRAMES_SHOWN = 2
_RESULT = (
    "model",
    "model_digest",
    "prompt_hash",
    "prompt_tokens",
    "answer_tokens",
    "model_seconds",
    "seconds",
    "kind",
    "kind_source",
)


@dataclass(frozen=True)
class Said:
    """One value of a result by its place there, or why there is none, with its frames."""

    place: str
    claim: Mapping[str, Any]

    @property
    def row(self) -> Sequence[object]:
        """The row of a table."""
        return self.place, self._value, _evidence(self.claim.get("frames") or [])

    @property
    def _value(self) -> str:
        value = self.claim["value"]
        if value is None:
            return f"null: {self.claim.get('reason')}"
        text = str(value)
        return text if len(text) <= _VALUE_SIGNS else text[: _VALUE_SIGNS - 3] + "..."


def claims(analysis: Analysis) -> list[Said]:
    """Every value of a result, in its order."""
    return [Said(place, claim) for place, claim in all_claims(json.loads(analysis.result))]


def row(one: Analysed) -> Sequence[object]:
    """The row of a table."""
    kind, source, values = None, None, None
    if one.result is not None:
        kind, source = one.result.kind, one.result.kind_source
        said = claims(one.result)
        values = f"{_whole(said)} of {len(said)}"
    reason = one.reason.value if one.reason else None
    return media_id(one.media), _state(one), kind, source, values, reason


def heading(one: Analysed) -> Iterator[str]:
    """What is said of one analysis before its values."""
    yield f"{media_id(one.media)} of {one.intake}, profile {one.profile}: {_state(one)}"
    if one.reason is not None:
        yield f"  {one.reason.value}, attempts {one.attempts}{_next_try(one.not_before)}"
    if one.result is not None:
        made = one.result
        yield f"  kind {made.kind or '-'} (from {made.kind_source}), model {made.model}"
        tokens = f"{made.prompt_tokens} + {made.answer_tokens} tokens"
        yield f"  {tokens}, model {made.model_seconds:.1f} s, in all {made.seconds:.1f} s"


def told(one: Analysed) -> dict[str, Any]:
    """The object of a JSON answer; `result` holds all that stands, `values` the same by place."""
    return {
        "media": media_id(one.media),
        "intake": one.intake,
        "profile": one.profile,
        "state": one.state.value,
        "outdated": one.outdated,
        **words(one.reason),
        "attempts": one.attempts,
        "not_before": _iso(one.not_before),
        "updated": _iso(one.updated),
        **_told_result(one.result),
    }


def _told_result(made: Analysis | None) -> dict[str, Any]:
    if made is None:
        empty = dict.fromkeys((*_RESULT, "created", "result"))
        return empty | {"frames": [], "values": []}
    return {name: getattr(made, name) for name in _RESULT} | {
        "created": made.created.isoformat(),
        "result": json.loads(made.result),
        "frames": json.loads(made.frames),
        "values": [{"place": one.place, **one.claim} for one in claims(made)],
    }


def _state(one: Analysed) -> str:
    return "outdated" if one.outdated and one.state in _MADE else one.state.value


def _whole(said: Sequence[Said]) -> int:
    return sum(one.claim["value"] is not None for one in said)


def _evidence(frames: Sequence[Mapping[str, Any]]) -> str:
    shown = ", ".join(f"{one['number']} ({one['time_s']:.2f} s)" for one in frames[:_FRAMES_SHOWN])
    more = len(frames) - _FRAMES_SHOWN
    return f"{shown} +{more}" if more > 0 else shown


def _next_try(moment: datetime | None) -> str:
    return f", next try {moment:%Y-%m-%d %H:%M:%S}" if moment else ""


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
