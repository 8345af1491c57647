"""Pictures as the rest of the program sees them, and how large one may be."""

import numpy as np
import numpy.typing as npt

from supervisor_core.reasons import Failed, Reason

# Pixels of an upright picture: (height, width, 3), blue-green-red, 8 bits each.
Picture = npt.NDArray[np.uint8]

# A header of a few bytes can claim any size; above these the work would end in a killed worker.
VIDEO_PIXELS_MAX = 8192 * 8192
STILL_PIXELS_MAX = 100_000_000


def check_size(width: int, height: int, pixels_max: int) -> None:
    """Raises `Failed`: METADATA_EXTRACTION_FAILED without an extent, PICTURE_TOO_LARGE above it."""
    if width <= 0 or height <= 0:
        raise Failed(Reason.METADATA_EXTRACTION_FAILED, width=width, height=height)
    if width * height > pixels_max:
        raise Failed(Reason.PICTURE_TOO_LARGE, width=width, height=height)
