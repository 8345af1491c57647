"""Video out: upright pictures become an H.264 MP4 that holds the pictures and nothing else.

Only one video stream (and the sound, where the profile keeps it) is mapped. No title, no chapter,
no encoder name, no user-data SEI: x264 writes its settings into one, so SEI units are filtered out
of the finished stream. The number of threads is fixed, since it changes x264's output.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from supervisor_core.media.container import open_container, picture_stream
from supervisor_core.media.damage import damaged
from supervisor_core.media.frames import Colour, Frame, Plane
from supervisor_core.reasons import Failed, Reason

PRESET, CRF, THREADS = "veryfast", "18", 2
# Slices, parameter sets; not SEI (6), filler (12) or units of unknown use (14-31).
KEPT_UNITS = "filter_units=pass_types=1-5|7-8"
# The clock in which the container's edit list counts; the default of 1000 would round start times.
MP4_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
INT32_MAX = 2**31 - 1


class VideoWriter:
    """Writes frames to an MP4 file; use as a context manager, and publish the file after it.

    The picture's size is made even by repeating its last row or column, which 4:2:0 needs.
    Raises `Failed(ENCODE_FAILED)` when the encoder refuses the picture's size.
    """

    def __init__(
        self,
        path: Path,
        *,
        time_base: Fraction,
        rate: Fraction,
        colour: Colour,
        aspect: Fraction | None = None,
        sound: "Sound | None" = None,
    ) -> None:
        self._time_base, self._rate = time_base, rate
        self._colour, self._aspect = colour, aspect
        self._container = _bare_mp4(path, time_base)
        self._sound = sound
        self._stream: av.video.stream.VideoStream | None = None
        self._filter: BitStreamFilterContext | None = None

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with ExitStack() as stack:
            stack.callback(self._container.close)
            if kind is None:
                self._finish()

    def write(self, frame: Frame) -> None:
        """Takes the next frame; its planes are copied."""
        if self._stream is None:
            self._open(frame)
        picture = _picture(frame)
        picture.pts = frame.time
        picture.time_base = self._time_base
        with damaged(Reason.ENCODE_FAILED):
            if self._sound:
                self._sound.write_until(frame.time * self._time_base, self._container)
            self._mux(self._stream.encode(picture))

    def _open(self, frame: Frame) -> None:
        stream = self._container.add_stream("libx264", rate=self._rate)
        stream.time_base = self._time_base
        codec = stream.codec_context
        codec.time_base = self._time_base
        codec.width, codec.height = even(frame.width), even(frame.height)
        codec.pix_fmt = "yuv420p"
        codec.options = {"preset": PRESET, "crf": CRF}
        codec.thread_count = THREADS
        codec.color_range, codec.colorspace = self._colour.range_, self._colour.matrix
        codec.color_primaries, codec.color_trc = self._colour.primaries, self._colour.transfer
        if self._aspect:
            codec.sample_aspect_ratio = self._aspect
        if self._sound:
            self._sound.announce(self._container)
        self._stream = stream
        with damaged(Reason.ENCODE_FAILED):
            self._container.start_encoding()
        self._filter = BitStreamFilterContext(KEPT_UNITS, stream, stream)

    def _mux(self, packets: list[Packet]) -> None:
        for packet in packets:
            packet.stream = self._stream
            for kept in self._filter.filter(packet):
                kept.stream = self._stream
                self._container.mux(kept)

    def _finish(self) -> None:
        if self._stream is None:
            raise Failed(Reason.FRAME_EXTRACTION_FAILED)
        with damaged(Reason.ENCODE_FAILED):
            self._mux(self._stream.encode(None))
            for kept in self._filter.filter(None):
                kept.stream = self._stream
                self._container.mux(kept)
            if self._sound:
                self._sound.write_until(None, self._container)


class Sound:
    """The sound of a file whose profile keeps it: its first audio stream, without any tags.

    Sound that MP4 can hold is copied as it is; any other is encoded as AAC.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: Stream | None = None
        self._packets: Iterator[Packet] = iter(())
        self._next: Packet | None = None

    def announce(self, output: OutputContainer) -> None:
        """Adds the stream to the output before its header is written."""
        with open_container(self._path) as container:
            if not container.streams.audio:
                return
            source = container.streams.audio[0]
            copied = source.codec_context.codec.canonical_name in MP4_AUDIO
            if copied:
                self._stream = output.add_stream_from_template(source)
            else:
                self._stream = output.add_stream("aac", rate=source.codec_context.sample_rate)
            self._stream.metadata.clear()
        self._packets = self._copied() if copied else self._encoded()
        self._next = next(self._packets, None)

    def write_until(self, time_s: Fraction | None, output: OutputContainer) -> None:
        """Writes the packets that play before a time (all that are left when None)."""
        while (packet := self._next) is not None:
            if time_s is not None and packet.pts * packet.time_base > time_s:
                return
            packet.stream = self._stream
            output.mux(packet)
            self._next = next(self._packets, None)

    def _copied(self) -> Iterator[Packet]:
        with open_container(self._path) as container:
            start = Fraction(container.start_time or 0, av.time_base)
            for packet in container.demux(container.streams.audio[0]):
                if packet.dts is not None and packet.pts is not None:
                    _shift(packet, start)
                    yield packet

    def _encoded(self) -> Iterator[Packet]:
        with open_container(self._path) as container:
            start = Fraction(container.start_time or 0, av.time_base)
            resampler = av.AudioResampler(format="fltp", layout="stereo")
            for frame in container.decode(container.streams.audio[0]):
                frame.pts -= round(start / frame.time_base)
                for part in resampler.resample(frame):
                    yield from self._stream.encode(part)
            yield from self._stream.encode(None)


