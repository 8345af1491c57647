"""Live streams of drawn frames that carry their own numbers, and a server that plays them badly.

A playlist grows by `step` segments each time it is asked for, so that no clock decides a test.
"""

import io
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import av
import numpy as np
from storage_parts import Site, send

from supervisor_core.media.container import open_stream

RATE, WIDTH, HEIGHT = 25, 160, 96
BITS = 16
GROUP = 10  # frames between two key frames, and in a segment of the playlist
TOKEN = "t0p-53cret-t0ken"
LIMIT_S = 20.0
_MASTER = """#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=100000,RESOLUTION=80x48
low.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=200000,RESOLUTION=160x96
live.m3u8
"""


def numbered(number: int) -> np.ndarray:
    """A picture (BGR) whose white and black bars are the bits of a number."""
    bars = [255 if number >> bit & 1 else 0 for bit in range(BITS)]
    row = np.repeat(np.array(bars, np.uint8), WIDTH // BITS)
    return np.repeat(np.broadcast_to(row, (HEIGHT, WIDTH))[:, :, None], 3, axis=2)


def number_in(luma: np.ndarray) -> int:
    bars = luma.reshape(HEIGHT, BITS, WIDTH // BITS).mean(axis=(0, 2)) > 128
    return sum(1 << bit for bit, white in enumerate(bars) if white)


@cache
def drawn(
    numbers: tuple[int, ...], start_s: float = 0.0, sound: bool = True, noise: float = 0.0
) -> tuple[bytes, ...]:
    """The segments of a stream (H.264 with B-frames, AAC), each with a key frame at its head.

    With noise of so many levels no two pictures are the same, whatever numbers they show.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = {
            "hls_time": str(GROUP / RATE),
            "hls_list_size": "0",
            "hls_segment_filename": f"{folder}/%05d.ts",
            "hls_segment_options": "mpegts_copyts=1",
        }
        with av.open(f"{folder}/all.m3u8", "w", format="hls", options=options) as output:
            _encode(output, _pictures(numbers, noise), start_s, sound)
        return tuple(path.read_bytes() for path in sorted(Path(folder).glob("*.ts")))


def _pictures(numbers: tuple[int, ...], noise: float) -> Iterator[np.ndarray]:
    random = np.random.default_rng(0)
    for number in numbers:
        grain = random.normal(0, noise, (HEIGHT, WIDTH, 1))
        yield np.clip(numbered(number) + grain, 0, 255).astype(np.uint8)


def _encode(output, pictures: Iterator[np.ndarray], start_s: float, sound: bool) -> None:  # type: ignore[no-untyped-def]
    video = output.add_stream("libx264", rate=RATE)
    video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    video.options = {
        "preset": "ultrafast",
        "crf": "30",
        "bf": "2",
        "x264-params": f"keyint={GROUP}:min-keyint={GROUP}:scenecut=0:b-adapt=0:bframes=2",
    }
    audio = output.add_stream("aac", rate=48000) if sound else None
    for index, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts, frame.time_base = round(start_s * RATE) + index, Fraction(1, RATE)
        output.mux(video.encode(frame))
        if audio:
            output.mux(audio.encode(_tone(start_s, index)))
    for stream in (video, audio):
        if stream:
            output.mux(stream.encode(None))


def _tone(start_s: float, index: int) -> av.AudioFrame:
    samples = 48000 // RATE
    times = np.arange(index * samples, (index + 1) * samples) / 48000
    wave = (0.2 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(wave[None, :], format="fltp", layout="mono")
    frame.sample_rate, frame.time_base = 48000, Fraction(1, 48000)
    frame.pts = round(start_s * 48000) + index * samples
    return frame


def counting(frames: int, first: int = 0) -> tuple[bytes, ...]:
    """A stream whose frames carry the numbers from `first` on, at the times that belong to them."""
    return drawn(tuple(range(first, first + frames)), first / RATE)


def numbers_of(content: bytes) -> list[int]:
    """The numbers of all frames of a transport stream, in the order they are shown."""
    with open_stream(io.BytesIO(content), "mpegts") as container:  # type: ignore[arg-type]
        frames = container.decode(container.streams.video[0])
        return [number_in(frame.to_ndarray(format="gray")) for frame in frames]


def samples_of_sound(content: bytes) -> int:
    """How many samples of sound a transport stream decodes to."""
    with open_stream(io.BytesIO(content), "mpegts") as container:  # type: ignore[arg-type]
        return sum(frame.samples for frame in container.decode(container.streams.audio[0]))


def numbers_in(paths: Sequence[Path]) -> list[int]:
    """The numbers of all frames of several segments, each decoded by itself."""
    return [number for path in paths for number in numbers_of(path.read_bytes())]


@dataclass
class Live:
    """A live stream with switches; a test may turn them at any time.

    Every playlist is this stream, but for `master.m3u8`, which names two of them.
    """

    segments: Sequence[bytes]
    published: int = 3
    step: int = 1
    window: int = 1000
    stop_at: int | None = None  # published grows no further: the playlist stands still
    ends: bool = True  # an end is announced when the last segment is out
    loops: bool = False  # the same segments come again, under new names
    status: int = 200
    silent: bool = False  # requests are not answered until `release` is set
    breaks_on: int | None = None  # this segment's answer is cut off once
    broken: int | None = None  # every time
    discontinuities: tuple[int, ...] = ()
    playlist: Callable[[str], str] | None = None  # says something else instead
    url: str = ""
    release: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, said: Callable[[], bool]) -> None:
        """Waits until something that depends on what was asked for is true."""
        with self._changed:
            assert self._changed.wait_for(said, LIMIT_S), "the stream was not asked for it"

    def count(self, word: str) -> int:
        """How many of the paths asked for hold a word."""
        return sum(word in path for path in self.asked)

    @contextmanager
    def open(self) -> Iterator["Live"]:
        with Site(self._answer).open() as site:
            base = site.url.rpartition("/")[0]
            self.url = f"{base}/live.m3u8?token={TOKEN}"
            try:
                yield self
            finally:
                self.release.set()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Nothing is answered before the end of the block."""
        self.release.clear()
        self.silent = True
        try:
            yield
        finally:
            self.silent = False
            self.release.set()

    def _answer(self, handler: BaseHTTPRequestHandler, _: int) -> None:
        path = urlsplit(handler.path).path
        with self._changed:
            self.asked.append(path)
            self._changed.notify_all()
        if self.silent:
            self.release.wait(LIMIT_S)
        if self.status != 200:
            send(handler, self.status)
        elif path.endswith(".m3u8"):
            send(handler, 200, self._playlist(handler).encode())
        else:
            self._send_segment(handler, int(path.rpartition("/")[2].removesuffix(".ts")))

    def _send_segment(self, handler: BaseHTTPRequestHandler, number: int) -> None:
        content = self.segments[number % len(self.segments)]
        if number in (self.breaks_on, self.broken):
            self.breaks_on = None
            send(handler, 200, content[: len(content) // 2], Content_Length=str(len(content)))
            return
        send(handler, 200, content)

    def _playlist(self, handler: BaseHTTPRequestHandler) -> str:
        host = handler.headers["Host"]
        if urlsplit(handler.path).path == "/master.m3u8":
            return _MASTER
        if self.playlist:
            return self.playlist(f"http://{host}")
        last = 10**6 if self.loops else len(self.segments)
        out = min(self.published, last)
        self.published = min(out + self.step, self.stop_at or last)
        first = max(0, out - self.window)
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1"]
        lines.append(f"#EXT-X-MEDIA-SEQUENCE:{first}")
        for number in range(first, out):
            if number in self.discontinuities:
                lines.append("#EXT-X-DISCONTINUITY")
            lines += [f"#EXTINF:{GROUP / RATE},", f"{number}.ts?token={TOKEN}"]
        if self.ends and out == last:
            lines.append("#EXT-X-ENDLIST")
        return "\n".join(lines) + "\n"
