"""Frames in: every picture of a video, upright, as 8-bit YUV 4:2:0 planes, in order of showing.

The planes are what the encoder takes and what masks are painted into, so a frame costs no round
trip through RGB. Rotation and mirroring flags are applied to the pixels here and nowhere else.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import cv2
import numpy as np
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream
from numpy.typing import NDArray

from supervisor_core.media.container import open_container, packets, picture_stream
from supervisor_core.media.damage import damaged
from supervisor_core.media.orientation import Orientation
from supervisor_core.media.stamps import Stamps
from supervisor_core.reasons import Failed, Reason

Plane = NDArray[np.uint8]
FALLBACK_TIME_BASE = Fraction(1, 90_000)
FALLBACK_RATE = Fraction(25)


@dataclass(frozen=True)
class Colour:
    """How the numbers in the planes are meant (the codes of ITU-T H.273)."""

    range_: int
    matrix: int
    primaries: int
    transfer: int


@dataclass(frozen=True)
class Frame:
    """One upright picture.

    `time` is counted in units of the stream's time base from the start of the container. The
    planes are uint8: luma (height, width), chroma half of that each way, rounded up.
    """

    index: int
    time: int
    luma: Plane
    blue: Plane
    red: Plane

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        """Luma and both chroma planes."""
        return self.luma, self.blue, self.red

    @property
    def height(self) -> int:
        """Rows of the picture."""
        return int(self.luma.shape[0])

    @property
    def width(self) -> int:
        """Columns of the picture."""
        return int(self.luma.shape[1])

    def cut(self, rows: slice, columns: slice) -> Self:
        """A part of the picture (a view); the slices begin at even places."""
        half = tuple(slice(one.start // 2, -(-one.stop // 2)) for one in (rows, columns))
        return replace(
            self, luma=self.luma[rows, columns], blue=self.blue[half], red=self.red[half]
        )

    def same_picture(self, other: "Frame | None") -> bool:
        """True when every sample of both pictures is equal."""
        return other is not None and all(
            np.array_equal(mine, theirs)
            for mine, theirs in zip(self.planes, other.planes, strict=True)
        )

    def bgr(self) -> Plane:
        """The picture as BGR uint8 (height, width, 3), good enough to look at, not for output."""
        height, width = self.luma.shape
        stacked = np.zeros((_even(height) * 3 // 2, _even(width)), dtype=np.uint8)
        chroma = stacked[_even(height) :].reshape(2, _even(height) // 2, _even(width) // 2)
        stacked[:height, :width] = self.luma
        stacked[height : _even(height), :width] = self.luma[-1:]
        chroma[0], chroma[1] = self.blue, self.red
        picture = cv2.cvtColor(stacked, cv2.COLOR_YUV2BGR_I420)[:height, :width]
        return np.asarray(picture, dtype=np.uint8)


class VideoFrames:
    """Reads the frames of one video file, front to back, once.

    `timeline` and `count` describe what was read so far. Raises `Failed` as `open_container` does,
    FRAME_EXTRACTION_FAILED when there is no frame at all, DECODE_FAILED when the data is damaged
    somewhere: a file of which a part can't be looked at can't be called clean.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.timeline = Timeline()
        self.time_base = FALLBACK_TIME_BASE
        self.rate = FALLBACK_RATE
        self.aspect: Fraction | None = None
        self.colour = Colour(1, 2, 2, 2)
        self._stamps = Stamps(self.time_base)
        self._rotation: int | None = None
        self._orientation = Orientation()

    def __iter__(self) -> Iterator[Frame]:
        with open_container(self.path) as container:
            stream = picture_stream(container)
            stream.thread_type = "AUTO"
            self.time_base = stream.time_base or FALLBACK_TIME_BASE
            self.rate = stream.average_rate or stream.guessed_rate or FALLBACK_RATE
            self.aspect = stream.sample_aspect_ratio or None
            start = _start(container.start_time, self.time_base)
            self._stamps = Stamps(self.time_base)
            for decoded in self._decoded(container, stream):
                yield self._frame(decoded, start)
        if self.count == 0:
            raise Failed(Reason.FRAME_EXTRACTION_FAILED)

    def _decoded(
        self, container: av.container.InputContainer, stream: VideoStream
    ) -> Iterator[av.VideoFrame]:
        frames = (frame for packet in packets(container, stream) for frame in packet.decode())
        while True:
            with damaged(Reason.DECODE_FAILED, frame=self.count):
                decoded = next(frames, None)
            if decoded is None:
                return
            yield decoded

    def _frame(self, decoded: av.VideoFrame, start: int) -> Frame:
        orientation = self._orientation_of(decoded)
        if self.count == 0:
            self._learn(decoded, orientation)
        time = self._time(decoded, start)
        with damaged(Reason.DECODE_FAILED, frame=self.count):
            flat = decoded.reformat(format="yuv420p", dst_color_range=ColorRange.MPEG)
        luma, blue, red = (
            np.ascontiguousarray(orientation.apply(plane)) for plane in _planes(flat)
        )
        frame = Frame(self.count, time, luma, blue, red)
        self.timeline.add(time * self.time_base)
        self.count += 1
        return frame

    def _orientation_of(self, decoded: av.VideoFrame) -> Orientation:
        # Looking into a frame's side data ties it into a cycle, and hundreds of frames would wait
        # for the garbage collector: so only where the frames begin to be turned otherwise.
        if decoded.rotation != self._rotation:
            self._rotation, self._orientation = decoded.rotation, Orientation.of_frame(decoded)
        return self._orientation

    def _learn(self, decoded: av.VideoFrame, orientation: Orientation) -> None:
        # Converting from RGB gives BT.601; its own code (0) would tell players not to convert back.
        self.colour = Colour(
            int(ColorRange.MPEG),
            6 if decoded.format.is_rgb else int(decoded.colorspace),
            int(decoded.color_primaries),
            int(decoded.color_trc),
        )
        if self.aspect and orientation.quarter_turns % 2:
            self.aspect = 1 / self.aspect

    def _time(self, decoded: av.VideoFrame, start: int) -> int:
        stamp = decoded.pts if decoded.pts is not None else decoded.dts
        step = round(1 / (self.rate * self.time_base))
        if stamp is not None:
            stamp = max(stamp - start, 0) if self.count == 0 else stamp - start
        return self._stamps.take(stamp, step)


