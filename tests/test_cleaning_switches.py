"""Where harmless words may stay visible, a name that takes their place is still found."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from cleaning_builders import is_covered, job_for, shown
from clip_builders import write_clip, written

from supervisor_core.cleaning.ladder import clean, verify
from supervisor_core.media.policy import MaskPolicy

COUNT, SWITCH = 16, 8
GROUND = np.full((240, 320, 3), 60, np.uint8)
Line = Callable[[str], np.ndarray]


def faint(text: str) -> np.ndarray:
    return written(GROUND, text, (20, 60), colour=(85, 85, 85))


def bright(text: str) -> np.ndarray:
    return written(GROUND, text, (20, 60))


def _switched(line: Line, share_at: Callable[[int], float]) -> list[np.ndarray]:
    before, after = line("ZOOM"), line("MEYER")
    return [
        cv2.addWeighted(before, 1 - share_at(index), after, share_at(index), 0)
        for index in range(COUNT)
    ]


def at_once(index: int) -> float:
    return float(index >= SWITCH)


def slowly(index: int) -> float:
    return min(1.0, max(0.0, (index - 2) / 11))


@pytest.mark.parametrize("line", [faint, bright])
@pytest.mark.parametrize("share_at", [at_once, slowly])
def test_a_name_in_the_place_of_a_harmless_word_is_covered(
    line: Line, share_at: Callable[[int], float], tmp_path: Path
) -> None:
    source = write_clip(tmp_path / "in.mp4", _switched(line, share_at))
    job = job_for(source, tmp_path / "out.mp4", mask=MaskPolicy.IDENTIFIERS)
    report = clean(job)
    assert is_covered(shown(job.destination)[-1], "MEYER")
    assert verify(job, report).verified


def test_a_name_at_the_end_of_a_long_harmless_line_is_covered(tmp_path: Path) -> None:
    text, place = "LIGHT SOURCE POWER {}", (10, 60)
    pictures = [
        written(GROUND, text.format("KOHL" if index >= SWITCH else "MAX"), place, 0.5)
        for index in range(COUNT)
    ]
    source = write_clip(tmp_path / "in.mp4", pictures)
    job = job_for(source, tmp_path / "out.mp4", mask=MaskPolicy.IDENTIFIERS)
    clean(job)
    assert is_covered(shown(job.destination)[-1], text.format("KOHL"), place, 0.5)


def test_a_harmless_line_alone_stays_visible(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", [bright("ZOOM")] * COUNT)
    job = job_for(source, tmp_path / "out.mp4", mask=MaskPolicy.IDENTIFIERS)
    report = clean(job)
    assert report.regions == 0
    assert not is_covered(shown(job.destination)[-1], "ZOOM")
