"""Proof that joined files show what their segments show: every frame decoded and compared.

Only after this may a segment go. Runs inside a worker child.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import av

from supervisor_core.child import report_progress
from supervisor_core.media.container import open_container, picture_stream
from supervisor_core.media.damage import damaged
from supervisor_core.media.frames import samples_of
from supervisor_core.media.kinds import Container
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.footage import AnyPacket, media_packets, sound_numbers
from supervisor_core.recording.joining import Joined
from supervisor_core.recording.sameness import holds_the_same


@dataclass(frozen=True)
class Shown:
    """What a segment shows: how many frames, and their signature as `inspection.inspect` gives it.

    Only what was decoded to the end without a complaint can be used here.
    """

    frames: int
    signature: str


def validate(
    parts: Sequence[Joined], segments: Sequence[Path], shown: Sequence[Shown | None] = ()
) -> list[int]:
    """Decodes joined files to their end and returns how many frames each of them shows.

    `segments` and `shown` are in the order that `join` was given; a segment of which it is not
    known what it shows is decoded here as well. Where frames look otherwise than in a segment by
    itself, the coded pictures must be the same. Raises `Failed`: JOINED_DIFFERS when a frame is
    missing, doubled or different, times don't rise or sound was lost; or as `open_container` does.
    """
    frames = []
    for part in parts:
        film = _Decoded()
        doubtful = _compare(part, film, segments, shown)
        if not film.whole(part) or (doubtful and not holds_the_same(part, segments)):
            raise Failed(Reason.JOINED_DIFFERS)
        frames.append(film.frames)
    return frames


def _compare(
    part: Joined, film: "_Decoded", segments: Sequence[Path], shown: Sequence[Shown | None]
) -> bool:
    """Counts the frames of each segment in a file; true when some look otherwise than in it."""
    doubtful = False
    digests = film.digests(part.path, Container.MP4)
    for number, skipped, cut in zip(part.segments, part.restored, part.cut, strict=True):
        deque(islice(digests, skipped), maxlen=0)
        known = shown[number] if number < len(shown) and not cut else None
        alone = known or alone_shows(segments[number], cut)
        mine = _sign(islice(digests, alone.frames))
        if mine.frames != alone.frames:
            raise Failed(Reason.JOINED_DIFFERS, segment=number)
        doubtful = doubtful or mine != alone
    if next(digests, None) is not None:
        raise Failed(Reason.JOINED_DIFFERS)
    return doubtful


def frames_of(path: Path) -> int:
    """Decodes a joined file to its end and counts its frames; 0 if their times don't rise.

    Raises `Failed` as `open_container` does.
    """
    film = _Decoded()
    for _ in film.digests(path, Container.MP4):
        pass
    return film.frames if film.rises else 0


def alone_shows(segment: Path, cut: int = 0) -> Shown:
    """Decodes a segment, damage included: what does not decode is left out, as players do.

    Its last `cut` pictures don't count.
    """
    return _sign(_Decoded().digests(segment, Container.MPEG_TS, cut))


@dataclass
class _Decoded:
    """One file that is decoded, and what its packets were."""

    frames: int = 0
    rises: bool = True
    sounds: dict[int, int] = field(default_factory=dict)
    mute: int = 0
    _last: int | None = None

    def digests(self, path: Path, kind: Container, cut: int = 0) -> Iterator[bytes]:
        """Decodes a file, but for its last `cut` pictures."""
        held: deque[AnyPacket] = deque()
        with open_container(path, kind) as container:
            video = picture_stream(container)
            video.thread_type = "AUTO"
            numbers = sound_numbers(container)
            for packet in media_packets(container, lambda _: None):
                if packet.stream_index in numbers:
                    self._hear(packet, numbers[packet.stream_index])
                    continue
                held.append(packet)
                if len(held) > cut:
                    yield from map(self._see, _decoded(held.popleft()))
            yield from map(self._see, _rest(video))

    def whole(self, part: Joined) -> bool:
        """True when times rise, and all sound is there and can be heard."""
        packets = tuple(self.sounds.get(number, 0) for number in range(len(part.sounds)))
        return self.rises and packets == part.sounds and self.mute * 2 <= sum(packets)

    def _see(self, frame: av.VideoFrame) -> bytes:
        self.rises = self.rises and (self._last is None or (frame.pts or 0) > self._last)
        self._last = frame.pts or 0
        self.frames += 1
        report_progress(self.frames, 0)
        if frame.format.components[0].bits != 8:  # as `inspect` does
            frame = frame.reformat(format="gray")
        luma = frame.planes[0]
        rows = samples_of(luma)[:, : luma.width]
        return hashlib.blake2b(rows.tobytes(), digest_size=16).digest()

    def _hear(self, packet: AnyPacket, number: int) -> None:
        self.sounds[number] = self.sounds.get(number, 0) + 1
        self.mute += not list(_decoded(packet))


def _decoded(packet: AnyPacket) -> list[av.VideoFrame]:
    with suppress(Failed), damaged(Reason.DECODE_FAILED):
        return list(packet.decode())
    return []


def _rest(video: av.video.stream.VideoStream) -> list[av.VideoFrame]:
    with suppress(Failed), damaged(Reason.DECODE_FAILED):
        return list(video.decode(None))
    return []


def _sign(digests: Iterable[bytes]) -> Shown:
    frames, whole = 0, hashlib.sha256()
    for digest in digests:
        frames += 1
        whole.update(digest)
    return Shown(frames, whole.hexdigest())
