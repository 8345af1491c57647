"""What a media file holds, found by reading its header, its first frame and its last packets.

Runs inside a worker child: every line here calls native code on input that nobody vouches for.
"""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from av import FFmpegError
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from supervisor_core.media.container import open_container, packets, picture_stream
from supervisor_core.media.damage import damaged
from supervisor_core.media.dicom import probe_dicom
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container, Kind, identify
from supervisor_core.media.orientation import Orientation
from supervisor_core.media.picture import VIDEO_PIXELS_MAX, check_size
from supervisor_core.media.stills import probe_still
from supervisor_core.reasons import Failed, Reason

# Behind the end of any recording, in FFmpeg's microseconds: 34 years.
_BEHIND_THE_END_US = 2**50


def probe(path: Path, name: str | None = None) -> MediaInfo:
    """Reads the facts of a video, still or DICOM file; `name` is what it was called outside.

    Raises `Failed`: the reasons of `identify`, NO_VIDEO_STREAM, METADATA_EXTRACTION_FAILED,
    FRAME_EXTRACTION_FAILED, PICTURE_TOO_LARGE, UNSUPPORTED_CODEC.
    """
    container = identify(path, name)
    if container.kind is Kind.STILL:
        return probe_still(path)
    if container.kind is Kind.DICOM:
        return probe_dicom(path)
    return _probe_video(path, container)


def _probe_video(path: Path, container: Container) -> MediaInfo:
    with open_container(path, container) as opened:
        stream = picture_stream(opened)
        claimed = stream.codec_context
        # A stream cut from the middle claims no size at all before its first key frame.
        check_size(max(claimed.width, 1), max(claimed.height, 1), VIDEO_PIXELS_MAX)
        with damaged(Reason.FRAME_EXTRACTION_FAILED):
            frame = _first_frame(opened, stream)
        orientation = Orientation.of_frame(frame)
        width, height = orientation.size(frame.width, frame.height)
        return MediaInfo(
            container=container,
            codec=stream.codec_context.codec.canonical_name,
            width=width,
            height=height,
            size_bytes=path.stat().st_size,
            frames=stream.frames or None,
            seconds=_seconds(opened, stream),
            frames_per_second=_rate(stream),
            rotation=orientation.degrees,
            mirrored=orientation.mirrored,
            has_audio=bool(opened.streams.audio),
            stream_count=len(opened.streams),
            pixel_format=frame.format.name,
            bit_depth=frame.format.components[0].bits,
            sample_aspect=stream.sample_aspect_ratio or Fraction(1),
            full_range=_full_range(frame),
        )


def _first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame:
    # A recording may start between two key frames: packets that don't decode yet are passed over.
    for packet in packets(container, stream):
        if frames := _decode(packet):
            return frames[0]
    raise Failed(Reason.FRAME_EXTRACTION_FAILED)


def _decode(packet: "Packet[VideoStream]") -> list[VideoFrame]:
    with suppress(FFmpegError):
        return packet.decode()
    return []


def _seconds(container: InputContainer, stream: VideoStream) -> float | None:
    """The longest of the durations that the headers claim and the packets show."""
    claims = [_last_packet_s(container, stream)]
    if container.duration:
        claims.append(container.duration / 1_000_000)
    if stream.duration and stream.time_base:
        claims.append(float(stream.duration * stream.time_base))
    return max(claims) or None


def _last_packet_s(container: InputContainer, stream: VideoStream) -> float:
    """Where the last picture ends, in seconds after the first.

    Headers may lack the duration or lie. Seeking behind the end leaves only the last packets to
    read; where a file has no index to seek by, it is read once from the start.
    """
    return _from_s(container, stream, _BEHIND_THE_END_US) or _from_s(container, stream, 0)


def _from_s(container: InputContainer, stream: VideoStream, start_us: int) -> float:
    """Where the last picture ends when reading from `start_us` on; 0 when nothing is there."""
    last = 0
    # Where the file is cut, what was read until then counts.
    with suppress(Failed), damaged(Reason.METADATA_EXTRACTION_FAILED):
        container.seek(start_us)
        for packet in packets(container, stream):
            if packet.pts is not None:
                last = max(last, packet.pts + (packet.duration or 0) - (stream.start_time or 0))
    return float(last * (stream.time_base or 0))


def _rate(stream: VideoStream) -> float | None:
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    return float(rate) if rate else None


def _full_range(frame: VideoFrame) -> bool | None:
    if frame.color_range == ColorRange.UNSPECIFIED:
        return None
    return frame.color_range == ColorRange.JPEG
