"""The frames of a DICOM cine as a video's frames, so that one path cleans both."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from supervisor_core.media.dicom import FALLBACK_RATE, read_dicom
from supervisor_core.media.frames import Colour, Frame, Timeline, frame_of

# BT.601, video range: what OpenCV's conversion from BGR gives.
_COLOUR = Colour(1, 6, 6, 6)


class CineFrames:
    """Reads the frames of one multi-frame DICOM file, front to back, once; see `VideoFrames`."""

    def __init__(self, path: Path) -> None:
        self._file = read_dicom(path)
        self.path = path
        self.count = 0
        self.timeline = Timeline()
        self.rate = Fraction(self._file.frames_per_second or FALLBACK_RATE).limit_denominator(1001)
        self.time_base = 1 / self.rate
        self.aspect: Fraction | None = None
        self.colour = _COLOUR

    def __iter__(self) -> Iterator[Frame]:
        for picture in self._file.frames():
            frame = frame_of(picture, self.count, self.count)
            self.timeline.add(self.count * self.time_base)
            self.count += 1
            yield frame
