"""What a cleaned file may consist of, and the search for anything else in it.

An allow-list throughout: a tag, stream, chunk or stream unit that is not expected is stray, whether
or not anybody knows what it is for.
"""

from collections.abc import Iterator
from pathlib import Path

from av.packet import Packet
from av.sidedata.sidedata import SideData, Type
from av.video.stream import VideoStream

from supervisor_core.media.container import open_container
from supervisor_core.media.damage import damaged
from supervisor_core.media.kinds import Container
from supervisor_core.media.policy import AudioPolicy
from supervisor_core.reasons import Reason

_CONTAINER_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands"})
_STREAM_TAGS = {"language": {"und"}, "handler_name": {"VideoHandler", "SoundHandler"}}
# H.264: slices and parameter sets (ITU-T H.264, table 7-1).
_UNITS = frozenset({1, 2, 3, 4, 5, 7, 8})
_FRAME_EXTRAS = frozenset({Type.DISPLAYMATRIX})
_PNG_CHUNKS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
# JPEG markers: tables, frame headers, scan, restart interval, end, and the bare JFIF header.
_JPEG_MARKERS = frozenset({0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD, 0xE0})
_JFIF_BYTES = 16


def stray_in_video(path: Path, audio: AudioPolicy) -> bool:
    """True when an MP4 holds a stream, tag, chapter, unit or frame extra that is not allowed."""
    with open_container(path) as container, damaged(Reason.DECODE_FAILED):
        kinds = sorted(stream.type for stream in container.streams)
        allowed = [["video"], ["audio", "video"]] if audio is AudioPolicy.KEEP else [["video"]]
        stray_tags = not set(container.metadata) <= _CONTAINER_TAGS or any(
            value not in _STREAM_TAGS.get(name, ())
            for stream in container.streams
            for name, value in stream.metadata.items()
        )
        if kinds not in allowed or stray_tags or container.chapters():
            return True
        stream = container.streams.video[0]
        header = stream.codec_context.extradata or b""
        if stream.codec_context.name != "h264" or header[:1] != b"\x01":
            return True
        size_bytes = (header[4] & 3) + 1
        return any(_stray_packet(packet, size_bytes) for packet in container.demux(stream))


def _stray_packet(packet: "Packet[VideoStream]", size_bytes: int) -> bool:
    data = bytes(packet)
    units = {data[place] & 31 for place in _unit_starts(data, size_bytes)}
    extras = [extra for frame in packet.decode() for extra in frame.side_data]
    return not units <= _UNITS or not all(map(_belongs_to_picture, extras))


def _belongs_to_picture(extra: object) -> bool:
    return isinstance(extra, SideData) and extra.type in _FRAME_EXTRAS


def _unit_starts(data: bytes, size_bytes: int) -> Iterator[int]:
    place = 0
    while place + size_bytes < len(data):
        yield place + size_bytes
        place += size_bytes + int.from_bytes(data[place : place + size_bytes], "big")


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
        if marker == 0xDA:
            # Inside the scan a marker byte is followed by 0 or a restart number.
            return data.find(b"\xff\xd9", place) != len(data) - 2
        if marker not in _JPEG_MARKERS or (marker == 0xE0 and size != _JFIF_BYTES):
            return True
        place += 2 + size
    return True
