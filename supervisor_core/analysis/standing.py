"""Whether what is kept of an analysis stands: a second look that trusts nothing of the first."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Evidence:
    """Counts over results: scores, those that rest on no frame that was shown, and nulls."""

    results: int = 0
    scores: int = 0
    without: int = 0
    nulls: int = 0


def evidence_of(results: Iterable[tuple[str, str]]) -> Evidence:
    """Counts over (result, frames shown), both JSON as the store keeps them."""
    total = scores = without = nulls = 0
    for result, frames in results:
        total += 1
        shown = {frame["number"] for frame in json.loads(frames)}
        for claim in _claims(json.loads(result)):
            if claim["value"] is None:
                nulls += 1
                continue
            scores += 1
            named = {frame["number"] for frame in claim["frames"]}
            without += not named or not named <= shown
    return Evidence(total, scores, without, nulls)


def _claims(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict) and "value" in part:
        yield part
    elif isinstance(part, dict):
        for inner in part.values():
            yield from _claims(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _claims(inner)
