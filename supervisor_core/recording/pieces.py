"""The parts that a segmenter handles: its limits, the end of one file, the beginning of another."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from supervisor_core.recording.clock import TICKS, unwrap
from supervisor_core.recording.packets import (
    FILLING,
    PACKET_BYTES,
    PROGRAMS,
    pid_of,
    starts_unit,
)
from supervisor_core.recording.segment_file import Ending, SegmentFile

_HELD_BYTES_MAX = 128 * 2**20
REACH_S = 90.0  # no source begins further back than this before what was recorded last
_TAIL_PACKETS_MAX = 5000  # sound that does not end in the meantime is cut


@dataclass(frozen=True)
class Limits:
    """When a segment is cut: at the first key frame after so many seconds, or bytes."""

    length_s: float = 3600.0
    size_bytes: int = 4 * 10**9


@dataclass(frozen=True)
class Place:
    """Where a key frame begins: byte `offset` of a segment that may still be growing.

    The segment's first `head_bytes` are the tables, without which nothing in it can be read. After
    `size_bytes`, if that is known, the next one begins; `media_s` have come before it.
    """

    path: Path
    offset: int
    head_bytes: int
    media_s: float = 0.0
    size_bytes: int | None = None


@dataclass
class Tail:
    """A file that is complete but for units that began before the cut."""

    file: SegmentFile
    ending: Ending
    pids: set[int]
    packets_left: int = _TAIL_PACKETS_MAX

    def wants(self, packet: bytes, pid: int) -> bool:
        """True when the packet goes on with a unit that began in this file."""
        if pid not in self.pids:
            return False
        self.packets_left -= 1
        if starts_unit(packet):
            self.pids.discard(pid)
        elif not self.packets_left:
            self.pids.clear()
        return pid in self.pids


@dataclass(frozen=True)
class Group:
    """The last group of pictures of a file, from its key frame on.

    The digest is none when the source broke off within the key frame.
    """

    place: Place
    stamp: int | None
    digest: bytes | None
    leading: int | None

    def begins(self, held: "Held") -> bool:
        """True when the packets that are held begin with the same key frame."""
        if self.digest is None or held.digest is None:
            return self.digest is None and self.stamp is not None and self.stamp == held.stamp
        return self.digest == held.digest


@dataclass(frozen=True)
class Broken:
    """A file whose source broke off; whether its last group will come again is not known yet."""

    file: SegmentFile
    ending: Ending
    group: Group | None
    since_s: float = field(default_factory=time.monotonic)

    @property
    def empty(self) -> bool:
        """True when nothing is in it but that group."""
        return self.group is not None and self.group.place.offset <= self.group.place.head_bytes

    def trim(self, group: Group) -> None:
        """Drops the last group, but for sound that began before it."""
        rest = self.file.trim(group.place.offset)
        ended = {group.leading, PROGRAMS, FILLING}
        for at in range(0, len(rest), PACKET_BYTES):
            packet = rest[at : at + PACKET_BYTES]
            if starts_unit(packet):
                ended.add(pid_of(packet))
            elif pid_of(packet) not in ended:
                self.file.add(packet)


@dataclass
class Held:
    """The packets of a source from a key frame on, until it is clear whether they are new.

    `older` says that they bear times before the last recorded one: either the playlist reaches back
    to before the recording began, or the stream's clock began anew. A known key frame decides it.
    `more` says that the last recorded unit has come more completely.
    """

    stamp: int | None
    older: bool
    packets: list[bytes] = field(default_factory=list)
    size_bytes: int = 0
    known: bool = False
    more: bool = False
    digest: bytes | None = None
    _first: int | None = None
    _last: int | None = None
    _key_at: int = 0
    _key_stamp: int | None = None

    @property
    def full(self) -> bool:
        """True when it stays unclear for so long that something has to be done."""
        if self.size_bytes > _HELD_BYTES_MAX:
            return True
        if self.known or self._first is None or self._last is None:
            return False
        return unwrap(self._last, self._first) - self._first > REACH_S * TICKS

    def add(self, packet: bytes) -> None:
        """Holds one packet more."""
        self.packets.append(packet)
        self.size_bytes += len(packet)

    def mark(self, stamp: int | None, *, key: bool) -> None:
        """Another unit begins with the next packet."""
        self._first, self._last = self._first if self._first is not None else stamp, stamp
        if key:
            self._key_at, self._key_stamp = len(self.packets), stamp

    def decide(self, digest: bytes | None, *, known: bool) -> None:
        """The last key frame was recorded already, or was not; what came before one is dropped."""
        self.known, self.digest = known, digest
        if known:
            del self.packets[: self._key_at]
            self.stamp, self._key_at = self._key_stamp, 0
            self.size_bytes = sum(map(len, self.packets))
