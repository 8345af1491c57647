"""A drawn live stream on loopback: numbered frames, a clock that plays it, and a bad cable."""

import io
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import cv2
import numpy as np

BITS = 20
_ROWS = 16
_WINDOW = 60


def numbered(number: int, width: int = 160, height: int = 96) -> np.ndarray:
    """A grey picture whose upper rows are the bits of a number, over something that moves."""
    y, x = np.mgrid[0:height, 0:width]
    picture = ((x * 3 + y * 2 + number * 5) % 200 + 28).astype(np.uint8)
    bars = [255 if number >> bit & 1 else 0 for bit in range(BITS)]
    picture[:_ROWS] = np.repeat(np.array(bars, np.uint8), width // BITS)
    return picture


def number_in(luma: np.ndarray) -> int:
    """The number that a decoded picture bears."""
    width = luma.shape[1] // BITS * BITS
    bars = luma[:_ROWS, :width].reshape(_ROWS, BITS, -1).mean(axis=(0, 2)) > 128
    return sum(1 << bit for bit, white in enumerate(bars) if white)


def noisy(number: int) -> np.ndarray:
    """A 720p picture that codes to about as much as a camera's."""
    size = (320, 180)
    noise = np.random.default_rng(number % 50).integers(0, 60, size[::-1], np.uint8)
    large = cv2.resize(noise, (1280, 720), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large + numbered(number, 1280, 720) // 2, np.uint8)


def coded(
    pictures: Iterator[np.ndarray], rate: int, group: int, start_s: float = 10.0, **options: str
) -> Iterator[bytes]:
    """H.264 in one transport stream a group of pictures, B-frames and all."""
    encoder, output = None, io.BytesIO()
    container = None
    packets: Iterator[av.Packet] = iter(())
    for index, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p")
        frame.pts, frame.time_base = round(start_s * rate) + index, Fraction(1, rate)
        encoder = encoder or _encoder(frame, rate, group, options)
        packets = iter(encoder.encode(frame))
        for packet in packets:
            if packet.is_keyframe:
                if container:
                    container.close()
                    yield output.getvalue()
                output = io.BytesIO()
                container, stream = _output(output, encoder)
            packet.stream = stream
            container.mux(packet)
    if encoder and container:
        for packet in encoder.encode(None):
            packet.stream = stream
            container.mux(packet)
        container.close()
        yield output.getvalue()


def _encoder(
    frame: av.VideoFrame, rate: int, group: int, options: dict[str, str]
) -> av.VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, rate), Fraction(rate)
    params = f"keyint={group}:min-keyint={group}:scenecut=0:b-adapt=0:bframes=2"
    encoder.options = {"preset": "ultrafast", "crf": "30", "x264-params": params, **options}
    return encoder


def _output(
    output: io.BytesIO, encoder: av.VideoCodecContext
) -> tuple[av.container.OutputContainer, av.stream.Stream]:
    container = av.open(output, "w", format="mpegts", options={"mpegts_copyts": "1"})
    stream = container.add_mux_stream(
        "h264", rate=encoder.framerate, width=encoder.width, height=encoder.height
    )
    stream.time_base = Fraction(1, 90_000)
    return container, stream


def shifted(content: bytes, ticks: int) -> bytes:
    """The same transport stream at another time of its clock."""
    output = io.BytesIO()
    options = {"mpegts_copyts": "1"}
    with (
        av.open(io.BytesIO(content), format="mpegts") as source,
        av.open(output, "w", format="mpegts", options=options) as target,
    ):
        video = source.streams.video[0]
        stream = target.add_stream_from_template(video)
        for packet in source.demux(video):
            if packet.size:
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = stream
                target.mux(packet)
    return output.getvalue()


class Repeated(Sequence[bytes]):
    """A stream that shows the same again and again while its clock goes on."""

    def __init__(self, groups: Sequence[bytes], group_s: float, times: int) -> None:
        self._groups, self._times = groups, times
        self._ticks = round(len(groups) * group_s * 90_000)

    def __len__(self) -> int:
        return len(self._groups) * self._times

    def __getitem__(self, number: int) -> bytes:  # type: ignore[override]
        turn, at = divmod(number, len(self._groups))
        return shifted(self._groups[at], turn * self._ticks)


class Broadcast:
    """Plays segments of a stream at a pace; `freeze` has the playlist stand still.

    At the pace of life the playlist holds the last 60 segments, else all: nobody has to hurry.
    """

    def __init__(self, segments: Sequence[bytes], segment_s: float, *, pace: float = 1.0) -> None:
        self.url = ""
        self._segments, self._segment_s, self._pace = segments, segment_s, pace
        self._started: float | None = None
        self._frozen: int | None = None

    @contextmanager
    def open(self) -> Iterator["Broadcast"]:
        """Serves until the end of the block."""
        server = _Server(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}/live.m3u8"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def freeze(self) -> None:
        """From now on the playlist says what it says now."""
        self._frozen = self._out()

    def thaw(self) -> None:
        """Says how far the stream is again."""
        self._frozen = None

    def answer(self, path: str) -> bytes:
        """The playlist, or one segment."""
        if path.endswith(".m3u8"):
            return self._playlist().encode()
        return self._segments[int(path.rpartition("/")[2].removesuffix(".ts"))]

    def _out(self) -> int:
        self._started = self._started or time.monotonic()
        media_s = (time.monotonic() - self._started) * self._pace
        return min(len(self._segments), 6 + int(media_s / self._segment_s))

    def _playlist(self) -> str:
        out = self._out() if self._frozen is None else self._frozen
        first = max(0, out - _WINDOW) if self._pace == 1 else 0
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1"]
        lines.append(f"#EXT-X-MEDIA-SEQUENCE:{first}")
        for number in range(first, out):
            lines += [f"#EXTINF:{self._segment_s},", f"{number}.ts"]
        if out == len(self._segments):
            lines.append("#EXT-X-ENDLIST")
        return "\n".join(lines) + "\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Whoever asked was killed."""


def _handler(broadcast: Broadcast) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            content = broadcast.answer(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    return Handler


class Cable:
    """Forwards connections; a cut leaves those that stand open and silent, new ones work."""

    def __init__(self, url: str) -> None:
        host, _, port = url.partition("//")[2].partition("/")[0].partition(":")
        self._target = (host, int(port))
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}/live.m3u8"
        self._cuts = 0
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """Nothing comes through any connection that stands now."""
        self._cuts += 1

    def _serve(self) -> None:
        while True:
            near, _ = self._door.accept()
            far = socket.create_connection(self._target)
            self._kept += [near, far]
            for one, other in ((near, far), (far, near)):
                args = (one, other, self._cuts)
                threading.Thread(target=self._forward, args=args, daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, cuts: int) -> None:
        with suppress(OSError):
            while chunk := source.recv(1 << 16):
                if cuts != self._cuts:
                    return  # and both stay open
                target.sendall(chunk)
            if cuts == self._cuts:
                target.shutdown(socket.SHUT_WR)


def numbers_in(path: Path) -> list[int]:
    """The numbers of all frames of one segment."""
    with av.open(str(path)) as container:
        return [number_in(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
