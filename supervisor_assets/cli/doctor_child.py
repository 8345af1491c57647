"""What `doctor` looks at in a child process: native libraries and models, which may crash."""

from pathlib import Path


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


def look_at_masks(folder: Path) -> dict[str, bool]:
    """Every device with a mask, and whether it was measured on real frames."""
    from supervisor_core.cleaning.device_masks import device_names, load_mask

    return {name: load_mask(name, folder).measured for name in device_names(folder)}
