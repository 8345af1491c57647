"""Jobs for the cleaner, and a judge of its results that never asks the detector."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from clip_builders import NAME, as_players_do, box_of

from supervisor_core.cleaning.job import CleanReport, Job, Level
from supervisor_core.cleaning.ladder import verify
from supervisor_core.media.kinds import Container, identify
from supervisor_core.media.policy import AudioPolicy, MaskPolicy
from supervisor_core.media.stills import read_still
from supervisor_core.reasons import Failed, Reason


def job_for(source: Path, destination: Path, **changes: Any) -> Job:
    """A job at frame level that masks all text and drops sound, unless changed."""
    fields: dict[str, Any] = {
        "container": identify(source, name=""),
        "level": Level.FRAME_LEVEL,
        "mask": MaskPolicy.ALL_TEXT,
        "audio": AudioPolicy.DROP,
    }
    return Job(source, destination, **(fields | changes))


def outcome(job: Job, report: CleanReport) -> Reason | None:
    """What verification says of a finished file: None when it is clean."""
    try:
        return verify(job, report).reason
    except Failed as failed:
        return failed.reason


def shown(path: Path) -> list[np.ndarray]:
    """The BGR pictures of a cleaned file, whatever its kind."""
    if identify(path, name="") in (Container.PNG, Container.JPEG):
        return [read_still(path)]
    return as_players_do(path)


def is_covered(
    picture: np.ndarray, text: str = NAME, at: tuple[int, int] = (20, 60), scale: float = 0.8
) -> bool:
    """True when the place where the text was drawn is black and flat."""
    place = picture[box_of(text, at, scale)]
    return float(place.mean()) < 24 and float(place.std()) < 12


def all_covered(
    pictures: Sequence[np.ndarray],
    text: str = NAME,
    at: tuple[int, int] = (20, 60),
    scale: float = 0.8,
) -> bool:
    """True when the text's place is covered on every one of the pictures."""
    return all(is_covered(picture, text, at, scale) for picture in pictures)


def differ(one: np.ndarray, two: np.ndarray, text: str, at: tuple[int, int]) -> float:
    """How much two pictures differ where the text was drawn (mean of 0-255)."""
    place = box_of(text, at)
    return float(abs(one[place].astype(int) - two[place]).mean())
