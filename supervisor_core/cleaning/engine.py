"""The loaded networks of this process: once per process, since loading them takes a second."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from supervisor_core.cleaning.detector import TextDetector
from supervisor_core.cleaning.identifiers import NameList, must_mask, must_mask_together
from supervisor_core.cleaning.inspection import Inspector
from supervisor_core.cleaning.job import Job
from supervisor_core.cleaning.reader import NOTHING, Reading, TextReader
from supervisor_core.cleaning.strokes import Eyes
from supervisor_core.media.policy import MaskPolicy

# Verification looks at another size than masking, so that both do not share a blind spot.
VERIFY_SCALE, VERIFY_SIDE_MIN = 0.6, 736
VERIFY_EYES = Eyes(
    cell_px=24, stroke_px=9, faint_frames=6, known_every=5, mean_of=25, look_every=150
)


@lru_cache(maxsize=1)
def detector() -> TextDetector:
    """The detector that masking works with."""
    return TextDetector()


@lru_cache(maxsize=1)
def second_detector() -> TextDetector:
    """The detector that verification works with."""
    return TextDetector(scale=VERIFY_SCALE, side_min=VERIFY_SIDE_MIN)


@lru_cache(maxsize=1)
def reader() -> TextReader:
    """The recogniser."""
    return TextReader()


def inspector(policy: MaskPolicy = MaskPolicy.ALL_TEXT) -> Inspector:
    """A fresh inspector over this process's networks."""
    return Inspector(detector(), reader(), _reading_all(Eyes(), policy))


def second_inspector(policy: MaskPolicy = MaskPolicy.ALL_TEXT) -> Inspector:
    """A fresh inspector that sees with verification's eyes."""
    return Inspector(second_detector(), reader(), _reading_all(VERIFY_EYES, policy))


def _reading_all(eyes: Eyes, policy: MaskPolicy) -> Eyes:
    # Where harmless text stays, a name may take its place for a single frame.
    return replace(eyes, known_every=1) if policy is MaskPolicy.IDENTIFIERS else eyes


def must_hide(job: Job, texts: Sequence[Sequence[Reading]]) -> list[bool]:
    """Whether the job's policy masks each of the texts, given all readings of each.

    Texts come in reading order, since a label may betray its neighbour. One that could not be read
    every time is always masked.
    """
    if job.mask is not MaskPolicy.IDENTIFIERS:
        return [True] * len(texts)
    best = [
        max((r for r in readings), key=lambda r: r.score, default=NOTHING) for readings in texts
    ]
    betrayed = must_mask_together([reading.text for reading in best], _names(job.names))
    return [
        hidden or _hides_one(job, readings)
        for hidden, readings in zip(betrayed, texts, strict=True)
    ]


def _hides_one(job: Job, readings: Sequence[Reading]) -> bool:
    return not all(
        reading.readable and not must_mask(reading.text, _names(job.names)) for reading in readings
    )


@lru_cache(maxsize=4)
def _names(own: Path | None) -> NameList:
    return NameList.default(own)
