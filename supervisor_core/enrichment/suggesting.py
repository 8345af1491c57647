"""What to keep of files that are the same or look alike, and why. Suggested; nothing is merged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from supervisor_core.enrichment.duplicates import near_groups
from supervisor_core.enrichment.near import Near
from supervisor_core.keys import MediaKey
from supervisor_core.store.alike import Alike, Arrived, Facts
from supervisor_core.store.fingerprints import Likeness, Pair

# As two encodings of one film may differ in length.
_SAME_LENGTH_S = 1.0


class Kind(StrEnum):
    """What the members of a group have in common."""

    EXACT = "exact"
    NEAR = "near"
    CLIP = "clip"


class Why(StrEnum):
    """Why the first member is the one to keep."""

    MORE_PIXELS = "it has the most pixels"
    LARGER = "it has as many pixels as any other, and is the largest file of these"
    OLDER = "nothing tells them apart but that it came first"
    FIRST = "the bytes are the same, and it came first"
    WHOLE = "it holds the others as a whole"


@dataclass(frozen=True)
class Member:
    """One of a group; `distance` (bits of 256) and what follows compare it with the first."""

    facts: Facts
    arrived: Arrived | None = None
    distance: float = 0.0
    mirrored: bool = False
    offset_s: float | None = None
    matched: float | None = None
    certain: bool = True


@dataclass(frozen=True)
class Suggestion:
    """Two or more files; the first is the one to keep."""

    kind: Kind
    why: Why
    members: tuple[Member, ...]

    @property
    def media(self) -> set[MediaKey]:
        """The media in it."""
        return {member.facts.media for member in self.members}


def suggestions(found: Alike) -> list[Suggestion]:
    """All groups: the same bytes, then what looks alike, then clips in longer films."""
    facts = found.facts
    exact = _exact(found.twice, found.same, facts)
    return [*exact, *_near(found.pairs, facts), *_clips(found.pairs, facts)]


def _exact(
    twice: Mapping[MediaKey, Sequence[Arrived]],
    same: Iterable[Sequence[MediaKey]],
    facts: Mapping[MediaKey, Facts],
) -> list[Suggestion]:
    came = [
        Suggestion(Kind.EXACT, Why.FIRST, tuple(Member(facts[key], one) for one in arrived))
        for key, arrived in twice.items()
    ]
    made = [sorted((facts[key] for key in group), key=_best_first) for group in same]
    return came + [
        Suggestion(Kind.EXACT, Why.FIRST, tuple(Member(one) for one in group)) for group in made
    ]


def _near(pairs: Sequence[Pair], facts: Mapping[MediaKey, Facts]) -> list[Suggestion]:
    """Pictures that look alike, and films of one length that do."""
    whole = {
        _ends(pair): pair for pair in pairs if pair.kind is Likeness.STILL or _as_long(pair, facts)
    }
    near = [
        (pair.media, Near(pair.other, round(pair.distance), pair.mirrored))
        for pair in whole.values()
    ]
    order = sorted({key for ends in whole for key in ends}, key=lambda key: _best_first(facts[key]))
    found = []
    for group in near_groups(near, order):
        first, *others = group.members
        members = [Member(facts[MediaKey(first.key)])]
        for one in others:
            pair = whole[frozenset((MediaKey(first.key), MediaKey(one.key)))]
            members.append(_compared(facts[MediaKey(one.key)], pair))
        found.append(Suggestion(Kind.NEAR, _why([one.facts for one in members]), tuple(members)))
    return found


def _clips(pairs: Sequence[Pair], facts: Mapping[MediaKey, Facts]) -> list[Suggestion]:
    films: dict[MediaKey, list[Pair]] = {}
    for pair in pairs:
        if pair.kind is Likeness.CLIP and not _as_long(pair, facts):
            films.setdefault(pair.other, []).append(pair)
    return [
        Suggestion(
            Kind.CLIP,
            Why.WHOLE,
            (Member(facts[film]), *(_compared(facts[pair.media], pair) for pair in _placed(found))),
        )
        for film, found in films.items()
    ]


def _placed(pairs: Iterable[Pair]) -> list[Pair]:
    return sorted(pairs, key=lambda pair: (pair.offset_s or 0.0, pair.media))


def _compared(facts: Facts, pair: Pair) -> Member:
    return Member(
        facts,
        distance=pair.distance,
        mirrored=pair.mirrored,
        offset_s=pair.offset_s,
        matched=pair.matched,
        certain=pair.certain,
    )


def _as_long(pair: Pair, facts: Mapping[MediaKey, Facts]) -> bool:
    one, other = (facts[key].seconds for key in (pair.media, pair.other))
    return one is not None and other is not None and abs(one - other) <= _SAME_LENGTH_S


def _ends(pair: Pair) -> frozenset[MediaKey]:
    return frozenset((pair.media, pair.other))


def _best_first(facts: Facts) -> tuple[object, ...]:
    """More pixels, then the larger file, then the older one."""
    pixels = facts.width * facts.height
    return -pixels, -facts.size_bytes, facts.first_seen, facts.media


def _why(group: Sequence[Facts]) -> Why:
    first, *others = group
    pixels = first.width * first.height
    if all(one.width * one.height < pixels for one in others):
        return Why.MORE_PIXELS
    if all(one.size_bytes < first.size_bytes for one in others):
        return Why.LARGER
    return Why.OLDER