def copy_picture(source: Path, destination: Path) -> None:
    """Rewraps a file's H.264 stream into a bare MP4, without SEI and without any other stream.

    Whoever calls this has to know that every coded picture was looked at: see `may_copy`.
    """
    with open_container(source) as container:
        stream = picture_stream(container)
        start = Fraction(container.start_time or 0, av.time_base)
        with _bare_mp4(destination, stream.time_base) as output, damaged(Reason.ENCODE_FAILED):
            target = output.add_stream_from_template(stream)
            target.metadata.clear()
            units = BitStreamFilterContext(KEPT_UNITS, stream, target)
            packets = chain((p for p in container.demux(stream) if p.dts is not None), [None])
            for packet in chain.from_iterable(units.filter(packet) for packet in packets):
                _shift(packet, start)
                packet.stream = target
                output.mux(packet)


def may_copy(path: Path, frames_shown: int) -> bool:
    """True when a file's H.264 stream codes exactly the frames that are shown, all of their area.

    An edit list, a cropping rectangle or a packet that is dropped when played hides pictures that
    nobody inspected; they would travel along in a copy.
    """
    with open_container(path) as container:
        stream = picture_stream(container)
        codec = stream.codec_context
        # Only a stream in the MP4 form (its parameter sets begin with version 1) can be rewrapped.
        rewrappable = (codec.extradata or b"")[:1] == b"\x01"
        if codec.name != "h264" or codec.pix_fmt != "yuv420p" or not rewrappable:
            return False
        hidden_area = max(codec.coded_width - codec.width, codec.coded_height - codec.height)
        with damaged(Reason.DECODE_FAILED):
            packets = [packet.is_discard for packet in container.demux(stream) if packet.size]
    return hidden_area < 16 and len(packets) == frames_shown and not any(packets)


def _shift(packet: Packet, start_s: Fraction) -> None:
    ticks = round(start_s / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts - ticks
    packet.dts = None if packet.dts is None else packet.dts - ticks


def _bare_mp4(path: Path, time_base: Fraction) -> OutputContainer:
    options = {
        "movflags": "+faststart",
        "fflags": "+bitexact",
        "movie_timescale": str(_movie_clock(time_base)),
    }
    return av.open(f"file:{path}", "w", format="mp4", options=options)


def _movie_clock(time_base: Fraction) -> int:
    # The muxer doubles a coarse clock until it ticks at least 10,000 times a second.
    clock = time_base.denominator
    while clock < 10_000:
        clock *= 2
    return min(clock, INT32_MAX)


def _picture(frame: Frame) -> av.VideoFrame:
    picture = av.VideoFrame(even(frame.width), even(frame.height), "yuv420p")
    for plane, samples in zip(picture.planes, frame.planes, strict=True):
        _fill(plane, samples)
    return picture


def _fill(plane: av.video.plane.VideoPlane, samples: Plane) -> None:
    rows = np.frombuffer(plane, dtype=np.uint8).reshape(plane.height, plane.line_size)
    height, width = samples.shape
    rows[:height, :width] = samples
    rows[:height, width : plane.width] = samples[:, -1:]
    rows[height:, : plane.width] = rows[height - 1, : plane.width]


def even(length: int) -> int:
    """The smallest even number that is not below `length`."""
    return length + length % 2
