"""Reads all packets of one segment, without decoding it, to know what it holds."""

from array import array
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from supervisor_core.media.container import open_container, picture_stream
from supervisor_core.media.damage import damaged
from supervisor_core.media.kinds import Container
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.footage import (
    AnyPacket,
    Footage,
    OnBytes,
    Picture,
    Span,
    Stretch,
    Timer,
    form_of,
    media_packets,
    nearest,
    sound_numbers,
    stamp_of,
)
from supervisor_core.recording.parameters import begins_anew, coded_picture, needs_former

PICTURES = frozenset({"h264", "hevc"})
SOUND = frozenset({"aac", "mp2", "mp3", "ac3", "eac3"})
_TAIL_MAX = 1000  # pictures that are decoded to see whether the last one is whole


def look(path: Path, on_bytes: OnBytes = lambda _: None) -> Footage:
    """Reads all packets of a segment; `on_bytes` hears how far it is.

    Raises `Failed`: NO_VIDEO_STREAM; NOT_JOINABLE when one MP4 file can't hold what is in it;
    DECODE_FAILED when it can't be read to its end; or as `open_container` does.
    """
    footage = Footage(path, path.lstat().st_size)
    with open_container(path, Container.MPEG_TS) as container:
        video = picture_stream(container)
        footage.codec = video.codec_context.codec.canonical_name
        if footage.codec not in PICTURES:
            raise Failed(Reason.NOT_JOINABLE, codec=footage.codec)
        _Reader(footage, container).read(on_bytes)
    return footage


class _Reader:
    """Takes in the packets of one segment."""

    def __init__(self, footage: Footage, container: InputContainer) -> None:
        self._footage, self._container = footage, container
        self._sounds = sound_numbers(container)
        self._timer, self._heard = Timer(), _Heard()
        self._key: int | None = None  # when the first key picture is shown
        self._leading = True
        self._tail: list[AnyPacket] = []  # from the last key picture on

    def read(self, on_bytes: OnBytes) -> None:
        for packet in media_packets(self._container, on_bytes):
            if packet.stream_index in self._sounds:
                self._hear(packet, self._sounds[packet.stream_index])
            else:
                self._see(self._timer.picture(packet))
        self._footage.step = self._timer.step
        self._footage.cut = _ends_damaged(self._tail, picture_stream(self._container))
        self._heard.place(self._footage.stretches)

    def _see(self, picture: Picture) -> None:
        footage = self._footage
        if picture.stretch == len(footage.stretches):
            footage.stretches.append(Stretch(picture.jump, picture.dts, picture.dts))
        stretch = footage.stretches[picture.stretch]
        stretch.last = picture.dts
        footage.pictures += 1
        self._keep(picture.packet)
        if self._is_head(picture):
            footage.head.add(footage.pictures - 1)
            return
        end = picture.pts + self._timer.step
        stretch.shown = stretch.shown or Span(picture.pts, end)
        stretch.shown.widen(picture.pts, end)

    def _keep(self, packet: AnyPacket) -> None:
        if packet.is_keyframe or len(self._tail) > _TAIL_MAX:
            self._tail.clear()
        self._tail.append(packet)

    def _is_head(self, picture: Picture) -> bool:
        coded = coded_picture(bytes(picture.packet), self._footage.codec)
        if not self._footage.sets:
            self._footage.sets = coded.sets
        elif not coded.sets <= self._footage.sets:
            raise Failed(Reason.NOT_JOINABLE, picture=self._footage.pictures)
        if self._key is None:
            if picture.packet.is_keyframe and self._footage.sets:
                self._key = picture.pts
                self._footage.fresh = begins_anew(coded, self._footage.codec)
            return self._key is None
        self._leading = self._leading and picture.pts < self._key
        return self._leading and needs_former(coded, self._footage.codec)

    def _hear(self, packet: AnyPacket, number: int) -> None:
        form, forms = form_of(packet), self._footage.forms
        if form is None:
            return
        if form[0] not in SOUND or not form[1] or forms.setdefault(number, form) != form:
            raise Failed(Reason.NOT_JOINABLE, codec=form[0])
        self._heard.add(packet, number, self._timer)


class _Heard:
    """The times of all pieces of sound, until it is clear which stretches there are."""

    def __init__(self) -> None:
        self._rows = tuple(array("q") for _ in range(5))

    def add(self, packet: AnyPacket, number: int, timer: Timer) -> None:
        now = timer.clock.now or 0
        row = (number, stamp_of(packet), timer.stretch, now, packet.duration or 0)
        for column, value in zip(self._rows, row, strict=True):
            column.append(value)

    def place(self, stretches: Sequence[Stretch]) -> None:
        if not stretches:
            return
        for number, stamp, current, now, length in zip(*self._rows, strict=True):
            index, ticks = nearest(stretches, current, now, stamp)
            sounds = stretches[index].sounds
            sounds.setdefault(number, Span(ticks, ticks)).widen(ticks, ticks + length)


def _ends_damaged(tail: Sequence[AnyPacket], video: VideoStream) -> bool:
    """True when of these pictures, which begin with a key picture, just the last is damaged.

    It is better left out: FFmpeg's repair of it shows in good pictures much later.
    """
    video.codec_context.options = {**video.codec_context.options, "err_detect": "explode"}
    video.thread_type = "NONE"
    bad = [number for number, packet in enumerate(tail) if not _decodes(packet)]
    return bad == [len(tail) - 1] or (not bad and bool(tail) and not _flushes(video))


def _decodes(packet: AnyPacket) -> bool:
    with suppress(Failed), damaged(Reason.DECODE_FAILED):
        return all(not frame.is_corrupt for frame in packet.decode())
    return False


def _flushes(video: VideoStream) -> bool:
    with suppress(Failed), damaged(Reason.DECODE_FAILED):
        return all(not frame.is_corrupt for frame in video.decode(None))
    return False
