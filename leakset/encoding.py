"""Writing pictures as the kinds of files that come in: containers, flags, pixel formats, timing."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

_TICKS = 1000  # time base of everything written here, in 1/s


@dataclass(frozen=True)
class Encoding:
    """How a case is stored; `rotation` is the flag a player turns the picture by (clockwise)."""

    suffix: str = ".mp4"
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    rotation: int = 0
    variable_rate: bool = False
    companions: bool = False  # a sound track and a second, smaller picture stream
    preset: str = "veryfast"


PLAIN = Encoding()
_QUALITY = {
    # Else x264 decides by the machine's instruction set and by memory that nobody has written.
    "libx264": {"crf": "12", "x264-params": "cpu-independent=1"},
    "libx265": {"crf": "12", "x265-params": "log-level=none"},
    "libvpx-vp9": {"crf": "12", "b": "0", "deadline": "realtime", "cpu-used": "6"},
}
_TURN_BACK = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


def times(count: int, rate: int, encoding: Encoding) -> tuple[float, ...]:
    """Times of the frames in seconds, from 0; a variable rate alternates long and short steps."""
    if not encoding.variable_rate:
        return tuple(round(i * _TICKS / rate) / _TICKS for i in range(count))
    steps = np.array([20, 40, 40, 60, 100, 20, 33])
    ticks = np.concatenate([[0], np.cumsum(np.resize(steps, count - 1))])
    return tuple(float(tick) / _TICKS for tick in ticks)


def write(
    path: Path, frames: Sequence[np.ndarray], times_s: Sequence[float], encoding: Encoding = PLAIN
) -> None:
    """Writes upright BGR frames so that a player shows them upright."""
    stored = [_turn_back(frame, encoding.rotation) for frame in frames]
    with av.open(f"file:{path}", "w") as container:
        tone = _add_tone(container) if encoding.companions else None
        main = _add_stream(container, stored[0], encoding)
        if encoding.rotation:
            main.set_display_rotation(-encoding.rotation)
        small = (
            _add_stream(container, stored[0][::2, ::2], encoding) if encoding.companions else None
        )
        for frame, time_s in zip(stored, times_s, strict=True):
            _encode(container, main, frame, time_s, encoding)
            if small is not None:
                _encode(container, small, frame[::2, ::2], time_s, encoding)
        for stream in (main, small):
            if stream is not None:
                container.mux(stream.encode(None))
        if tone is not None:
            _write_tone(container, tone, times_s[-1])


def _turn_back(frame: np.ndarray, degrees: int) -> np.ndarray:
    return cv2.rotate(frame, _TURN_BACK[degrees]) if degrees else frame


def _add_stream(container, picture: np.ndarray, encoding: Encoding):
    options = _QUALITY[encoding.codec]
    if encoding.codec != "libvpx-vp9":
        options = options | {"preset": encoding.preset}
    stream = container.add_stream(encoding.codec, rate=25, options=options)
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = encoding.pixel_format
    stream.codec_context.time_base = Fraction(1, _TICKS)
    stream.time_base = Fraction(1, _TICKS)
    return stream


def _encode(container, stream, picture: np.ndarray, time_s: float, encoding: Encoding) -> None:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
    frame = frame.reformat(format=encoding.pixel_format)
    frame.pts = round(time_s * _TICKS)
    frame.time_base = Fraction(1, _TICKS)
    container.mux(stream.encode(frame))


def _add_tone(container):
    return container.add_stream("aac", rate=48_000, layout="mono")


def _write_tone(container, stream, seconds: float) -> None:
    count = max(1, round(seconds * 48_000))
    wave = (8000 * np.sin(np.arange(count) * 2 * np.pi * 440 / 48_000)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(wave[None, :], format="s16", layout="mono")
    frame.sample_rate = 48_000
    frame.pts = 0
    frame.time_base = Fraction(1, 48_000)
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
