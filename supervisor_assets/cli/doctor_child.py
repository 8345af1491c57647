"""What `doctor` looks at in a child process: native libraries and models, which may crash."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from supervisor_core.reasons import Failed, Reason


@dataclass(frozen=True)
class Look:
    """How a model server is, without what only speaks to it; no reason when all is well."""

    reason: Reason | None = None
    version: str = ""
    digest: str = ""


READ = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg2video", "mpeg4", "mjpeg", "aac", "mp3", "opus")
"""What a medium may be coded in."""


def try_codecs() -> tuple[str, str]:
    """The version of FFmpeg inside PyAV, and what it can't read; writes and reads a picture.

    Raises ImportError when PyAV is missing, and av.FFmpegError without an H.264 encoder.
    """
    import av

    writer = av.CodecContext.create("libx264", "w")
    writer.width, writer.height, writer.pix_fmt = 64, 48, "yuv420p"
    writer.time_base = Fraction(1, 25)
    packets = [*writer.encode(av.VideoFrame(64, 48, "yuv420p")), *writer.encode(None)]
    reader = av.CodecContext.create("h264", "r")
    shown = [frame for packet in [*packets, None] for frame in reader.decode(packet)]
    if len(shown) != 1:
        raise Failed(Reason.DEPENDENCY_MISSING, package="av", codec="h264")
    version = ".".join(str(part) for part in av.library_versions["libavcodec"])
    return version, " ".join(unreadable(READ))


def unreadable(names: Iterable[str]) -> list[str]:
    """Those codecs that nothing here can decode."""
    import av

    missing = []
    for name in names:
        try:
            av.CodecContext.create(name, "r")
        except (av.FFmpegError, ValueError):
            missing.append(name)
    return missing


def try_models() -> str:
    """Has both networks look at an empty picture."""
    import numpy as np

    from supervisor_core.cleaning.detector import MODEL
    from supervisor_core.cleaning.engine import detector, reader

    picture = np.zeros((64, 128, 3), np.uint8)
    corners = np.array([[8, 8], [120, 8], [120, 56], [8, 56]], np.float32)
    detector().find(picture)
    reader().read(picture, corners)
    return MODEL.stem


def look_at_model(url: str, model: str, hosts: Collection[str], limit_s: float) -> Look:
    """What a model server says of itself and of the model of exactly this name."""
    from supervisor_core.model.health import look

    found = look(url, model, hosts, limit_s)
    return Look(found.reason, found.version, found.digest)


def look_at_masks(folder: Path) -> dict[str, bool]:
    """Every device with a mask, and whether it was measured on real frames."""
    from supervisor_core.cleaning.device_masks import device_names, load_mask

    return {name: load_mask(name, folder).measured for name in device_names(folder)}
