"""The parts that a segmenter handles: its limits, the end of one file, the beginning of another."""

from dataclasses import dataclass, field
from pathlib import Path

from supervisor_core.recording.packets import starts_unit
from supervisor_core.recording.segment_file import Ending, SegmentFile

_HELD_BYTES_MAX = 128 * 2**20
_TAIL_PACKETS_MAX = 5000  # sound that does not end in the meantime is cut


@dataclass(frozen=True)
class Limits:
    """When a segment is cut: at the first key frame after so many seconds, or bytes."""

    length_s: float = 3600.0
    size_bytes: int = 4 * 10**9


@dataclass(frozen=True)
class Place:
    """Where the last key frame begins: byte `offset` of a segment that may still be growing.

    The segment's first `head_bytes` are the tables, without which nothing in it can be read.
    """

    path: Path
    offset: int
    head_bytes: int


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


@dataclass
class Held:
    """The packets of a source from a key frame on, until it is clear whether they are new.

    `older` says that they bear times before the last recorded one: either the playlist reaches back
    to before the recording began, or the stream's clock began anew. A known key frame decides it.
    """

    older: bool
    packets: list[bytes] = field(default_factory=list)
    size_bytes: int = 0
    known: bool = False
    _key_at: int = 0

    @property
    def full(self) -> bool:
        """True when it stays unclear for so long that something has to be done."""
        return self.size_bytes > _HELD_BYTES_MAX

    def add(self, packet: bytes) -> None:
        """Holds one packet more."""
        self.packets.append(packet)
        self.size_bytes += len(packet)

    def mark_key(self) -> None:
        """Another key frame begins with the next packet."""
        self._key_at = len(self.packets)

    def decide(self, *, known: bool) -> None:
        """The last key frame was recorded already, or was not; what came before one is dropped."""
        self.known = known
        if known:
            del self.packets[: self._key_at]
            self._key_at, self.size_bytes = 0, sum(map(len, self.packets))
