"""Fingerprints of pictures: what they survive and tell apart, and how fast they are found."""

import itertools
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from picture_builders import cropped, painted, recompressed, scaled, signed

from supervisor_core.enrichment.duplicates import Member, near_groups
from supervisor_core.enrichment.near import (
    NEAR_MAX,
    HashIndex,
    Near,
    columns_of,
    distances,
    near_pairs,
)
from supervisor_core.enrichment.pdq import Fingerprint, distance, fingerprint_of
from supervisor_core.media.stills import read_still

# What Facebook's own program says of these pictures: hash, and hash of the mirror image.
REFERENCE = [
    (480, 360, "f2a4a8528813d48f483c497785ec29d229d4d6f89f8b1f896e19cb292bff0763",
     "a3f0ed0799c6a0da3d291c22c0b87ca3788183adcade4ade3b4c9e7c7eaa5236"),
    (1024, 768, "26198b918e651a6749334e399671f9b1dc2a716eb193e93938e0ef9a7b103a47",
     "734cde44db304f321c661b6cc3242ce4817f2439e4c6bc6c6db5bacf2e456f12"),
    (300, 900, "64bf34866c30e65859c03e352f8c61e7d45f6a0cb4e16b5d24899272fb5ec4b6",
     "31ea61d33965b30d0c956b607ad934ba810a3f59f1b43e08f1dce727ae0b91e3"),
    (2000, 1500, "9f006f3fc83c1f07d07cca328760e1c536f664c1f9c904fbcc0b34fc2e1f9325",
     "ca753a6a9d694a5285299f6fd235b69063a33194ac9c59ae98de61a97b4ac670"),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(len(REFERENCE)))
def test_hashes_are_those_of_pdq(seed: int) -> None:
    width, height, hash_, mirror = REFERENCE[seed]
    found = fingerprint_of(painted(seed, width, height))
    assert distance(found.hash, bytes.fromhex(hash_)) <= 8
    assert distance(found.mirror, bytes.fromhex(mirror)) <= 8
    assert found.quality == 100


SAME = {
    "half": lambda picture: scaled(picture, 0.5),
    "a third": lambda picture: scaled(picture, 0.33),
    "squeezed": lambda picture: cv2.resize(picture, (300, 300), interpolation=cv2.INTER_AREA),
    "compressed": lambda picture: recompressed(picture, 20),
    "brighter": lambda picture: cv2.convertScaleAbs(picture, alpha=1.2, beta=10),
    "grey": lambda picture: cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY),
    "signed": signed,
    "cropped": lambda picture: cropped(picture, 0.05),
    "mirrored": lambda picture: np.ascontiguousarray(picture[:, ::-1]),
}


@pytest.mark.parametrize("edit", SAME)
def test_an_edited_picture_is_found_among_others(edit: str) -> None:
    index = HashIndex()
    for seed in range(40):
        index.add(str(seed), fingerprint_of(painted(seed)))
    for seed in (0, 13, 39):
        found = index.near(fingerprint_of(SAME[edit](painted(seed))))
        assert [one.key for one in found] == [str(seed)]
        assert found[0].mirrored == (edit == "mirrored")


def test_scaling_hardly_changes_a_hash() -> None:
    for seed in range(10):
        picture = painted(seed, 1600, 1200)
        small = fingerprint_of(scaled(picture, 0.25))
        assert distance(small.hash, fingerprint_of(picture).hash) <= 6


def test_pictures_with_nothing_in_them_are_alike_to_none() -> None:
    empty = fingerprint_of(np.full((100, 100, 3), 90, np.uint8))
    tiny = fingerprint_of(np.full((4, 900, 3), 90, np.uint8))
    index = HashIndex()
    index.add("empty", empty)
    index.add("picture", fingerprint_of(painted(1)))
    assert (empty.usable, tiny.usable, tiny.quality) == (False, False, 0)
    assert len(index) == 1
    assert index.near(empty) == []


def test_real_duplicates_are_told_from_the_others(shared_data: Path) -> None:
    folder = shared_data / "images" / "dups"
    pictures = {path.stem: fingerprint_of(read_still(path)) for path in sorted(folder.iterdir())}
    groups = near_groups(near_pairs(pictures), order=pictures)
    assert [[member.key for member in group.members] for group in groups] == [
        ["ukbench00120", "ukbench00120_hflip", "ukbench00120_resize"]
    ]
    assert [member.mirrored for member in groups[0].members] == [False, True, False]
    assert max(member.distance for member in groups[0].members) <= 6


def random_index(count: int) -> tuple[HashIndex, np.ndarray]:
    hashes = np.random.default_rng(5).integers(0, 256, (count, 32), dtype=np.uint8)
    index = HashIndex()
    for number, one in enumerate(hashes):
        index.add(str(number), Fingerprint(one.tobytes(), bytes(32), 100))
    return index, hashes


def test_one_is_found_among_a_hundred_thousand_within_a_second() -> None:
    index, hashes = random_index(100_000)
    changed = np.unpackbits(hashes[77_777])
    changed[:NEAR_MAX] ^= 1
    wanted = Fingerprint(np.packbits(changed).tobytes(), bytes(32), 100)
    started = time.perf_counter()
    found = index.near(wanted)
    assert time.perf_counter() - started < 1
    assert found == [Near("77777", NEAR_MAX, mirrored=False)]


def test_distances_are_counted_right_up_to_the_farthest() -> None:
    one = bytes(range(32))
    others = [one, bytes(255 - value for value in one), bytes(32)]
    columns = columns_of(np.frombuffer(b"".join(others), np.uint8).reshape(3, 32))
    expected = [distance(one, other) for other in others]
    assert expected[:2] == [0, 256]
    assert distances(columns, one).tolist() == expected


def test_a_long_row_of_small_changes_is_not_one_group() -> None:
    """b looks like a, c like b, and so on: only what looks like the first is in its group."""
    pairs = [(one, Near(other, 60, mirrored=False)) for one, other in itertools.pairwise("abcde")]
    groups = near_groups(pairs, order="cabde")
    assert [group.members[0] for group in groups] == [Member("c")]
    assert groups[0].members[1:] == (Member("b", 60), Member("d", 60))
