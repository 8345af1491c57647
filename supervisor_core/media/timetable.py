"""When each frame of a video is shown, told from its packets without decoding them."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from av.packet import Packet
from av.video.stream import VideoStream

from supervisor_core.media.stamps import Stamps

# A demuxer may begin some groups of pictures earlier than it was asked to.
_EARLIER_FRAMES = 300


@dataclass(frozen=True)
class Key:
    """A packet where decoding may begin: its number among all packets, stamp, and place in bytes.

    `clock` counts how often the stamps began anew before it.
    """

    number: int
    clock: int
    stamp: int
    position: int | None


@dataclass(frozen=True)
class Timetable:
    """The frames in order of showing: time and stamp in ticks, and the number of their packet.

    Times are those of `frames.VideoFrames`.
    """

    times: Sequence[int]
    stamps: Sequence[int]
    numbers: Sequence[int]
    keys: Sequence[Key]
    clocks: int

    @classmethod
    def of(
        cls,
        coded: "Iterable[Packet[VideoStream]]",
        *,
        start: int,
        first: int,
        clock: Stamps,
        step: int,
    ) -> "Timetable":
        """Reads all packets of a stream, and puts them in order.

        `start` is the stamp from which times count, `first` that of the first frame that can be
        decoded, `step` how long a frame lasts.
        """
        keys: list[Key] = []
        clocks: list[list[tuple[int, int]]] = [[]]
        before = None
        for number, packet in enumerate(one for one in coded if one.size):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is None:
                continue
            # Packets come in order of decoding: where that runs back, another clock begins.
            if before is not None and packet.dts is not None and packet.dts < before:
                clocks.append([])
            before = packet.dts if packet.dts is not None else before
            if packet.is_keyframe:
                keys.append(Key(number, len(clocks) - 1, stamp, packet.pos))
            if not packet.is_discard:
                clocks[-1].append((stamp, number))
        clocks[0] = [one for one in clocks[0] if one[0] >= first]
        ordered = list(chain.from_iterable(sorted(one) for one in clocks))
        since = [stamp - start for stamp, _ in ordered]
        since[:1] = [max(one, 0) for one in since[:1]]
        return cls(
            times=array("q", (clock.take(one, step) for one in since)),
            stamps=array("q", (stamp for stamp, _ in ordered)),
            numbers=array("q", (number for _, number in ordered)),
            keys=keys,
            clocks=len(clocks),
        )

    def ways_to(self, index: int) -> Iterator[tuple[Key, int]]:
        """Key frames from which a frame is reached, nearest first, and within how many frames."""
        number, stamp = self.numbers[index], self.stamps[index]
        near = bisect_right(self.keys, number, key=lambda key: key.number)
        clock = self.keys[near - 1].clock if near else 0
        usable = [key for key in self.keys[max(0, near - 4) : near] if key.stamp <= stamp]
        for key in reversed(usable):
            if key.clock == clock:
                yield key, number - key.number + _EARLIER_FRAMES
