"""The packets of an MPEG transport stream: found, and read as far as cutting needs it.

A packet has 188 bytes and begins with 0x47. Nothing is decoded here. Source: ISO/IEC 13818-1.
"""

import re
from collections.abc import Iterator

PACKET_BYTES = 188
SYNC = 0x47
PROGRAMS, FILLING = 0, 0x1FFF  # the numbers of the first table, and of packets without content
_HEAD_BYTES_MAX = 16 * PACKET_BYTES  # of a program map; more is damage
# MPEG-1, MPEG-2, MPEG-4, H.264, HEVC, VVC, AV1 in private use is not told apart and stays out.
_VIDEO_TYPES = frozenset({0x01, 0x02, 0x10, 0x1B, 0x24, 0x33})
_SYNC = bytes([SYNC])
_STARTS = re.compile(b"[\x40-\x7f\xc0-\xff]")  # of the second byte
_CONTROL = bytes(byte >> 4 & 3 for byte in range(256))
_H264, _HEVC, _MPEG2 = 0x1B, 0x24, frozenset({0x01, 0x02})


class PacketFinder:
    """Finds the whole packets in bytes that come in pieces of any size; counts what is none.

    What follows one another without a gap comes as one run, and where nothing is wrong no packet of
    it was looked at singly: a stream of 6 Mbit/s has 4000 a second.
    """

    def __init__(self) -> None:
        self.skipped_bytes = 0
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The runs that are complete now; a packet counts when another (or nothing yet) follows."""
        return self._cut(self._rest + chunk, lookahead=1)

    def flush(self) -> list[bytes]:
        """What is left when nothing more comes; half a packet is skipped."""
        runs = self._cut(self._rest, lookahead=0)
        self.skipped_bytes += len(self._rest)
        self._rest = b""
        return runs

    def _cut(self, data: bytes, lookahead: int) -> list[bytes]:
        end = max(0, len(data) - lookahead) // PACKET_BYTES * PACKET_BYTES
        following = data[end : end + 1]
        if data[:end:PACKET_BYTES] + following == _SYNC * (end // PACKET_BYTES + len(following)):
            self._rest = data[end:]
            return [data[:end]] if end else []
        return self._cut_singly(data, lookahead)

    def _cut_singly(self, data: bytes, lookahead: int) -> list[bytes]:
        packets, at = [], 0
        while at + PACKET_BYTES + lookahead <= len(data):
            end = at + PACKET_BYTES
            if data[at] == SYNC and (end == len(data) or data[end] == SYNC):
                packets.append(data[at:end])
                at = end
                continue
            found = data.find(SYNC, at + 1)
            following = found if found >= 0 else len(data)
            self.skipped_bytes += following - at
            at = following
        self._rest = data[at:]
        return packets


def split(run: bytes) -> Iterator[bytes]:
    """The packets of a run in which a unit starts, and in between what goes on with units."""
    at = 0
    for match in _STARTS.finditer(run[1::PACKET_BYTES]):
        start = match.start() * PACKET_BYTES
        if start > at:
            yield run[at:start]
        at = start + PACKET_BYTES
        yield run[start:at]
    if at < len(run):
        yield run[at:]


def is_plain(run: bytes) -> bool:
    """True when all packets go on with one unit, and none but the last has more than a payload."""
    count = len(run) // PACKET_BYTES
    controls = run[3::PACKET_BYTES][:-1].translate(_CONTROL)
    same = all(run[place::PACKET_BYTES] == run[place : place + 1] * count for place in (1, 2))
    return same and not starts_unit(run) and controls == b"\1" * (count - 1)


def payloads_of(run: bytes) -> bytes:
    """What the packets of a plain run carry."""
    last = len(run) - PACKET_BYTES
    firsts = (run[at + 4 : at + PACKET_BYTES] for at in range(0, last, PACKET_BYTES))
    return b"".join((*firsts, payload_of(run[last:])))


def pid_of(packet: bytes) -> int:
    """The number of the stream that a packet belongs to."""
    return (packet[1] & 0x1F) << 8 | packet[2]


def starts_unit(packet: bytes) -> bool:
    """True when a new unit (a picture, a piece of sound, a table) begins in this packet."""
    return bool(packet[1] & 0x40)


def payload_of(packet: bytes) -> bytes:
    """What a packet carries beside its own fields."""
    control = packet[3] >> 4 & 3
    if not control & 1:
        return b""
    return packet[4:] if control == 1 else packet[5 + packet[4] :]


def time_of(payload: bytes) -> int | None:
    """When a unit is decoded, in ticks of 1/90000 s, modulo 2**33; none where it does not say."""
    if len(payload) < 14 or payload[:3] != b"\0\0\1" or not payload[7] & 0x80:
        return None
    both = payload[7] & 0x40 and len(payload) >= 19
    return _ticks(payload[14:19] if both else payload[9:14])


def _ticks(field: bytes) -> int:
    high, middle, low = field[0] >> 1 & 7, (field[1] << 8 | field[2]) >> 1, field[3] << 8 | field[4]
    return high << 30 | middle << 15 | low >> 1


def is_key(packet: bytes, payload: bytes, type_: int) -> bool:
    """True when decoding can begin at the unit that starts in this packet.

    Either the stream says so, or the unit begins with what stands before key pictures only.
    """
    if type_ not in _VIDEO_TYPES:
        return True
    if packet[3] & 0x20 and packet[4] and packet[5] & 0x40:
        return True
    return any(_opens(unit, type_) for unit in payload.split(b"\0\0\1")[2:] if unit)


def _opens(unit: bytes, type_: int) -> bool:
    if type_ == _H264:
        return unit[0] & 0x1F in (5, 7)
    if type_ == _HEVC:
        return unit[0] >> 1 & 0x3F in (16, 17, 18, 19, 20, 21, 32, 33)
    return type_ in _MPEG2 and unit[0] == 0xB3


class Tables:
    """The two tables that say what a stream consists of, as they were last seen.

    `head` are their packets, which every file has to begin with; `leading` is the stream that is
    cut by, the first with pictures, else the first of all; `changed` turns true when the stream
    becomes a different one.
    """

    def __init__(self) -> None:
        self.types: dict[int, int] = {}
        self.leading: int | None = None
        self.changed = False
        self._programs = self._map = b""
        self._map_pid: int | None = None
        self._collected = b""

    @property
    def head(self) -> bytes:
        """The packets of both tables; empty until both have come."""
        return self._programs + self._map if self.types else b""

    def owns(self, pid: int) -> bool:
        """True for packets of a table, and for filling."""
        return pid in (PROGRAMS, FILLING, self._map_pid)

    def take(self, packet: bytes, pid: int) -> bool:
        """Reads a packet; true when it belongs to a table (or is filling) and not to a stream."""
        if pid == PROGRAMS and starts_unit(packet):
            self._take_programs(packet)
        elif pid == self._map_pid:
            self._take_map(packet)
        return self.owns(pid)

    def _take_programs(self, packet: bytes) -> None:
        section = _section(payload_of(packet))
        for at in range(8, len(section) - 4, 4):
            number, pid = _number(section, at), _number(section, at + 2) & 0x1FFF
            if number:
                self._programs, self._map_pid = packet, pid
                return

    def _take_map(self, packet: bytes) -> None:
        if starts_unit(packet):
            self._collected = b""
        elif not self._collected:
            return
        self._collected += packet
        pieces = range(0, len(self._collected), PACKET_BYTES)
        payload = b"".join(payload_of(self._collected[at : at + PACKET_BYTES]) for at in pieces)
        section = _section(payload)
        if section and section[0] == 2:
            self._learn(_types(section))
            self._map, self._collected = self._collected, b""
        elif len(self._collected) > _HEAD_BYTES_MAX:
            self._collected = b""

    def _learn(self, types: dict[int, int]) -> None:
        self.changed = self.changed or bool(self.types and types != self.types)
        self.types = types or self.types
        pictures = (pid for pid, type_ in self.types.items() if type_ in _VIDEO_TYPES)
        self.leading = next(pictures, next(iter(self.types), None))


def _section(payload: bytes) -> bytes:
    """The table that a payload begins with; nothing while it is not complete."""
    start = 1 + payload[0] if payload else 0
    if len(payload) < start + 3:
        return b""
    end = start + 3 + (_number(payload, start + 1) & 0xFFF)
    return payload[start:end] if len(payload) >= end and end - start >= 12 else b""


def _types(section: bytes) -> dict[int, int]:
    at, types = 12 + (_number(section, 10) & 0xFFF), {}
    while at + 5 <= len(section) - 4:
        types[_number(section, at + 1) & 0x1FFF] = section[at]
        at += 5 + (_number(section, at + 3) & 0xFFF)
    return types


def _number(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]
