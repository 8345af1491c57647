"""The one door to FFmpeg's demuxers.

A 43-byte `upload.mp4` that is really a concat list, or a playlist, would make FFmpeg read another
patient's file or call a host. Here the file is opened by us, must be regular, must carry the
signature of a known format, and is handed over as an open descriptor with the one demuxer that
belongs to that format. FFmpeg never learns a name, so no name can be an option, a URL or a pattern,
none can stand in its messages, and there is no protocol left by which it could open anything else.
"""

import io
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from supervisor_core.media.damage import damaged
from supervisor_core.media.files import open_regular
from supervisor_core.media.kinds import Container, Kind, identify
from supervisor_core.media.picture import VIDEO_PIXELS_MAX
from supervisor_core.reasons import Failed, Reason

av.logging.set_level(None)

# FFmpeg forgets a size that its first look at the streams finds too large: that look is allowed
# more than decoding, so that the size can be told.
_LOOK_LIMITS = {"max_pixels": str(4 * VIDEO_PIXELS_MAX)}
_DECODER_LIMITS = {"max_pixels": str(VIDEO_PIXELS_MAX)}

_NOT_THE_PICTURE = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image


def open_container(path: Path, container: Container | None = None) -> InputContainer:
    """Opens a video file for demuxing; use it in a `with` statement, which closes it.

    `container` spares the look at the file's first bytes when it is known already. A decoder of it
    refuses frames above `VIDEO_PIXELS_MAX`. Raises `Failed` as `identify` does,
    UNSUPPORTED_CONTAINER for a still, METADATA_EXTRACTION_FAILED when the header can't be read.
    """
    container = container or identify(path, name="")
    if container.kind is not Kind.VIDEO:
        raise Failed(Reason.UNSUPPORTED_CONTAINER, content=container.value)
    descriptor = open_regular(path)
    try:
        # The "fd" protocol works on a duplicate of the descriptor and can seek.
        with damaged(Reason.METADATA_EXTRACTION_FAILED):
            return _open("fd:", container.demuxer, fd=str(descriptor), protocol_whitelist="fd")
    finally:
        os.close(descriptor)


def open_stream(stream: io.RawIOBase, demuxer: str) -> InputContainer:
    """Opens a video that lies inside another file; as `open_container`, without its errors."""
    return _open(stream, demuxer, protocol_whitelist="none")


def _open(source: str | io.RawIOBase, demuxer: str, **options: str) -> InputContainer:
    options |= {"format_whitelist": demuxer, **_LOOK_LIMITS}
    opened = av.open(source, "r", format=demuxer, options=options, metadata_errors="replace")
    for stream in opened.streams.video:
        if stream.codec_context is not None:
            stream.codec_context.options = dict(_DECODER_LIMITS)
    return opened


def picture_stream(container: InputContainer) -> VideoStream:
    """The video stream that counts: not a cover picture; a default one first, then the largest.

    Raises `Failed(NO_VIDEO_STREAM)`; streams whose codec is unknown here do not count, unless
    there is no other (then UNSUPPORTED_CODEC).
    """
    candidates = [
        stream
        for stream in container.streams.video
        if not Disposition(stream.disposition) & _NOT_THE_PICTURE
    ]
    if not candidates:
        raise Failed(Reason.NO_VIDEO_STREAM)
    readable = [stream for stream in candidates if stream.codec_context is not None]
    if not readable:
        raise Failed(Reason.UNSUPPORTED_CODEC)
    return max(readable, key=_rank)


def packets(container: InputContainer, stream: VideoStream) -> "Iterator[Packet[VideoStream]]":
    """Yields the packets of one stream from the present place on, and an empty one at the end."""
    # In a transport stream others may begin later. PyAV knows only those of the beginning and may
    # stumble over the others after the last packet of ours.
    with suppress(IndexError):
        yield from container.demux(stream)


def _rank(stream: VideoStream) -> tuple[bool, int, int]:
    is_default = bool(Disposition(stream.disposition) & Disposition.default)
    return is_default, stream.codec_context.width * stream.codec_context.height, -stream.index
