"""Draws small clips with text, clocks and flags of every kind, and reads them back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from media_builders import arrow

from supervisor_core.media.encode import VideoWriter
from supervisor_core.media.frames import Frame, VideoFrames

WIDTH, HEIGHT = 320, 240
NAME = "MUSTERMANN ERIKA"


def scene(index: int = 0, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A soft moving picture (BGR) without anything that looks like writing."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    wave = np.sin((across + 3 * index) / 47) + np.cos((down - 2 * index) / 61)
    red = 105 + 25 * wave
    return np.stack([red * 0.5, red * 0.6, red], axis=2).astype(np.uint8)


def written(
    picture: np.ndarray,
    text: str = NAME,
    at: tuple[int, int] = (20, 60),
    scale: float = 0.8,
    colour: tuple[int, int, int] = (255, 255, 255),
) -> np.ndarray:
    """The picture with a line of text whose left foot stands at (x, y)."""
    place, thick = (at[0], at[1]), max(1, round(2 * scale))
    font = cv2.FONT_HERSHEY_SIMPLEX
    return cv2.putText(picture.copy(), text, place, font, scale, colour, thick, cv2.LINE_AA)


def box_of(text: str, at: tuple[int, int] = (20, 60), scale: float = 0.8) -> tuple[slice, slice]:
    """Rows and columns that `written` draws the text into."""
    thick = max(1, round(2 * scale))
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    return slice(at[1] - height, at[1] + 2), slice(at[0], at[0] + width)


@dataclass
class Recipe:
    """How a clip is coded; `prepare` gets the container and the stream before the first frame."""

    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    times: Sequence[int] | None = None
    time_base: Fraction = Fraction(1, 25)
    options: dict[str, str] = field(default_factory=dict)
    format_: str | None = None
    aspect: Fraction | None = None
    turn: tuple[int, bool] = (0, False)
    prepare: Callable[[Any, Any], None] | None = None


def write_clip(path: Path, pictures: Sequence[np.ndarray], recipe: Recipe | None = None) -> Path:
    """Encodes BGR pictures (low quality loss, B-frames as the codec likes) into a file."""
    how = recipe or Recipe()
    with av.open(f"file:{path}", "w", format=how.format_) as container:
        stream = container.add_stream(how.codec, rate=25)
        stream.time_base = stream.codec_context.time_base = how.time_base
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = how.pixel_format
        stream.options = {"crf": "12", **how.options} if how.codec == "libx264" else how.options
        if how.aspect:
            stream.codec_context.sample_aspect_ratio = how.aspect
        if how.turn != (0, False):
            stream.set_display_rotation(how.turn[0], hflip=how.turn[1])
        if how.prepare:
            how.prepare(container, stream)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = how.times[index] if how.times else index, how.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def rewrite(source: Path, destination: Path) -> tuple[VideoFrames, list[Frame]]:
    """Reads all frames and writes them again; returns the reader, which has seen the whole file."""
    frames = VideoFrames(source)
    reading = iter(frames)
    kept = [next(reading)]
    writer = VideoWriter(
        destination,
        time_base=frames.time_base,
        rate=frames.rate,
        colour=frames.colour,
        aspect=frames.aspect,
    )
    with writer:
        writer.write(kept[0])
        for frame in reading:
            writer.write(frame)
            kept.append(frame)
    return frames, kept


def read_all(path: Path) -> tuple[VideoFrames, list[Frame]]:
    """All frames of a file, and the reader that has seen them."""
    frames = VideoFrames(path)
    return frames, list(frames)


def as_players_do(path: Path) -> list[np.ndarray]:
    """BGR pictures as FFmpeg's own scaler converts them, colour range and matrix observed."""
    with av.open(f"file:{path}") as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def arrows(count: int = 8, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Pictures of which no two are alike and none is its own mirror image."""
    pictures = []
    for index in range(count):
        picture = arrow(width, height)
        picture[height // 2 :, : width // 2] = (index * 10, 120, 255 - index * 10)
        pictures.append(picture)
    return pictures
