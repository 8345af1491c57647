"""What `doctor` looks at in a child process: native libraries and models, which may crash."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from supervisor_core.reasons import Reason


@dataclass(frozen=True)
class Look:
    """How a model server is, without what only speaks to it; no reason when all is well."""

    reason: Reason | None = None
    version: str = ""
    digest: str = ""


def try_codecs() -> str:
    """The version of FFmpeg inside PyAV; raises ImportError when its H.264 encoder is missing."""
    import av

    av.CodecContext.create("libx264", "w")
    av.CodecContext.create("h264", "r")
    return ".".join(str(part) for part in av.library_versions["libavcodec"])


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
