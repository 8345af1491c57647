"""Keeping an eye on a moving picture: looking for text again only where something has changed.

Every frame goes through the stroke test. Where strokes have appeared, and where a known text is no
longer what it was, the detector looks at that part of the picture; all else is as it was at the
last look. Now and then it looks at everything, in case both have overlooked something.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from supervisor_core.cleaning.detector import Picture, Quad, Region, TextDetector, cover
from supervisor_core.cleaning.looking import plain_look
from supervisor_core.cleaning.reader import TextReader
from supervisor_core.cleaning.strokes import Cells, Patch, Strokes, StrokeTest, pooled
from supervisor_core.media.frames import Frame

# Above this share of the picture one look at everything costs less than many at its parts.
WHOLE_SHARE = 0.6
AROUND = np.ones((3, 3), np.uint8)
# A text that reaches the rim of a part may go on beyond it.
RIM_PX, GROWTHS = 3.0, 6
ROOM_PX = 8


@dataclass
class Effort:
    """How often the detector was called, and on how much of the pictures (1 is one whole frame)."""

    calls: int = 0
    frames: float = 0.0

    def __add__(self, other: "Effort") -> "Effort":
        return Effort(self.calls + other.calls, self.frames + other.frames)


@dataclass(frozen=True)
class _Looked:
    """A part of the picture and the texts in it; None when a part is not enough to tell."""

    patch: Patch
    regions: list[Region] | None


@dataclass
class Watch:
    """The texts of the present frame; `fresh` are those that were looked at on this very frame."""

    detector: TextDetector
    reader: TextReader
    test: StrokeTest
    regions: list[Region] = field(default_factory=list)
    fresh: set[Region] = field(default_factory=set)
    effort: Effort = field(default_factory=Effort)
    _looked: int = 0

    def look(self, frame: Frame, strokes: Strokes | None = None) -> list[Region]:
        """Returns the text regions of the next frame, whose strokes may be measured already."""
        strokes = strokes or self.test.measure(frame)
        risen = self.test.test(strokes, self._known(strokes.sums.shape[1:]))
        eyes = self.test.eyes
        if risen is None or frame.index - self._looked >= eyes.look_every:
            return self._look_everywhere(frame)
        self.fresh = set()
        wanted = risen.strong | risen.faint
        if frame.index % eyes.known_every == 0:
            wanted |= self._lost(wanted)
        else:
            wanted &= ~self._covered(strokes.luma.shape)
        if wanted.any():
            return self._look_at_parts(frame, wanted)
        return self.regions

    def _known(self, shape: tuple[int, ...]) -> Cells:
        known = np.zeros(shape, np.bool_)
        for region in self.regions:
            known[self._patch(region, known).cells] = True
        return known

    def _covered(self, shape: tuple[int, ...]) -> Cells:
        """The cells that lie inside known texts: what comes up there is masked already."""
        inside = pooled(255 * cover(self.regions, *shape[:2]), self.test.cell_px) == 255
        return np.asarray(inside, np.bool_)

    def _lost(self, cells: Cells) -> Cells:
        """The cells of known texts that are no longer what or where they were."""
        lost = np.zeros_like(cells)
        changed = self.test.changed() if self.regions else cells
        for region in self.regions:
            place = self._patch(region, cells).cells
            if changed[place].any() and not self.test.stands(region.box):
                lost[place] = True
        return lost

    def _look_everywhere(self, frame: Frame) -> list[Region]:
        self._looked = frame.index
        self.effort.calls += 1
        self.effort.frames += 1
        self.regions = plain_look(self.detector, self.reader, frame.bgr())
        self.fresh = set(self.regions)
        self.test.looked_at_all()
        return self.regions

    def _look_at_parts(self, frame: Frame, wanted: Cells) -> list[Region]:
        """Looks at the parts until no text reaches a rim; at everything when that costs less."""
        waiting, done = self._closed(_patches(wanted), wanted), list[_Looked]()
        for _ in range(GROWTHS):
            if sum(patch.area for patch in waiting) > WHOLE_SHARE * wanted.size:
                break
            found = [
                _Looked(*one) for one in zip(waiting, self._look_at(frame, waiting), strict=True)
            ]
            done += found
            if any(one.regions is None for one in found):
                break
            grown = self._closed([self._grown(one, wanted) for one in done], wanted)
            done = [one for one in done if one.patch in grown]
            waiting = [patch for patch in grown if patch not in [one.patch for one in done]]
            if not waiting:
                return self._take(done, wanted)
        return self._look_everywhere(frame)

    def _take(self, done: list[_Looked], cells: Cells) -> list[Region]:
        found = [region for one in done for region in one.regions or ()]
        kept = [
            region
            for region in self.regions
            if not any(one.patch.touches(self._patch(region, cells)) for one in done)
        ]
        for one in done:
            self.test.looked_at(one.patch)
        self.regions = kept + found
        self.fresh = set(found)
        return self.regions

    def _look_at(self, frame: Frame, patches: list[Patch]) -> list[list[Region] | None]:
        self.effort.calls += len(patches)
        shares = (patch.area * self.test.cell_px**2 / frame.luma.size for patch in patches)
        self.effort.frames += sum(shares)
        places = [patch.pixels(self.test.cell_px) for patch in patches]
        return [self.detector.find_in_part(frame, *place) for place in places]

    def _grown(self, looked: _Looked, cells: Cells) -> Patch:
        """The part, larger where a text reaches its rim and the picture goes on."""
        patch = looked.patch
        rows, columns = patch.pixels(self.test.cell_px)
        for region in looked.regions or ():
            x0, y0, x1, y1 = region.box
            more = 1 + round(2 * region.thickness / self.test.cell_px)
            patch = Patch(
                patch.top - more * (y0 < rows.start + RIM_PX),
                patch.left - more * (x0 < columns.start + RIM_PX),
                patch.bottom + more * (y1 > rows.stop - RIM_PX),
                patch.right + more * (x1 > columns.stop - RIM_PX),
            )
        return _within(patch, cells)

    def _patch(self, region: Region, cells: Cells) -> Patch:
        x0, y0, x1, y1 = (side / self.test.cell_px for side in region.box)
        return _within(Patch(int(y0), int(x0), int(y1) + 1, int(x1) + 1), cells)

    def _closed(self, patches: list[Patch], cells: Cells) -> list[Patch]:
        """The patches, so large that no known text lies partly outside, and no two touch."""
        known = [self._patch(region, cells) for region in self.regions]
        while True:
            reached = [one for one in known if any(one.touches(patch) for patch in patches)]
            closed = _merged([*patches, *reached])
            if set(closed) == set(patches):
                return closed
            patches = closed


def part_around(frame: Frame, region: Region) -> tuple[Picture, Quad]:
    """The BGR picture of a region with a little room around it, and the region's place in it."""
    (x0, y0, x1, y1), (height, width) = region.box, frame.luma.shape
    top, left = (max(int(side) - ROOM_PX, 0) // 2 * 2 for side in (y0, x0))
    bottom, right = min(int(y1) + ROOM_PX, height), min(int(x1) + ROOM_PX, width)
    part = frame.cut(slice(top, max(bottom, top + 2)), slice(left, max(right, left + 2)))
    return part.bgr(), region.quad - np.array([left, top], np.float32)


def _within(patch: Patch, cells: Cells) -> Patch:
    rows, columns = cells.shape
    return Patch(
        max(patch.top, 0), max(patch.left, 0), min(patch.bottom, rows), min(patch.right, columns)
    )


def _patches(wanted: Cells) -> list[Patch]:
    """Rectangles around the wanted cells, with room around them."""
    wide = cv2.dilate(wanted.astype(np.uint8), AROUND)
    _, _, stats, _ = cv2.connectedComponentsWithStats(wide)
    boxes = (
        (int(y), int(x), int(y + height), int(x + width)) for x, y, width, height, _ in stats[1:]
    )
    return _merged([Patch(*box) for box in boxes])


def _merged(patches: list[Patch]) -> list[Patch]:
    """The same cells in patches of which no two touch."""
    merged: list[Patch] = []
    for patch in patches:
        while touching := [other for other in merged if other.touches(patch)]:
            merged = [other for other in merged if other not in touching]
            for other in touching:
                patch = patch.joined(other)
        merged.append(patch)
    return merged
