"""Device masks: which part of the screen is the camera's picture, by endoscopy tower.

Each is a JSON file: the region kept, in pixels of a reference frame, scaled to the video at hand.
An operator's own files stand beside the shipped ones and win over them.
"""

import json
import re
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from supervisor_core.cleaning.paint import Mask
from supervisor_core.reasons import Failed, Reason

GENERIC = "generic"
_NAME = re.compile(r"[a-z0-9_]+")


class _Size(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class _Rectangle(_Size):
    x: int
    y: int


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    device: str
    frame: _Size
    image: _Rectangle
    measured: bool
    note: str = ""


@dataclass(frozen=True)
class DeviceMask:
    """The region of a device's screen that is kept, in pixels of its reference frame.

    `measured` is False for regions that nobody compared with a real frame yet.
    """

    device: str
    frame: tuple[int, int]
    x: int
    y: int
    width: int
    height: int
    measured: bool
    note: str

    def outside(self, height: int, width: int) -> Mask:
        """Returns a mask (height, width) that is 1 outside the kept region, scaled to the size."""
        across, down = width / self.frame[0], height / self.frame[1]
        # Rounded inwards: a kept pixel lies wholly inside the region.
        left, right = int(np.ceil(self.x * across)), int((self.x + self.width) * across)
        top, bottom = int(np.ceil(self.y * down)), int((self.y + self.height) * down)
        mask = np.ones((height, width), dtype=np.uint8)
        mask[top:bottom, left:right] = 0
        return mask


def load_mask(device: str, folder: Path | None = None) -> DeviceMask:
    """Returns the mask of a device.

    Raises `Failed`: UNKNOWN_DEVICE, BAD_CONFIGURATION for a file that is not a mask,
    MASK_OUT_OF_FRAME when its region does not lie inside its own reference frame.
    """
    file = _files(folder).get(device)
    if file is None:
        raise Failed(Reason.UNKNOWN_DEVICE)
    try:
        parsed = _File.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except (ValidationError, ValueError):
        raise Failed(Reason.BAD_CONFIGURATION, mask=device) from None
    image, frame = parsed.image, parsed.frame
    inside_across = image.x >= 0 and image.x + image.width <= frame.width
    inside_down = image.y >= 0 and image.y + image.height <= frame.height
    if not (inside_across and inside_down):
        raise Failed(Reason.MASK_OUT_OF_FRAME, mask=device)
    return DeviceMask(
        device,
        (frame.width, frame.height),
        image.x,
        image.y,
        image.width,
        image.height,
        parsed.measured,
        parsed.note,
    )


def device_names(folder: Path | None = None) -> list[str]:
    """The names of all devices that have a mask."""
    return sorted(_files(folder))


def _files(folder: Path | None) -> dict[str, Traversable]:
    shipped = resources.files("supervisor_core.cleaning") / "masks"
    own = list(folder.iterdir()) if folder is not None and folder.is_dir() else []
    files = [*shipped.iterdir(), *own]
    named = {file.name.removesuffix(".json"): file for file in files if file.name.endswith(".json")}
    return {name: file for name, file in named.items() if _NAME.fullmatch(name)}
