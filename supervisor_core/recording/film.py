"""One MP4 file that is written packet by packet: nothing is coded anew."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.video.stream import VideoStream

from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.clock import TICKS

if TYPE_CHECKING:
    from av.container.core import Chapter

_CLOCK = Fraction(1, TICKS)
_OPTIONS = {"movflags": "+faststart", "fflags": "+bitexact", "movie_timescale": str(TICKS)}
# Apple's players know HEVC by this name only; the parameter sets then stand in the head alone.
_NAMES = {"hevc": "hvc1"}
_AHEAD = 4  # a quarter of a piece of sound: what is nearer follows without a hole
_BEHIND_S = 0.1  # sound that runs back further is put right at once, not little by little


class Film:
    """Writes an MP4 file with its index at the head; `close` makes it whole.

    Times are ticks of 1/90000 s. Raises `Failed`: NOT_JOINABLE when MP4 refuses what it gets,
    DISK_FULL.
    """

    def __init__(self, path: Path, video: VideoStream, sounds: Mapping[int, AudioStream]) -> None:
        self.pictures = 0
        self._last = -(2**62)
        with refusing():
            self._output = av.open(f"file:{path}", "w", format="mp4", options=_OPTIONS)
            self._video = self._output.add_stream_from_template(video)
            codec = video.codec_context.codec.canonical_name
            if codec in _NAMES:
                self._video.codec_context.codec_tag = _NAMES[codec]
            self._video.metadata.clear()
            self.tracks = {number: Track(self._output, sound) for number, sound in sounds.items()}

    def picture(self, packet: "Packet[Any]", dts: int, pts: int) -> None:
        """Takes the next picture."""
        packet.stream = self._video
        packet.time_base = _CLOCK
        packet.pts, packet.dts = max(pts, self._last + 1), max(dts, self._last + 1)
        self._last = packet.dts
        self.pictures += 1
        with refusing():
            self._output.mux(packet)

    def sound(self, packet: "Packet[Any]", number: int, ticks: int) -> None:
        """Takes the next piece of sound of a track."""
        with refusing():
            self._output.mux(self.tracks[number].timed(packet, ticks))

    def close(self, chapters: list[tuple[int, str]], end: int) -> None:
        """Writes the index, with chapters that begin at these times, and closes the file."""
        starts = [start for start, _ in chapters]
        rows: list[Chapter] = [
            {
                "id": number,
                "start": start,
                "end": max(start + 1, until),
                "time_base": _CLOCK,
                "metadata": {"title": title},
            }
            for number, (start, until, (_, title)) in enumerate(
                zip(starts, [*starts[1:], end], chapters, strict=False)
            )
        ]
        with refusing():
            self._output.set_chapters(rows)
            self._output.close()

    def abandon(self) -> None:
        """Closes a file that nobody needs."""
        with refusing():
            self._output.close()


class Track:
    """The sound of one stream, its times counted in samples."""

    def __init__(self, output: av.container.OutputContainer, sound: AudioStream) -> None:
        self.packets = 0
        self._rate = sound.codec_context.sample_rate
        self._stream = output.add_stream_from_template(sound)
        self._stream.metadata.clear()
        is_aac = sound.codec_context.codec.canonical_name == "aac"
        self._head = BitStreamFilterContext("aac_adtstoasc", sound) if is_aac else None
        self._last, self._next = -(2**62), -(2**62)

    def timed(self, packet: "Packet[Any]", ticks: int) -> list["Packet[Any]"]:
        """The packet as MP4 wants it, at its time."""
        length = round((packet.duration or 0) * self._rate / TICKS)
        stamp = round(ticks * self._rate / TICKS)
        ready = self._head.filter(packet) if self._head else [packet]
        for one in ready:
            self._last = self._when(stamp, length)
            self._next = self._last + length
            one.stream, one.time_base = self._stream, Fraction(1, self._rate)
            one.pts = one.dts = self._last
            one.duration = length
            self.packets += 1
        return ready

    def _when(self, stamp: int, length: int) -> int:
        """Right after the piece before it, unless its own time says something else."""
        if -_BEHIND_S * self._rate <= stamp - self._next <= length // _AHEAD:
            return self._next
        return max(stamp, self._last + 1)


@contextmanager
def refusing() -> Iterator[None]:
    """Turns what the muxer says into a reason; its text names files and stays behind."""
    try:
        yield
    except av.FFmpegError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Failed(Reason.DISK_FULL) from None
        if error.errno == errno.EIO:
            raise Failed(Reason.IO_ERROR) from None
        raise Failed(Reason.NOT_JOINABLE, error=type(error).__name__) from None
