"""What a cleaned file may consist of, and the search for anything else in it.

An allow-list throughout: a tag, stream, chunk or stream unit that is not expected is stray, whether
or not anybody knows what it is for.
"""

import re
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from supervisor_core.cleaning.boxes import Ranges, stray_in_boxes
from supervisor_core.media.container import open_container
from supervisor_core.media.damage import damaged
from supervisor_core.media.kinds import Container
from supervisor_core.media.policy import AudioPolicy
from supervisor_core.reasons import Reason

_CONTAINER_TAGS = {
    "major_brand": {"isom"},
    "minor_version": {"512"},
    "compatible_brands": {"isomiso2avc1mp41", "isomdby1iso2avc1mp41"},
}
_STREAM_TAGS = {"language": {"und"}, "handler_name": {"VideoHandler", "SoundHandler"}}
# H.264: slices and parameter sets (ITU-T H.264, table 7-1).
_UNITS = frozenset({1, 2, 3, 4, 5, 7, 8})
# An encoder fills the picture up to whole blocks; more than that would hide something.
_BLOCK_PX = 16
_FRAME_EXTRAS = frozenset({Type.DISPLAYMATRIX})
_PNG_CHUNKS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
# JPEG markers: baseline frame, Huffman and quantisation tables, and the bare JFIF header.
_JPEG_MARKERS = frozenset({0xC0, 0xC4, 0xDB, 0xE0})
_SCAN, _END = 0xDA, b"\xff\xd9"
# Inside the scan a marker byte is followed by 0 or a restart number.
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7]")
_JFIF_BYTES = 16


def stray_in_video(path: Path, audio: AudioPolicy) -> bool:
    """True when an MP4 holds a stream, tag, box, unit or picture that is not allowed or not shown.

    Raises `Failed(DECODE_FAILED)` where its pictures are damaged in the least.
    """
    with open_container(path) as container, damaged(Reason.DECODE_FAILED):
        if _stray_streams(container, audio) or _stray_tags(container):
            return True
        stream = container.streams.video[0]
        codec = stream.codec_context
        header = codec.extradata or b""
        if codec.name != "h264" or _stray_header(header):
            return True
        # Threads by slice would keep the decoder's complaints to themselves.
        stream.thread_type = "FRAME"
        codec.options = {**codec.options, "err_detect": "explode", "apply_cropping": "0"}
        look = _PacketLook(stream, size_bytes=(header[4] & 3) + 1)
        return any(map(look.stray, container.demux())) or stray_in_boxes(path, look.samples)


def _stray_streams(container: InputContainer, audio: AudioPolicy) -> bool:
    kinds = sorted(stream.type for stream in container.streams)
    allowed = [["video"], ["audio", "video"]] if audio is AudioPolicy.KEEP else [["video"]]
    return kinds not in allowed or bool(container.chapters())


def _stray_tags(container: InputContainer) -> bool:
    return _stray_values(container.metadata, _CONTAINER_TAGS) or any(
        _stray_values(stream.metadata, _STREAM_TAGS) for stream in container.streams
    )


def _stray_values(tags: dict[str, str], allowed: dict[str, set[str]]) -> bool:
    return any(value not in allowed.get(name, ()) for name, value in tags.items())


class _PacketLook:
    """Looks at packet after packet; `samples` are the bytes of all that were seen."""

    def __init__(self, stream: VideoStream, size_bytes: int) -> None:
        self._stream, self._size_bytes = stream, size_bytes
        self._shown = stream.codec_context.width, stream.codec_context.height
        self.samples = Ranges()
        self._extras_seen = False

    def stray(self, packet: "Packet[Any]") -> bool:
        """True when a packet of the picture says or hides anything; any is noted as a sample."""
        if packet.size and packet.pos is not None:
            self.samples.add(packet.pos, packet.pos + packet.size)
        return packet.stream.index == self._stream.index and self._stray_picture(packet)

    def _stray_picture(self, packet: "Packet[VideoStream]") -> bool:
        units = _units(bytes(packet), self._size_bytes)
        return packet.is_discard or not units <= _UNITS or any(map(self._tells, packet.decode()))

    def _tells(self, frame: VideoFrame) -> bool:
        hidden_px = max(frame.width - self._shown[0], frame.height - self._shown[1])
        return hidden_px >= _BLOCK_PX or self._has_extras(frame)

    def _has_extras(self, frame: VideoFrame) -> bool:
        # The units that may stand in the stream carry none, and the container the same for all
        # frames; looking into each frame's would tie it into a cycle and fill the memory.
        if self._extras_seen:
            return False
        self._extras_seen = True
        return not all(map(_belongs_to_picture, frame.side_data))


def _belongs_to_picture(extra: object) -> bool:
    return isinstance(extra, SideData) and extra.type in _FRAME_EXTRAS


def _units(data: bytes, size_bytes: int) -> set[int]:
    units, place = set(), 0
    while place + size_bytes < len(data):
        units.add(data[place + size_bytes] & 31)
        place += size_bytes + int.from_bytes(data[place : place + size_bytes], "big")
    return units


def _stray_header(header: bytes) -> bool:
    """True unless an avcC box (ISO/IEC 14496-15) holds parameter sets and nothing else."""
    place = 5
    for mask, kind in ((31, 7), (255, 8)):
        count, place = header[place] & mask, place + 1
        for _ in range(count):
            size = int.from_bytes(header[place : place + 2], "big")
            if header[place + 2] & 31 != kind:
                return True
            place += 2 + size
    # The high profiles append four bytes: chroma format, bit depths, no further parameter sets.
    return header[0] != 1 or len(header) - place not in (0, 4) or any(header[place + 3 :])


def stray_in_still(path: Path, container: Container) -> bool:
    """True when a PNG or JPEG holds a chunk, segment or byte that the pixels don't need."""
    data = path.read_bytes()
    return _stray_in_jpeg(data) if container is Container.JPEG else _stray_in_png(data)


def _stray_in_png(data: bytes) -> bool:
    place = 8
    while place < len(data):
        name = data[place + 4 : place + 8]
        place += 12 + int.from_bytes(data[place : place + 4], "big")
        if name not in _PNG_CHUNKS:
            return True
        if name == b"IEND":
            return place != len(data)
    return True


def _stray_in_jpeg(data: bytes) -> bool:
    place = 2
    while place + 4 <= len(data):
        marker, size = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        place += 2 + size
        if marker == _SCAN:
            end = _SCAN_END.search(data, place)
            return end is None or end.group() != _END or end.end() != len(data)
        if marker not in _JPEG_MARKERS or (marker == 0xE0 and size != _JFIF_BYTES):
            return True
    return True
