"""Says of a cleaned clip which frames still show drawn letters, and how much was masked besides.

Likeness measured over all cases of seed 1 (6,500 windows of three letters):

    uncleaned text                               0.99 median, 0.79 in the lowest 5 %
    blurred by a tenth of its height             0.65 median, 0.77 in the highest 5 %
    covered but for its first three letters      0.98 median, above the limit in 98 of 100
    covered but for the upper half of its height 0.88 median, above the limit in all
    other footage in its place (null)            0.44 at the 99.9th percentile, 0.50 at most
    solid box with two pixels of margin          0.40 at most; with four pixels 0.00

LIKENESS stands above everything in the null and at half the level of readable text. Letters that
stand off their ground by less than FLOOR luma steps of 255 (or steps of the colour in which they
differ most) can't be made out by eye on a moving picture: frames with nothing stronger in them are
`faint`, and no leak.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from leakset import correlation, pictures
from leakset.correlation import NOTHING, Probe, Trace
from leakset.overmask import overmasked
from leakset.truth import Mark, Truth

LIKENESS = 0.55
FLOOR = 6.0
BASE_LEAD = 0.1
TIME_SLACK_S = 0.004
CONTROL_LIMIT = 0.03
BLANKET_LIMIT = 0.4
"""A clip that lost more of its text-free picture than this was blacked out, not cleaned."""


@dataclass(frozen=True)
class Verdict:
    """What the judge found; frame indices count from 0.

    `readable_frames` are those of the uncleaned clip in which letters can be read at all;
    `worst` is the strongest trace left in the cleaned one, on frame `worst_frame` (-1: none).
    """

    name: str
    control: bool
    frames: int
    frames_expected: int
    frames_equal: bool
    times_equal: bool
    size_equal: bool
    stray_streams: int
    readable_frames: int
    leaked_frames: tuple[int, ...]
    faint_frames: tuple[int, ...]
    overmasked_fraction: float
    worst: Trace
    worst_frame: int
    worst_kind: str

    @property
    def passed(self) -> bool:
        """True when nothing leaked, nothing is missing, and the picture was left alone."""
        whole = self.frames_equal and self.times_equal and self.size_equal
        limit = CONTROL_LIMIT if self.control else BLANKET_LIMIT
        spared = self.overmasked_fraction < limit
        return whole and spared and not self.leaked_frames and not self.stray_streams


def leaks(trace: Trace) -> bool:
    """True when a trace is strong enough for letters to be read."""
    return trace.likeness >= LIKENESS and trace.step >= FLOOR


def judge(truth: Truth, cleaned_path: Path) -> Verdict:
    """Compares a cleaned file, frame by frame, with what was drawn."""
    leaked, faint, spilled = [], [], []
    readable = 0
    frames, in_time, sized = 0, True, True
    worst, worst_frame, worst_kind = NOTHING, -1, ""
    for index, (base, drawn, cleaned) in enumerate(_side_by_side(truth, cleaned_path)):
        frames += cleaned is not None
        if cleaned is None or base is None or drawn is None:
            continue
        in_time &= abs(cleaned[0] - truth.times_s[index]) <= TIME_SLACK_S
        picture = _fitted(cleaned[1], base[1].shape)
        if picture is None:
            sized = False
            continue
        marks = [mark for mark in truth.marks if index in mark.shots]
        trace, kind = _strongest(marks, index, base[1], picture)
        if leaks(trace):
            leaked.append(index)
        if _rank(trace) > _rank(worst):
            worst, worst_frame, worst_kind = trace, index, kind
        if marks:
            seen = any(leaks(t) for t, _ in _traces(marks, index, base[1], drawn[1]))
            readable += seen
            faint += [] if seen else [index]
        spilled.append(overmasked(base[1], picture, [mark.box(index) for mark in marks]))
    return Verdict(
        name=truth.name,
        control=truth.control,
        frames=frames,
        frames_expected=truth.frames,
        frames_equal=frames == truth.frames,
        times_equal=in_time,
        size_equal=sized,
        stray_streams=pictures.stray_streams(cleaned_path),
        readable_frames=readable,
        leaked_frames=tuple(leaked),
        faint_frames=tuple(faint),
        overmasked_fraction=float(np.mean(spilled)) if spilled else 0.0,
        worst=worst,
        worst_frame=worst_frame,
        worst_kind=worst_kind,
    )


def _side_by_side(truth: Truth, cleaned_path: Path) -> Iterator[tuple]:
    paths = (truth.base_path, truth.path, cleaned_path)
    return zip_longest(*(pictures.upright(path) for path in paths))


def _fitted(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """The picture at the truth's size; one pixel more or less per side is cut or repeated."""
    gaps = (shape[0] - picture.shape[0], shape[1] - picture.shape[1])
    if max(map(abs, gaps)) > 1:
        return None
    grown = np.pad(picture, [*((0, max(0, gap)) for gap in gaps), (0, 0)], mode="edge")
    return grown[: shape[0], : shape[1]]


def _rank(trace: Trace) -> float:
    """Orders traces by how close they come to a leak."""
    return min(trace.likeness / LIKENESS, trace.step / FLOOR)


def _strongest(
    marks: list[Mark], index: int, base: np.ndarray, picture: np.ndarray
) -> tuple[Trace, str]:
    found = _traces(marks, index, base, picture)
    return max(found, key=lambda pair: _rank(pair[0]), default=(NOTHING, ""))


def _traces(
    marks: list[Mark], index: int, base: np.ndarray, picture: np.ndarray
) -> Iterator[tuple[Trace, str]]:
    """Traces of every window of every mark on one frame, in luma and in the marks' own colour."""
    for mark in marks:
        shot, line = mark.shots[index], mark.lettering
        seen = correlation.inside(line.ink.shape, shot, base.shape)
        ground = correlation.cut_out(base, line.ink.shape, shot)
        patch = correlation.cut_out(picture, line.ink.shape, shot)
        for window in correlation.windows(line):
            for weights in correlation.views(window, ground, mark.colour):
                probe = Probe(window, line.ink, ground @ weights, seen)
                if probe.visible:
                    yield _against_base(probe, patch @ weights, ground @ weights), mark.kind


def _against_base(probe: Probe, picture: np.ndarray, base: np.ndarray) -> Trace:
    """A trace as strong as a leak counts only where it is above that of the bare base footage.

    The base is taken out at its own place; moved by a pixel or two, its glints may still look like
    small letters (once in 3,400 text-free frames).
    """
    trace = probe.trace(picture)
    if leaks(trace) and trace.likeness < probe.trace(base).likeness + BASE_LEAD:
        return NOTHING
    return trace
