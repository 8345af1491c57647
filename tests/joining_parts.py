"""What the tests of joining share: segments in many codecs, and what a file shows and plays."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

import av
from hls_server import HEIGHT, RATE, WIDTH, counting, drawn, number_in, numbered

from supervisor_core.recording.inspection import inspect
from supervisor_core.recording.proof import Shown

GROUPS = 2  # of pictures in one segment
_HEAD_BYTES = 3 * 188  # FFmpeg's tables at the head of a transport stream


@dataclass(frozen=True)
class Seen:
    """A file as a player sees it: frames by their numbers, times in ticks of each track."""

    numbers: list[int]
    times: list[int]
    sounds: list[list[int]]


def see(path: Path) -> Seen:
    with av.open(f"file:{path}") as container:
        frames = [
            (number_in(frame.to_ndarray(format="gray")), frame.pts)
            for frame in container.decode(video=0)
        ]
    with av.open(f"file:{path}") as container:
        tracks: list[list[int]] = [[] for _ in container.streams.audio]
        for packet in container.demux(audio=tuple(range(len(tracks)))) if tracks else ():
            if packet.size:
                tracks[packet.stream.index - 1].append(packet.pts)
    return Seen([number for number, _ in frames], [time for _, time in frames], tracks)


def steps(times: Sequence[int]) -> set[int]:
    return {after - before for before, after in pairwise(times)}


def put(folder: Path, contents: Iterable[bytes], name: str = "segment") -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for number, content in enumerate(contents):
        paths.append(folder / f"{name}_{number:06d}.ts")
        paths[-1].write_bytes(content)
    return paths


def segments_of(groups: Sequence[bytes]) -> list[bytes]:
    """So many groups of a drawn live stream make one segment."""
    return [b"".join(groups[at : at + GROUPS]) for at in range(0, len(groups), GROUPS)]


def counted(frames: int = 100) -> list[bytes]:
    return segments_of(counting(frames))


def numbered_from(first: int, frames: int, start_s: float) -> bytes:
    """One segment of another clock."""
    return b"".join(drawn(tuple(range(first, first + frames)), start_s))


@cache
def coded(
    codec: str, options: tuple[tuple[str, str], ...], sound: str = "", frames: int = 72
) -> bytes:
    """A transport stream of numbered frames in any codec."""
    output = io.BytesIO()
    with av.open(output, "w", format="mpegts") as container:
        video = container.add_stream(codec, rate=RATE)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.options = {"preset": "ultrafast", "crf": "30", **dict(options)}
        audio = container.add_stream(sound, rate=44100) if sound else None
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(numbered(index), format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(video.encode(frame))
            if audio:
                container.mux(audio.encode(_silence(index, audio.format.name)))
        for stream in filter(None, (video, audio)):
            container.mux(stream.encode(None))
    return output.getvalue()


def _silence(index: int, form: str) -> av.AudioFrame:
    samples = 44100 // RATE
    frame = av.AudioFrame(format=form, layout="stereo", samples=samples)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate, frame.time_base = 44100, Fraction(1, 44100)
    frame.pts = index * samples
    return frame


def cut_at_keys(stream: bytes, every: int) -> list[bytes]:
    """Cuts a transport stream at every so many key frames, each piece with the tables."""
    with av.open(io.BytesIO(stream), format="mpegts") as container:
        packets = container.demux(video=0)
        keys = [packet.pos for packet in packets if packet.size and packet.is_keyframe]
    edges = [_HEAD_BYTES, *keys[every::every], len(stream)]
    head = stream[:_HEAD_BYTES]
    return [head + stream[a:b] for a, b in pairwise(edges)]


def shown(paths: Iterable[Path]) -> list[Shown]:
    """What the recorder found in each segment when it was closed."""
    found = [inspect(path) for path in paths]
    return [Shown(one.frames, one.signature) for one in found]


def sounds_in(paths: Iterable[Path]) -> int:
    count = 0
    for path in paths:
        with av.open(f"file:{path}") as container:
            count += sum(bool(packet.size) for packet in container.demux(audio=0))
    return count
