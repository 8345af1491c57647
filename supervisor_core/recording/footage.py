"""What one segment holds, packet by packet: its form and its times.

A stretch is media whose clock runs on. Where it jumps, within a segment, another stretch begins;
sound belongs to the stretch whose pictures are nearest to its time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from supervisor_core.media.container import picture_stream
from supervisor_core.media.damage import damaged
from supervisor_core.reasons import Reason
from supervisor_core.recording.clock import TICKS, Clock, Jump, unwrap
from supervisor_core.recording.parameters import sound_form

_FALLBACK_STEP = TICKS // 25
AnyPacket: TypeAlias = "Packet[Any]"
OnBytes = Callable[[int], None]
Form = tuple[str, int, str, bytes]  # of sound: codec, rate, layout, what stays in its heads


@dataclass
class Span:
    """From when to when something plays, in ticks of 1/90000 s."""

    low: int
    high: int

    def widen(self, low: int, high: int) -> None:
        """Takes in another piece."""
        self.low, self.high = min(self.low, low), max(self.high, high)


@dataclass
class Stretch:
    """Media whose clock runs on, in ticks that never wrap.

    `first` and `last` are decoding times, `shown` is when its pictures are seen. `jump` is what
    came before it; none at the head of a segment.
    """

    jump: Jump | None
    first: int
    last: int
    shown: Span | None = None
    sounds: dict[int, Span] = field(default_factory=dict)

    def distance(self, ticks: int) -> int:
        """How far a time is from the pictures of this stretch."""
        return max(self.first - ticks, ticks - self.last, 0)


@dataclass
class Footage:
    """One segment: its form and its stretches; streams of sound are numbered from 0.

    The pictures whose numbers are in `head` can't be decoded without what came before the segment.
    `fresh` says that the first of the others begins anew, whatever came before it in a file;
    `cut` says that the last picture is not complete, since its source died within it.
    """

    path: Path
    size_bytes: int
    codec: str = ""
    sets: frozenset[bytes] = frozenset()
    forms: dict[int, Form] = field(default_factory=dict)
    stretches: list[Stretch] = field(default_factory=list)
    step: int = _FALLBACK_STEP
    pictures: int = 0
    head: set[int] = field(default_factory=set)
    fresh: bool = False
    cut: bool = False


@dataclass(frozen=True)
class Picture:
    """A packet of pictures: its stretch, and when it is decoded and shown, in ticks."""

    packet: AnyPacket
    stretch: int
    jump: Jump | None
    dts: int
    pts: int


class Timer:
    """Gives the pictures of one segment, in the order they come, times that never wrap."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.stretch = 0
        self.step = _FALLBACK_STEP

    def picture(self, packet: AnyPacket) -> Picture:
        """The next picture; one that says no time follows the one before it."""
        before = self.clock.now
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None:
            stamp = self.step + (before or 0)
        jump = self.clock.take(stamp)
        dts = self.clock.now or 0
        if jump:
            self.stretch += 1
        elif before is not None and dts > before:
            self.step = dts - before
        pts = dts if packet.pts is None else unwrap(packet.pts, dts)
        return Picture(packet, self.stretch, jump, dts, max(pts, dts))


def form_of(packet: AnyPacket) -> Form | None:
    """The form of a piece of sound; none when it is a rest that nothing can play."""
    context = packet.stream.codec_context
    codec = context.codec.canonical_name
    head = sound_form(bytes(packet), codec)
    return None if head is None else (codec, context.sample_rate, context.layout.name, head)


def stamp_of(packet: AnyPacket) -> int:
    """When a piece of sound plays, as it says itself."""
    return (packet.pts if packet.pts is not None else packet.dts) or 0


def nearest(stretches: Sequence[Stretch], current: int, now: int, stamp: int) -> tuple[int, int]:
    """The stretch that sound belongs to, and its time in that stretch's ticks.

    `current` and `now` are those of the last picture before it in the file; it may be a little
    behind the pictures, or ahead of them.
    """
    anchors = {current: now if now else stretches[current].first}
    if current:
        anchors[current - 1] = stretches[current - 1].last
    if current + 1 < len(stretches):
        anchors[current + 1] = stretches[current + 1].first
    places = [(index, unwrap(stamp, anchor)) for index, anchor in anchors.items()]
    return min(places, key=lambda place: stretches[place[0]].distance(place[1]))


def sound_numbers(container: InputContainer) -> dict[int, int]:
    """The numbers of the streams of sound, by their place among all streams."""
    return {
        stream.index: number
        for number, stream in enumerate(container.streams.audio)
        if stream.codec_context is not None
    }


def media_packets(container: InputContainer, on_bytes: OnBytes) -> Iterator[AnyPacket]:
    """The packets of the pictures and of all sound, in the order of the file.

    Raises `Failed(DECODE_FAILED)` when it can't be read to its end.
    """
    streams = [container.streams[index] for index in sound_numbers(container)]
    source = _demuxed(container, [picture_stream(container), *streams])
    while True:
        with damaged(Reason.DECODE_FAILED):
            packet = next(source, None)
        if packet is None:
            return
        if packet.size:
            on_bytes(packet.pos or 0)
            yield packet


def _demuxed(container: InputContainer, streams: list[Stream]) -> Iterator[AnyPacket]:
    # As in `packets`: PyAV may stumble over streams that begin later.
    with suppress(IndexError):
        yield from container.demux(streams)
