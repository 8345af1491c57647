"""Groups of pictures that look the same. They are suggested, never merged."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from supervisor_core.enrichment.near import Near


@dataclass(frozen=True)
class Member:
    """One of a group, and how many bits it differs from the first member.

    `mirrored` tells whether it looks like the first in a mirror.
    """

    key: str
    distance: int = 0
    mirrored: bool = False


@dataclass(frozen=True)
class Group:
    """Two or more pictures; the first is the one that the others are compared with."""

    members: tuple[Member, ...]


def near_groups(pairs: Iterable[tuple[str, Near]], order: Iterable[str]) -> list[Group]:
    """Groups of pictures out of the pairs that look alike.

    `order` says which member of a group is its first, best to worst: the largest, or the oldest.
    Every other member is a neighbour of the first: what only looks like something that looks like
    it begins a group of its own, so a long row of small changes does not become one large group.
    """
    neighbours: dict[str, dict[str, Near]] = {}
    for key, near in pairs:
        neighbours.setdefault(key, {})[near.key] = near
        back = Near(key, near.distance, near.mirrored)
        neighbours.setdefault(near.key, {})[key] = back
    return list(_stars(neighbours, order))


def _stars(neighbours: dict[str, dict[str, Near]], order: Iterable[str]) -> Iterator[Group]:
    taken: set[str] = set()
    for first in order:
        if first in taken or first not in neighbours:
            continue
        free = [near for key, near in neighbours[first].items() if key not in taken]
        if not free:
            continue
        taken.update((first, *(near.key for near in free)))
        free.sort(key=lambda near: (near.distance, near.key))
        others = (Member(near.key, near.distance, near.mirrored) for near in free)
        yield Group((Member(first), *others))
