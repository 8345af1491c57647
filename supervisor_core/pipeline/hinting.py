"""Which media may be the same: by vectors of what is known of them, and by what they look like.

Nothing is merged. No model is asked: vectors are those that `embed` has made, and fingerprints are
those of near pairs that were found before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from supervisor_core.keys import MediaKey
from supervisor_core.pipeline.context import Context
from supervisor_core.store import Connection, enrichments
from supervisor_core.store.enrichments import Vector
from supervisor_core.store.rows import ROWS, fetch, keys

HINTS = 8
LIKENESS_MIN = 0.92
_CHUNK_BYTES = 24 * 1024**2
_LIMIT_S = 60.0
_BITS = 256


@dataclass(frozen=True)
class Hint:
    """A media that may be the same.

    `likeness` is the cosine of the two vectors, `distance` the bits by which the two look
    different; None where that way did not find it.
    """

    media: MediaKey
    likeness: float | None = None
    distance: float | None = None
    mirrored: bool = False
    offset_s: float | None = None

    @property
    def nearness(self) -> float:
        """From 0 to 1, the better of both."""
        by_look = 1 - self.distance / _BITS if self.distance is not None else 0.0
        return max(by_look, self.likeness or 0.0)

    def told(self) -> dict[str, Any]:
        """As it stands in a result."""
        ways = {"vectors": self.likeness, "fingerprints": self.distance}
        likeness = None if self.likeness is None else round(self.likeness, 4)
        by = [name for name, value in ways.items() if value is not None]
        return {**vars(self), "likeness": likeness, "by": by}


@dataclass(frozen=True)
class Hints:
    """What was found for one media, and which ways there were to look for it."""

    found: tuple[Hint, ...]
    vector: bool
    fingerprint: bool

    def told(self) -> dict[str, Any]:
        """As it stands in a result: computed here, by no model."""
        ways = {"vectors": self.vector, "fingerprints": self.fingerprint}
        return {"hints": [one.told() for one in self.found], "by": ways, "source": "computed"}


def hints_for(context: Context, media: Sequence[MediaKey]) -> dict[MediaKey, Hints]:
    """The best hints for each of these media, out of all that the store holds."""
    with context.store.read() as connection:
        mine = enrichments.vectors_of(connection, media)
        looks = nearby(connection, media)
        looked = fingerprinted(connection, media)
    alike = _alike(context, mine)
    have = {one.media for one in mine}
    return {
        one: Hints(_best([*alike.get(one, ()), *looks.get(one, ())]), one in have, one in looked)
        for one in media
    }


def nearby(connection: Connection, media: Iterable[str]) -> dict[MediaKey, list[Hint]]:
    """The media that look like these, as they were found by their fingerprints."""
    found: dict[MediaKey, list[Hint]] = {}
    for row in fetch(connection, _NEAR, keys("media", media)):
        hint = Hint(
            media=MediaKey(str(row["other"])),
            distance=float(str(row["distance"])),
            mirrored=bool(row["mirrored"]),
            offset_s=row["offset_s"],  # type: ignore[arg-type]
        )
        found.setdefault(MediaKey(str(row["media"])), []).append(hint)
    return found


def fingerprinted(connection: Connection, media: Iterable[str]) -> set[MediaKey]:
    """Which of these media have a fingerprint."""
    sql = f"SELECT DISTINCT media FROM fingerprint JOIN {ROWS} USING (media)"  # noqa: S608
    return {MediaKey(row[0]) for row in connection.execute(sql, keys("media", media)).fetchall()}


_NEAR = f"""
    WITH given AS (SELECT media FROM {ROWS}), pairs AS (
        SELECT media, other, distance, mirrored, offset_s FROM near_pair
        SEMI JOIN given USING (media)
        UNION ALL
        SELECT other, media, distance, mirrored, -offset_s FROM near_pair
        SEMI JOIN given ON near_pair.other = given.media
    )
    SELECT * FROM pairs ORDER BY media, distance, other
"""  # noqa: S608


def _best(found: Iterable[Hint]) -> tuple[Hint, ...]:
    """One hint for each media, with what either way says of it; the nearest first."""
    merged: dict[MediaKey, Hint] = {}
    for one in found:
        before = merged.get(one.media)
        merged[one.media] = _both(before, one) if before else one
    return tuple(sorted(merged.values(), key=lambda one: (-one.nearness, one.media))[:HINTS])


def _both(first: Hint, second: Hint) -> Hint:
    known = {name: value for name, value in vars(second).items() if value not in (None, False)}
    if first.distance is not None and second.distance is not None:
        return min(first, second, key=lambda one: one.distance or 0.0)
    return replace(first, **known)


def _alike(context: Context, mine: Sequence[Vector]) -> dict[MediaKey, list[Hint]]:
    """The media whose vectors point nearly the same way, found in the child, a part at a time."""
    found: dict[MediaKey, list[Hint]] = {}
    for group in _same_kind(mine):
        like, after = group[0], ""
        at_most = max(1, _CHUNK_BYTES // (4 * like.dimensions))
        while True:
            with context.store.read() as connection:
                part = enrichments.vectors_after(connection, after, like, at_most)
            for one, other, likeness in _compared(context, group, part):
                found.setdefault(one, []).append(Hint(other, likeness=likeness))
            if len(part) < at_most:
                break
            after = part[-1].media
    return found


def _compared(
    context: Context, group: Sequence[Vector], part: Sequence[Vector]
) -> list[tuple[MediaKey, MediaKey, float]]:
    if not part:
        return []
    contents = b"".join(one.content for one in group), b"".join(one.content for one in part)
    pairs = context.worker.call(
        context.tools.compare, *contents, group[0].dimensions, LIKENESS_MIN, limit_s=_LIMIT_S
    )
    named = ((group[row].media, part[column].media, cosine) for row, column, cosine in pairs)
    return [(one, other, cosine) for one, other, cosine in named if one != other]


def _same_kind(vectors: Iterable[Vector]) -> list[list[Vector]]:
    """Groups of one model and length: others can't be compared."""
    groups: dict[tuple[str, str, int], list[Vector]] = {}
    for one in vectors:
        groups.setdefault((one.model, one.model_digest, one.dimensions), []).append(one)
    return list(groups.values())
