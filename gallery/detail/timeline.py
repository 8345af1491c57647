"""Spans on a line: when something was masked, when a recording lacks something."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.pipeline.masked_times import masked_times
from supervisor_core.store.outputs import Output
from supervisor_core.store.recordings import Session
from supervisor_core.store.segments import GapRow

WIDTH = 1000.0
"""Of every line, in units of its own; the page stretches it."""
_NARROWEST = 2.0


@dataclass(frozen=True)
class Mark:
    """A span: its place on the line in units of `WIDTH`, its start in seconds, and what it is."""

    left: float
    width: float
    start_s: float
    words: str


@dataclass(frozen=True)
class Timeline:
    """A line of so many seconds, with its spans in order."""

    seconds: float
    marks: Sequence[Mark]


def mask_timeline(output: Output, seconds: float | None) -> Timeline | None:
    """When texts were masked; None for a still or a file of an older version."""
    spans = masked_times(output)
    if not seconds or not spans:
        return None
    marks = [
        _mark(start, end, seconds, f"masked from {start:.1f} s to {end:.1f} s")
        for start, end in spans
    ]
    return Timeline(seconds, marks)


def gap_timeline(session: Session, gaps: Sequence[GapRow], now: datetime) -> Timeline | None:
    """When nothing was recorded, and why, from the beginning of a session to its end or now."""
    seconds = ((session.ended or now) - session.started).total_seconds()
    if seconds <= 0 or not gaps:
        return None
    marks = []
    for gap in gaps:
        start = (gap.started - session.started).total_seconds()
        end = (gap.ended - session.started).total_seconds()
        words = f"{gap.started:%H:%M:%S} to {gap.ended:%H:%M:%S} UTC: {gap.reason}"
        marks.append(_mark(start, end, seconds, words))
    return Timeline(seconds, marks)


def _mark(start_s: float, end_s: float, seconds: float, words: str) -> Mark:
    left = min(max(start_s / seconds, 0.0), 1.0) * WIDTH
    right = min(max(end_s / seconds, 0.0), 1.0) * WIDTH
    width = max(_NARROWEST, right - left)
    return Mark(round(min(left, WIDTH - width), 2), round(width, 2), start_s, words)
