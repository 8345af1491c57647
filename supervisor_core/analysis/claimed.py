"""What an analysis claims: each value with the frames it rests on, or null with a reason."""

from collections.abc import Iterator, Mapping
from typing import Any

Claim = Mapping[str, Any]


def claims(result: Any, place: str = "") -> Iterator[tuple[str, Claim]]:
    """Every value of a result, in its order, with where it stands (`scores.grip`, `moves[2]`)."""
    if isinstance(result, list):
        for number, entry in enumerate(result):
            yield from claims(entry, f"{place}[{number}]")
    elif isinstance(result, dict) and "value" in result:
        yield place, result
    elif isinstance(result, dict):
        for name, entry in result.items():
            yield from claims(entry, f"{place}.{name}".lstrip("."))