class Timeline:
    """A digest of when each frame is shown, so that two files can be compared frame by frame."""

    def __init__(self) -> None:
        self.last_s = 0.0
        self._first: Fraction | None = None
        self._hash = hashlib.sha256()

    def add(self, time_s: Fraction) -> None:
        """Takes in the next frame's time in seconds, exact to the microsecond."""
        self.last_s = float(time_s)
        self._first = time_s if self._first is None else self._first
        # Rounded after it is counted from the first: a copy that begins at 0 rounds the same then.
        self._hash.update(_microseconds(time_s - self._first).to_bytes(8, "big", signed=True))

    def digest(self, *, beside_sound: bool = False) -> str:
        """SHA-256 over all times so far, counted from the first frame.

        Beside sound it says as well when that is: without any the file begins with the picture.
        """
        start = self._first if beside_sound else None
        return f"{self._hash.hexdigest()}+{_microseconds(start or Fraction(0))}"


def _microseconds(time_s: Fraction) -> int:
    return round(time_s * 1_000_000)


def _planes(frame: av.VideoFrame) -> Iterator[Plane]:
    for plane in frame.planes:
        yield samples_of(plane)[:, : plane.width]


def samples_of(plane: VideoPlane) -> Plane:
    """The memory of one of PyAV's planes (rows, bytes in a row), padding included."""
    return np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(plane.height, plane.line_size)


def frame_of(picture: Plane, index: int, time: int) -> Frame:
    """A frame made of a BGR picture (BT.601, video range), for sources that are not video files."""
    height, width = picture.shape[:2]
    padded = cv2.copyMakeBorder(
        picture, 0, height % 2, 0, width % 2, borderType=cv2.BORDER_REPLICATE
    )
    stacked = np.asarray(cv2.cvtColor(padded, cv2.COLOR_BGR2YUV_I420), dtype=np.uint8)
    rows, columns = _even(height), _even(width)
    chroma = stacked[rows:].reshape(2, rows // 2, columns // 2)
    return Frame(index, time, stacked[:height, :width], chroma[0], chroma[1])


def _start(start_us: int | None, time_base: Fraction) -> int:
    return round(Fraction(start_us or 0, av.time_base) / time_base)


def _even(length: int) -> int:
    return length + length % 2
