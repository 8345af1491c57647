"""Video out: upright pictures become an H.264 MP4 that holds the pictures and nothing else.

Only one video stream (and the sound, where the profile keeps it) is mapped. No title, no chapter,
no encoder name, no user-data SEI: x264 writes its settings into one, so SEI units are filtered out
of the finished stream. The number of threads is fixed, since it changes x264's output.
"""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

import av
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.packet import Packet
from av.video.plane import VideoPlane
from av.video.stream import VideoStream

from supervisor_core.media.container import open_container, picture_stream
from supervisor_core.media.damage import damaged
from supervisor_core.media.frames import FALLBACK_TIME_BASE, Colour, Frame, Plane, samples_of
from supervisor_core.media.stamps import Stamps
from supervisor_core.reasons import Failed, Reason

PRESET, CRF, THREADS = "veryfast", "18", 2
# Else x264 decides by the machine's instruction set and, at some widths, by uninitialised memory.
SAME_EVERYWHERE = "cpu-independent=1"
# Slices, parameter sets; not SEI (6), filler (12) or units of unknown use (14-31).
KEPT_UNITS = "filter_units=pass_types=1-5|7-8"
_UNIT_KIND, _ANEW = 0x1F, 5  # of H.264: a slice of a picture before which all is forgotten
_LENGTHS_AT = 4  # in the stream's head: how long the lengths before its units are, less one
# The clock in which the container's edit list counts; the default of 1000 would round start times.
MP4_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
INT32_MAX = 2**31 - 1
# What 1080 lines lack to whole blocks of 16; no readable line fits into it.
HIDDEN_PX_MAX = 8


class VideoWriter:
    """Writes frames to an MP4 file; use as a context manager, and publish the file after it.

    The picture's size is made even by repeating its last row or column, which 4:2:0 needs; one that
    differs from the first is scaled to it, as players do. Raises `Failed(ENCODE_FAILED)` when the
    encoder refuses the picture's size.
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
        self._pictures: _PictureStream | None = None

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
        if self._pictures is None:
            self._pictures = self._opened(frame)
        picture = _picture(frame)
        picture.pts = frame.time
        picture.time_base = self._time_base
        with damaged(Reason.ENCODE_FAILED):
            if self._sound:
                self._sound.write_until(frame.time * self._time_base, self._container)
            self._pictures.write(picture)

    def _opened(self, frame: Frame) -> "_PictureStream":
        stream = self._container.add_stream("libx264", rate=self._rate)
        stream.time_base = self._time_base
        codec = stream.codec_context
        codec.time_base = self._time_base
        codec.width, codec.height = even(frame.width), even(frame.height)
        codec.pix_fmt = "yuv420p"
        codec.options = {"preset": PRESET, "crf": CRF, "x264-params": SAME_EVERYWHERE}
        codec.thread_count = THREADS
        codec.color_range, codec.colorspace = self._colour.range_, self._colour.matrix
        codec.color_primaries, codec.color_trc = self._colour.primaries, self._colour.transfer
        if self._aspect:
            codec.sample_aspect_ratio = self._aspect
        if self._sound:
            self._sound.announce(self._container)
        with damaged(Reason.ENCODE_FAILED):
            self._container.start_encoding()
        return _PictureStream(self._container, stream)

    def _finish(self) -> None:
        if self._pictures is None:
            raise Failed(Reason.FRAME_EXTRACTION_FAILED)
        with damaged(Reason.ENCODE_FAILED):
            self._pictures.write(None)
            if self._sound:
                self._sound.write_until(None, self._container)


class _PictureStream:
    """The output's picture stream after its encoder is open, and the filter that it passes."""

    def __init__(self, container: OutputContainer, stream: VideoStream) -> None:
        self._container, self._stream = container, stream
        self._units = BitStreamFilterContext(KEPT_UNITS, stream, stream)

    def write(self, picture: av.VideoFrame | None) -> None:
        """Encodes and writes a picture; None writes what the encoder still holds."""
        for packet in self._stream.encode(picture):
            packet.stream = self._stream
            self._mux(packet)
        if picture is None:
            self._mux(None)

    def _mux(self, packet: "Packet[VideoStream] | None") -> None:
        for kept in self._units.filter(packet):
            kept.stream = self._stream
            self._container.mux(kept)


