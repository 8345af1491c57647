"""One frame of a video, found without decoding all that came before it.

Times are those of `frames.VideoFrames`: seconds from the start of the container, going on where a
clock begins anew. An MP4 has one clock and an index of its own: there a time is found by seeking.
In other formats, and to count frames, the stamps of all packets are read first, without decoding.
A frame counts only when its stamp is the one looked for; where none has it, the file is decoded
from its start on.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from supervisor_core.media.container import open_container, packets, picture_stream
from supervisor_core.media.damage import damaged
from supervisor_core.media.frames import FALLBACK_RATE, FALLBACK_TIME_BASE
from supervisor_core.media.kinds import Container, identify
from supervisor_core.media.stamps import Stamps
from supervisor_core.media.timetable import Key, Timetable
from supervisor_core.reasons import Failed, Reason

NEAR_S = Fraction(1, 2000)
"""Times come rounded to milliseconds, or as floats a hair before the frame that they mean."""
_INDEXED = (Container.MP4, Container.MOV)
# Here the same stamp may come twice, and only the place in the file is sure.
_BY_PLACE = (Container.MPEG_TS, Container.MPEG_PS)
_STEPS_BACK_S = (0, 2, 20)
_TABLES_KEPT = 8

Threads = Literal["AUTO", "SLICE"]
"""Threads that decode several frames at once hold each back until others have come."""

_tables: OrderedDict[tuple[int, ...], Timetable] = OrderedDict()


@dataclass(frozen=True)
class Shown:
    """A decoded frame, not turned upright yet, and when it is shown.

    `index` counts frames from 0; it is None where nobody had to count.
    """

    decoded: av.VideoFrame
    time_s: Fraction
    index: int | None = None


class Film:
    """One video file, open to look at single frames; use it in a `with` statement.

    Raises `Failed` as `open_container` does, FRAME_EXTRACTION_FAILED when there is no frame, and
    DECODE_FAILED when the data is damaged on the way to the one that is asked for.
    """

    def __init__(self, path: Path, threads: Threads = "AUTO") -> None:
        self._path = path
        self._format = identify(path, name="")
        self._container = open_container(path, self._format)
        try:
            self._stream = picture_stream(self._container)
            self._stream.thread_type = threads
        except BaseException:
            self._container.close()
            raise
        self.time_base = self._stream.time_base or FALLBACK_TIME_BASE
        begins = Fraction(self._container.start_time or 0, av.time_base)
        self._start = round(begins / self.time_base)
        rate = self._stream.average_rate or self._stream.guessed_rate or FALLBACK_RATE
        self._step = round(1 / (rate * self.time_base))
        self._warm = False
        self._key: Packet[VideoStream] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._container.close()

    @cached_property
    def first(self) -> Shown:
        """The first frame."""
        return next(self.all())

    def all(self) -> Iterator[Shown]:
        """All frames from the start on."""
        stamps = Stamps(self.time_base)
        with open_container(self._path, self._format) as container:
            index = -1
            for index, decoded in enumerate(_decoded(container, _threaded(container))):
                since = _stamp(decoded)
                since = None if since is None else since - self._start
                if index == 0 and since is not None:
                    since = max(since, 0)
                yield Shown(decoded, stamps.take(since, self._step) * self.time_base, index)
        if index < 0:
            raise Failed(Reason.FRAME_EXTRACTION_FAILED)

    def at(self, time_s: Fraction, near_s: Fraction = NEAR_S) -> Shown:
        """The frame that stands at a time: the first before all, the last behind the end."""
        until = (time_s + near_s) // self.time_base
        if self._format in _INDEXED:
            return self._sought(until)
        times = self.table.times
        return self.numbered(bisect_right(times, until) - 1)

    def numbered(self, index: int) -> Shown:
        """The frame with this number; the last one for numbers above."""
        if index <= 0:
            return self.first
        table = self.table
        index = min(index, len(table.times) - 1)
        for key, within in table.ways_to(index):
            with suppress(Failed):
                self._go_to(key)
                for decoded, _ in zip(self._from_here(), range(within), strict=False):
                    if _stamp(decoded) == table.stamps[index]:
                        return Shown(decoded, table.times[index] * self.time_base, index)
        return self._counted(index)

    @cached_property
    def table(self) -> Timetable:
        """When each frame is shown; read once while the file stays the same."""
        version = _version(self._path)
        if version not in _tables:
            _tables[version] = self._read_table()
        _tables.move_to_end(version)
        while len(_tables) > _TABLES_KEPT:
            _tables.popitem(last=False)
        return _tables[version]

    @property
    def one_clock(self) -> bool:
        """True when each time stands in the file once, so that seeking by time is sure."""
        return self._format in _INDEXED or self.table.clocks == 1

    def key_before(self, time_s: Fraction) -> Fraction | None:
        """When the key frame is shown that decoding for a time begins with; None when unknown."""
        self._key = None
        with suppress(Failed):
            self._seek(self._start + time_s // self.time_base)
            with damaged(Reason.DECODE_FAILED):
                for packet in packets(self._container, self._stream):
                    if packet.is_keyframe and packet.pts is not None:
                        self._key = packet
                        return (packet.pts - self._start) * self.time_base
        return None

    def key_frame(self) -> Shown | None:
        """That key frame, decoded alone; None where it can't be."""
        packet, self._key = self._key, None
        if packet is None:
            return None
        with suppress(Failed), damaged(Reason.DECODE_FAILED):
            for decoded in [*packet.decode(), *self._stream.decode(None)]:
                if decoded.pts == packet.pts:
                    return self._shown(decoded)
        return None

    def from_key(self, time_s: Fraction) -> Iterator[Shown]:
        """All frames from the one on that decoding for a time begins with."""
        self._seek(self._start + time_s // self.time_base)
        return map(self._shown, self._from_here())

    def _shown(self, decoded: av.VideoFrame) -> Shown:
        since = (_stamp(decoded) or 0) - self._start
        return Shown(decoded, max(since, 0) * self.time_base)

    def _read_table(self) -> Timetable:
        first = _stamp(self.first.decoded)
        if first is None:
            raise Failed(Reason.FRAME_EXTRACTION_FAILED)
        with (
            open_container(self._path, self._format) as container,
            damaged(Reason.DECODE_FAILED),
        ):
            coded = packets(container, picture_stream(container))
            return Timetable.of(
                coded,
                start=self._start,
                first=first,
                clock=Stamps(self.time_base),
                step=self._step,
            )

    def _sought(self, until: int) -> Shown:
        """The last frame up to a time, in ticks from the start, or else the first."""
        for back_s in _STEPS_BACK_S:
            with suppress(Failed):
                self._seek(self._start + until - round(back_s / self.time_base))
                if found := self._last_until(until):
                    return found
        found = self.first
        for shown in self.all():
            if shown.time_s > until * self.time_base:
                break
            found = shown
        return found

    def _last_until(self, until: int) -> Shown | None:
        found = None
        for decoded in self._from_here():
            stamp = _stamp(decoded)
            if stamp is None or stamp - self._start > until:
                break
            found = decoded
        return self._shown(found) if found else None

    def _counted(self, index: int) -> Shown:
        found = self.first
        for found in self.all():
            if found.index == index:
                break
        return found

    def _go_to(self, key: Key) -> None:
        if self._format in _BY_PLACE and key.position is not None:
            self._warm_up()
            with damaged(Reason.DECODE_FAILED):
                self._container.seek(key.position, unsupported_byte_offset=True)
        elif self.table.clocks == 1:
            self._seek(key.stamp)
        else:
            raise Failed(Reason.DECODE_FAILED)

    def _seek(self, stamp: int) -> None:
        self._warm_up()
        with damaged(Reason.DECODE_FAILED):
            self._container.seek(stamp, stream=self._stream)

    def _warm_up(self) -> None:
        """Decodes the first packet: what it says of its encoder, decoders go by all the way.

        Without it frames of some old encoders come out as noise (x264 below build 151, 4:4:4).
        """
        if not self._warm:
            self._warm = True
            with suppress(Failed), damaged(Reason.DECODE_FAILED):
                for packet in islice(packets(self._container, self._stream), 1):
                    packet.decode()

    def _from_here(self) -> Iterator[av.VideoFrame]:
        return _decoded(self._container, self._stream)


def _threaded(container: InputContainer) -> VideoStream:
    stream = picture_stream(container)
    stream.thread_type = "AUTO"
    return stream


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    frames = (frame for packet in packets(container, stream) for frame in packet.decode())
    while True:
        with damaged(Reason.DECODE_FAILED):
            decoded = next(frames, None)
        if decoded is None:
            return
        yield decoded


def _stamp(decoded: av.VideoFrame) -> int | None:
    return decoded.pts if decoded.pts is not None else decoded.dts


def _version(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
