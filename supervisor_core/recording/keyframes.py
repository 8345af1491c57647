"""Single key frames out of a segment that is still being written, without a demuxer.

A demuxer looks at the stream before it gives a packet, which takes four times as long as decoding
the picture: here the packets are put together as they were found when the segment was cut.
"""

import os
from collections.abc import Iterator
from typing import cast

import av
from av.video.codeccontext import VideoCodecContext

from supervisor_core.media.damage import damaged
from supervisor_core.media.files import PART_SUFFIX, open_regular
from supervisor_core.media.picture import VIDEO_PIXELS_MAX
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.packets import (
    PACKET_BYTES,
    Tables,
    payload_of,
    pid_of,
    starts_unit,
)
from supervisor_core.recording.pieces import Place

_LONGEST_BYTES = 8 * 2**20  # of one coded key frame
_CODECS = {0x01: "mpeg1video", 0x02: "mpeg2video", 0x10: "mpeg4", 0x1B: "h264", 0x24: "hevc"}


def key_frame_at(place: Place) -> av.VideoFrame:
    """The key frame at a place.

    Raises `Failed`: DECODE_FAILED, UNSUPPORTED_CODEC, or as `open_regular` does.
    """
    head, body = _excerpt(place)
    tables = Tables()
    for packet in _packets(head):
        tables.take(packet, pid_of(packet))
    codec = _CODECS.get(tables.types.get(tables.leading or -1, -1))
    if codec is None:
        raise Failed(Reason.UNSUPPORTED_CODEC)
    return _decoded(codec, _first_unit(body, tables.leading))


def _excerpt(place: Place) -> tuple[bytes, bytes]:
    """The stream's tables, and what begins with the key frame."""
    part = place.path.with_name(place.path.name + PART_SUFFIX)
    with os.fdopen(open_regular(part if part.exists() else place.path), "rb") as file:
        head = file.read(place.head_bytes)
        file.seek(place.offset)
        return head, file.read(min(place.size_bytes or _LONGEST_BYTES, _LONGEST_BYTES))


def _packets(content: bytes) -> Iterator[bytes]:
    for at in range(0, len(content) - PACKET_BYTES + 1, PACKET_BYTES):
        yield content[at : at + PACKET_BYTES]


def _first_unit(content: bytes, pid: int | None) -> bytes:
    """The first unit of a stream, without the head that says when it is shown."""
    pieces: list[bytes] = []
    for packet in _packets(content):
        if pid_of(packet) != pid:
            continue
        if starts_unit(packet) and pieces:
            break
        pieces.append(payload_of(packet))
    unit = b"".join(pieces)
    return unit[9 + unit[8] :] if len(unit) > 9 else b""


def _decoded(codec: str, unit: bytes) -> av.VideoFrame:
    decoder = cast(VideoCodecContext, VideoCodecContext.create(codec, "r"))
    decoder.options = {"max_pixels": str(VIDEO_PIXELS_MAX)}
    decoder.thread_type = "NONE"
    with damaged(Reason.DECODE_FAILED):
        for packet in (av.Packet(unit), None):
            for frame in decoder.decode(packet):
                return frame
    raise Failed(Reason.DECODE_FAILED)
