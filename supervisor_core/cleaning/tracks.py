"""Which regions belong to one text over time, and what to paint on each frame because of it.

A detector blinks: it misses a fading letter, takes half a word, drops a frame. So a text that was
trusted once is masked from a while before its first sighting until a while after its last one, and
through every gap between. A text that stands still gets the union of all its regions the whole
time; one that moves gets each region for a few frames around its own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np

from supervisor_core.cleaning.detector import Quad, Region
from supervisor_core.cleaning.reader import NOTHING, Reading

# A second at 25 frames/s: fades in our footage are shorter; a trusted track may pause that long.
HOLD_FRAMES = 25
# What could not be read once is mostly texture: masked where it is seen, but not for long around.
SHORT_HOLD_FRAMES = 2
MOVING_HOLD_FRAMES = 6
SAME_TEXT_OVERLAP = 0.3
SPAN_MARGIN_PX = 2.0


@dataclass(eq=False)
class Span:
    """A quad that covers a text on all frames from `first` to `last` (both included)."""

    first: int
    last: int
    quad: Quad

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """The upright rectangle around the quad: x0, y0, x1, y1."""
        (x0, y0), (x1, y1) = self.quad.min(axis=0), self.quad.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)


@dataclass(eq=False)
class Track:
    """One text over time."""

    spans: list[Span] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    sightings: int = 0

    @property
    def first(self) -> int:
        """The first frame on which it was seen."""
        return self.spans[0].first

    @property
    def last(self) -> int:
        """The last frame on which it was seen."""
        return self.spans[-1].last

    @property
    def best(self) -> Reading:
        """The surest reading so far."""
        return max(self.readings, key=lambda reading: reading.score, default=NOTHING)

    @property
    def trusted(self) -> bool:
        """True when it was read at least once; texture never is."""
        return any(reading.readable for reading in self.readings)

    def see(self, frame: int, region: Region) -> None:
        """Takes in the region in which the text was seen on a frame."""
        self.sightings += 1
        if self.spans and _covers(self.spans[-1].quad, region.quad):
            self.spans[-1].last = frame
        else:
            self.spans.append(Span(frame, frame, _widened(region.quad, SPAN_MARGIN_PX)))

    def stands_still(self) -> bool:
        """True when the text never moved by more than its own height."""
        boxes = np.array([span.box for span in self.spans])
        sizes = boxes[:, 2:] - boxes[:, :2]
        roam = boxes[:, 2:].max(axis=0) - boxes[:, :2].min(axis=0) - sizes.max(axis=0)
        return bool(roam.max() <= sizes.min(axis=1).max())

    def painted(self) -> Iterator[Span]:
        """Yields what to paint and on which frames (they may lie before the first frame)."""
        if not self.trusted:
            yield from (_held(span, SHORT_HOLD_FRAMES) for span in self.spans)
        elif self.stands_still():
            whole = _held(Span(self.first, self.last, self.spans[0].quad), HOLD_FRAMES)
            yield from (Span(whole.first, whole.last, span.quad) for span in self.spans)
        else:
            yield from self._painted_moving()

    def _painted_moving(self) -> Iterator[Span]:
        yield from (_held(span, MOVING_HOLD_FRAMES) for span in self.spans)
        for before, after in pairwise(self.spans):
            yield Span(before.last, after.first, before.quad)
            yield Span(before.last, after.first, after.quad)
        yield Span(self.first - HOLD_FRAMES, self.first, self.spans[0].quad)
        yield Span(self.last, self.last + HOLD_FRAMES, self.spans[-1].quad)


class Tracker:
    """Sorts the regions of frame after frame into tracks; `live` are those that may go on."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self.live: list[Track] = []

    def see(self, frame: int, regions: list[Region]) -> list[Track]:
        """Takes in a frame's regions and returns the track of each, in their order."""
        self.live = [track for track in self.live if frame - track.last <= HOLD_FRAMES]
        free = list(self.live)
        seen = []
        for region in regions:
            track = self._track_of(region, free)
            free = [other for other in free if other is not track]
            track.see(frame, region)
            seen.append(track)
        return seen

    def _track_of(self, region: Region, free: list[Track]) -> Track:
        overlaps = [(overlap(region.box, track.spans[-1].box), track) for track in free]
        share, nearest = max(overlaps, key=lambda pair: pair[0], default=(0.0, None))
        if nearest is not None and share >= SAME_TEXT_OVERLAP:
            return nearest
        track = Track()
        self.tracks.append(track)
        self.live.append(track)
        return track


def in_reading_order(tracks: Iterable[Track]) -> list[Track]:
    """The tracks from top to bottom and from left to right, by where each was first seen."""
    return sorted(tracks, key=lambda track: track.spans[0].box[1::-1])


class MaskPlan:
    """Which quads to paint on which frame; ask for the frames in rising order."""

    def __init__(self, spans: list[Span]) -> None:
        self._waiting = sorted(spans, key=lambda span: span.first, reverse=True)
        self._active: list[Span] = []

    def quads_at(self, frame: int) -> list[Quad]:
        """Returns the quads of one frame; the same list object as long as nothing changes."""
        while self._waiting and self._waiting[-1].first <= frame:
            self._active = [*self._active, self._waiting.pop()]
        if any(span.last < frame for span in self._active):
            self._active = [span for span in self._active if span.last >= frame]
        return [span.quad for span in self._active]


def overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> float:
    """Intersection over union of two upright boxes (0-1)."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def _held(span: Span, frames: int) -> Span:
    return Span(span.first - frames, span.last + frames, span.quad)


def _covers(outer: Quad, inner: Quad) -> bool:
    return all(cv2.pointPolygonTest(outer, (float(x), float(y)), True) >= -0.5 for x, y in inner)


def _widened(quad: Quad, margin_px: float) -> Quad:
    center, (width, height), angle = cv2.minAreaRect(quad)
    grown = (width + 2 * margin_px, height + 2 * margin_px)
    return cv2.boxPoints((center, grown, angle)).astype(np.float32)
