"""What a recorded segment really holds: every frame decoded; runs in a worker's child process."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import av

from supervisor_core.child import report_progress
from supervisor_core.media.container import open_container, packets, picture_stream
from supervisor_core.media.damage import damaged
from supervisor_core.media.frames import FALLBACK_TIME_BASE, samples_of
from supervisor_core.media.kinds import Container
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.keyframes import key_frame_at
from supervisor_core.recording.looks import Look, Plane, look_of
from supervisor_core.recording.pieces import Place
from supervisor_core.recording.watching import Sample, Watch


@dataclass
class Inspected:
    """What decoding a segment to its end has shown; times are those of the stream, in seconds.

    `signature` is a digest of all frames, `samples` and `turns` are what they look like (see
    `Watch`), and `reason` says why decoding ended early.
    """

    frames: int = 0
    first_s: float | None = None
    last_s: float | None = None
    size_bytes: int = 0
    signature: str = ""
    samples: list[Sample] = field(default_factory=list)
    turns: list[Look] = field(default_factory=list)
    reason: Reason | None = None


def inspect(path: Path) -> Inspected:
    """Decodes a segment; what is damaged is said in the result, with what came before it."""
    seen = Inspected(size_bytes=path.lstat().st_size)
    whole, watch = hashlib.sha256(), Watch(seen.samples, seen.turns)
    try:
        for frame, time_s in _frames(path):
            luma = _luma(frame)
            whole.update(hashlib.blake2b(luma.tobytes(), digest_size=16).digest())
            watch.see(luma, time_s, key=frame.key_frame)
            seen.frames += 1
            seen.first_s = time_s if seen.first_s is None else min(time_s, seen.first_s)
            seen.last_s = time_s if seen.last_s is None else max(time_s, seen.last_s)
            report_progress(seen.frames, 0)
    except Failed as failed:
        seen.reason = failed.reason
    watch.end(seen.last_s or 0.0)
    seen.signature = whole.hexdigest()
    return seen


def samples_at(places: Sequence[Place]) -> list[Sample]:
    """What the key frames at these places look like; damaged ones are left out."""
    return [sample for place in places if (sample := _sample_at(place))]


def _sample_at(place: Place) -> Sample | None:
    with suppress(Failed):
        return Sample(place.media_s, look_of(_luma(key_frame_at(place))))
    return None


def _frames(path: Path) -> Iterator[tuple[av.VideoFrame, float]]:
    with open_container(path, Container.MPEG_TS) as container:
        stream = picture_stream(container)
        stream.thread_type = "AUTO"
        base = stream.time_base or FALLBACK_TIME_BASE
        decoded = (frame for packet in packets(container, stream) for frame in packet.decode())
        while True:
            with damaged(Reason.DECODE_FAILED):
                frame = next(decoded, None)
            if frame is None:
                return
            yield frame, float((frame.pts or 0) * base)


def _luma(frame: av.VideoFrame) -> Plane:
    """The brightness of a picture, 8 bits each; shape (rows, columns)."""
    if any(component.bits != 8 for component in frame.format.components[:1]):
        frame = frame.reformat(format="gray")
    luma = frame.planes[0]
    return samples_of(luma)[:, : luma.width]
