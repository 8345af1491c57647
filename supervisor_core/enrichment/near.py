"""Finding near duplicates among many hashes.

Up to 64 of 256 bits may differ, more than tables of bands can be built for, so every hash is
looked at: their four words lie in four columns, and 100,000 of them take a fifth of a millisecond.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supervisor_core.enrichment.pdq import HASH_BYTES, Fingerprint

# Chosen and judged by benchmarks/duplicates.py (docs/performance.md): unrelated photographs begin
# at 94, but pictures that share half of the screen come as near as 64.
NEAR_MAX = 64

_WORDS = HASH_BYTES // 8
_Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Near:
    """Another picture that looks alike; `mirrored` when it does so in a mirror."""

    key: str
    distance: int
    mirrored: bool


class HashIndex:
    """Fingerprints by key. Adding is cheap; a key added again stands beside its former self.

    Pictures with too little in them to be told apart are neither kept nor looked for.
    """

    def __init__(self) -> None:
        self.keys: list[str] = []
        self._columns = np.empty((_WORDS, 1024), np.uint64)

    @classmethod
    def of(cls, keys: Sequence[str], hashes: bytes) -> "HashIndex":
        """An index of pictures that were found usable before; 32 bytes each, in order."""
        index = cls()
        index.keys = list(keys)
        if keys:
            index._columns = columns_of(np.frombuffer(hashes, np.uint8).reshape(-1, HASH_BYTES))
        return index

    def __len__(self) -> int:
        return len(self.keys)

    def add(self, key: str, fingerprint: Fingerprint) -> None:
        """Takes in a picture."""
        if not fingerprint.usable:
            return
        count = len(self.keys)
        if count == self._columns.shape[1]:
            self._columns = np.concatenate([self._columns, np.empty_like(self._columns)], axis=1)
        self._columns[:, count] = _words(fingerprint.hash)
        self.keys.append(key)

    def near(
        self,
        fingerprint: Fingerprint,
        max_distance: int = NEAR_MAX,
        among: int | None = None,
        at_most: int | None = None,
    ) -> list[Near]:
        """The pictures that look like this one, nearest first, each once.

        `among` looks only at so many that were added first. `at_most` keeps the nearest, of equal
        ones those that were added first.
        """
        if not fingerprint.usable:
            return []
        columns = self._columns[:, : len(self.keys) if among is None else among]
        upright = distances(columns, fingerprint.hash)
        mirrored = distances(columns, fingerprint.mirror)
        best = np.minimum(upright, mirrored)
        rows = np.flatnonzero(best <= max_distance)
        rows = rows[np.argsort(best[rows], kind="stable")][:at_most]
        found = [
            Near(self.keys[row], int(best[row]), bool(mirrored[row] < upright[row])) for row in rows
        ]
        return sorted(found, key=lambda one: (one.distance, one.key))


def near_pairs(
    pictures: dict[str, Fingerprint], max_distance: int = NEAR_MAX
) -> Iterator[tuple[str, Near]]:
    """Every pair that looks alike, once: each picture with those that came before it.

    To keep up with a growing library, keep what was found and ask `HashIndex.near` for what is
    new: that costs the same for each picture, however many pairs there are.
    """
    index = HashIndex()
    for key, fingerprint in pictures.items():
        for one in index.near(fingerprint, max_distance):
            yield key, one
        index.add(key, fingerprint)


def columns_of(hashes: npt.NDArray[np.uint8]) -> _Words:
    """Hashes (n, 32) as the columns (4, n) that `distances` works on."""
    return np.ascontiguousarray(np.ascontiguousarray(hashes).view(np.uint64).T)


def distances(columns: _Words, hash_: bytes) -> npt.NDArray[np.uint16]:
    """How many bits of each hash differ from one."""
    first, second, third, fourth = (
        np.bitwise_count(column ^ word) for column, word in zip(columns, _words(hash_), strict=True)
    )
    # A byte holds no 256, as far as two hashes can be apart.
    return np.asarray(np.add(first + second, third + fourth, dtype=np.uint16))


def apart(some: npt.NDArray[np.uint8], others: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """How many bits of each hash (n, 32) differ from the other one in its row."""
    pairs = (np.ascontiguousarray(one).view(np.uint64) for one in (some, others))
    bits = np.bitwise_count(np.bitwise_xor(*pairs))
    return np.asarray(bits.sum(axis=1, dtype=np.uint16))


def _words(hash_: bytes) -> _Words:
    return np.frombuffer(hash_, np.uint64)