class Sound:
    """The sound of a file whose profile keeps it: its first audio stream, without any tags.

    Sound that MP4 can hold is copied as it is; any other is encoded as AAC.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._packets: Iterator[_TimedPacket] = iter(())
        self._next: _TimedPacket | None = None

    def announce(self, output: OutputContainer) -> None:
        """Adds the stream to the output before its header is written."""
        with open_container(self._path) as container:
            if not container.streams.audio:
                return
            source = container.streams.audio[0]
            if source.codec_context.codec.canonical_name in MP4_AUDIO:
                stream = output.add_stream_from_template(source)
                self._packets = self._copied(stream)
            else:
                stream = output.add_stream("aac", rate=source.codec_context.sample_rate)
                self._packets = self._encoded(stream)
            stream.metadata.clear()
        self._next = next(self._packets, None)

    def write_until(self, time_s: Fraction | None, output: OutputContainer) -> None:
        """Writes the packets that play before a time (all that are left when None)."""
        while self._next is not None:
            start_s, packet = self._next
            if time_s is not None and start_s > time_s:
                return
            output.mux(packet)
            self._next = next(self._packets, None)

    def _copied(self, stream: AudioStream) -> Iterator["_TimedPacket"]:
        with open_container(self._path) as container:
            start = Fraction(container.start_time or 0, av.time_base)
            stamps: Stamps | None = None
            for packet in container.demux(container.streams.audio[0]):
                if packet.dts is not None and packet.pts is not None:
                    stamps = stamps or Stamps(packet.time_base)
                    _shift(packet, start)
                    packet.pts = packet.dts = stamps.take(packet.pts, packet.duration or 0)
                    yield from _timed(packet, stream)

    def _encoded(self, stream: AudioStream) -> Iterator["_TimedPacket"]:
        for frame in self._resampled():
            for packet in stream.encode(frame):
                yield from _timed(packet, stream)

    def _resampled(self) -> Iterator[av.AudioFrame | None]:
        with open_container(self._path) as container:
            start = Fraction(container.start_time or 0, av.time_base)
            resampler = av.AudioResampler(format="fltp", layout="stereo")
            stamps: Stamps | None = None
            for frame in container.decode(container.streams.audio[0]):
                if frame.pts is not None and frame.time_base is not None:
                    stamps = stamps or Stamps(frame.time_base)
                    stamp = frame.pts - round(start / frame.time_base)
                    length = round(Fraction(frame.samples, frame.sample_rate) / frame.time_base)
                    frame.pts = stamps.take(stamp, length)
                yield from resampler.resample(frame)
        yield None


_TimedPacket = tuple[Fraction, "Packet[AudioStream]"]


def _timed(packet: "Packet[AudioStream]", stream: AudioStream) -> Iterator[_TimedPacket]:
    packet.stream = stream
    if packet.pts is not None:
        yield packet.pts * packet.time_base, packet


def copy_picture(source: Path, destination: Path) -> None:
    """Rewraps a file's H.264 stream into a bare MP4, without SEI and without any other stream.

    Whoever calls this has to know that every coded picture was looked at: see `may_copy`.
    """
    with open_container(source) as container:
        stream = picture_stream(container)
        start = Fraction(container.start_time or 0, av.time_base)
        clock = stream.time_base or FALLBACK_TIME_BASE
        with _bare_mp4(destination, clock) as output, damaged(Reason.ENCODE_FAILED):
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
    nobody inspected; they would travel along in a copy, as would data that other players repair
    in other ways. A stream that begins within a group of pictures is shown from its first one only
    by an SEI unit, which a copy leaves out.
    """
    with open_container(path) as container:
        stream = picture_stream(container)
        codec = stream.codec_context
        # Only a stream in the MP4 form (its parameter sets begin with version 1) can be rewrapped.
        head = codec.extradata or b""
        rewrappable = head[:1] == b"\x01" and len(head) > _LENGTHS_AT
        if codec.name != "h264" or codec.pix_fmt != "yuv420p" or not rewrappable:
            return False
        with damaged(Reason.DECODE_FAILED):
            coded = (packet for packet in container.demux(stream) if packet.size)
            first = next(coded, None)
            if first is None or not _begins_anew(bytes(first), head[_LENGTHS_AT] & 3):
                return False
            shown = [
                packet.dts is not None and not packet.is_discard for packet in chain([first], coded)
            ]
    return all(shown) and len(shown) == frames_shown and _shows_all_it_codes(path)


def _begins_anew(packet: bytes, length_bytes_less_one: int) -> bool:
    """True when a packet in the MP4 form holds a picture that needs nothing before it."""
    size, at = length_bytes_less_one + 1, 0
    while at + size < len(packet):
        if packet[at + size] & _UNIT_KIND == _ANEW:
            return True
        at += size + int.from_bytes(packet[at : at + size], "big")
    return False


def _shows_all_it_codes(path: Path) -> bool:
    with open_container(path) as shown, open_container(path) as coded:
        whole = picture_stream(coded)
        # Threads by slice would keep the decoder's complaints to themselves.
        whole.thread_type = "FRAME"
        strict = {"apply_cropping": "0", "err_detect": "explode"}
        whole.codec_context.options = {**whole.codec_context.options, **strict}
        pairs = zip(shown.decode(picture_stream(shown)), coded.decode(whole), strict=True)
        with suppress(Failed), damaged(Reason.DECODE_FAILED):
            return all(_hidden_px(*pair) <= HIDDEN_PX_MAX for pair in pairs)
    return False


def _hidden_px(shown: av.VideoFrame, coded: av.VideoFrame) -> int:
    return max(coded.width - shown.width, coded.height - shown.height)


def _shift(packet: "Packet[Any]", start_s: Fraction) -> None:
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


def _fill(plane: VideoPlane, samples: Plane) -> None:
    rows = samples_of(plane)
    height, width = samples.shape
    rows[:height, :width] = samples
    rows[:height, width : plane.width] = samples[:, -1:]
    rows[height:, : plane.width] = rows[height - 1, : plane.width]


def even(length: int) -> int:
    """The smallest even number that is not below `length`."""
    return length + length % 2
