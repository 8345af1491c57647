"""Which of the candidates are sent: one for each equal part of the recording, its middle first.

In a part, frames of a scene that no chosen frame shows come first, then those next to the middle.
What is black, far less sharp than the recording can be, or the same as a chosen frame is passed
over, and the next one taken. A part without any leaves its place to the largest gap elsewhere.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from supervisor_core.analysis.candidates import Candidate
from supervisor_core.analysis.choosing import ChosenFrame
from supervisor_core.analysis.sampling import Sampled
from supervisor_core.media.files import PART_SUFFIX, publish
from supervisor_core.reasons import Failed, Reason

# Of the sharpness that a quarter of a scene's frames reach: a blur of 2 px in 512 leaves 0.01-0.13
# of it, ordinary movement 0.37 and more. A whole scene may show little detail without any blur (a
# bus roof: 0.05 of the clip's), so against the other scenes it is far less.
BLURRED_SHARE, BLURRED_SCENE_SHARE = 0.3, 0.01
SHARP_QUANTILE = 0.75


def select(sampled: Sampled, count: int) -> tuple[list[Candidate], dict[str, int]]:
    """Up to `count` candidates in order of time, and how many were passed over for what.

    Raises `Failed(NO_USABLE_FRAME)` when there is none.
    """
    usable, rejected = _usable(sampled.candidates)
    if not usable:
        raise Failed(Reason.NO_USABLE_FRAME, seen=sampled.seen, **rejected)
    choice = _Choice()
    parts = min(count, sampled.seen)
    for part in range(parts):
        first, last = part * sampled.seen / parts, (part + 1) * sampled.seen / parts
        inside = [one for one in usable if first <= one.index < last]
        choice.take_first(choice.ranked(inside, (first + last - 1) / 2))
    while len(choice.taken) < parts and choice.take_first(choice.by_gap(usable)):
        pass
    duplicates = Counter({"duplicate": len(choice.duplicates)})
    return sorted(choice.taken, key=lambda one: one.index), dict(+(rejected + duplicates))


def write(candidate: Candidate, folder: Path) -> ChosenFrame:
    """Publishes a candidate's JPEG under its index (eight digits) and says where it is."""
    path = folder / f"{candidate.index:08d}.jpg"
    part = path.with_name(path.name + PART_SUFFIX)
    part.write_bytes(candidate.jpeg)
    publish(part, path)
    digest = hashlib.sha256(candidate.jpeg).hexdigest()
    return ChosenFrame(candidate.index, candidate.time_s, path, digest)


def _usable(candidates: Sequence[Candidate]) -> tuple[list[Candidate], Counter[str]]:
    visible = [one for one in candidates if not one.black]
    if not visible:
        return [], Counter(black=len(candidates))
    usable = [one for one in visible if not _is_blurred(one, visible)]
    black, blurred = len(candidates) - len(visible), len(visible) - len(usable)
    return usable, Counter(black=black, blurred=blurred)


def _is_blurred(candidate: Candidate, among: Sequence[Candidate]) -> bool:
    """True when it is far less sharp than its scene is at its best, or than the clip is."""
    scene = [one for one in among if one.scene == candidate.scene]
    return candidate.sharpness < max(
        BLURRED_SHARE * _at_best(scene), BLURRED_SCENE_SHARE * _at_best(among)
    )


def _at_best(candidates: Sequence[Candidate]) -> float:
    return float(np.quantile([one.sharpness for one in candidates], SHARP_QUANTILE))


class _Choice:
    """The frames chosen so far, and those found to be the same as one of them."""

    def __init__(self) -> None:
        self.taken: list[Candidate] = []
        self.duplicates: set[int] = set()

    def ranked(self, candidates: Sequence[Candidate], middle: float) -> list[Candidate]:
        """Those of a scene not shown yet first, then by their distance from the middle."""
        shown = {one.scene for one in self.taken}
        return sorted(
            candidates, key=lambda one: (one.scene in shown, abs(one.index - middle), one.index)
        )

    def by_gap(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Those farthest from every chosen frame first."""
        if not self.taken:
            return list(candidates)
        indexes = [one.index for one in self.taken]
        left = [one for one in candidates if one.index not in indexes]
        return sorted(left, key=lambda one: -min(abs(one.index - index) for index in indexes))

    def take_first(self, candidates: Sequence[Candidate]) -> bool:
        """Takes the first that is the same as none; False when there is none."""
        for one in candidates:
            if one.index in self.duplicates:
                continue
            if not any(one.same_as(other) for other in self.taken):
                self.taken.append(one)
                return True
            self.duplicates.add(one.index)
        return False
