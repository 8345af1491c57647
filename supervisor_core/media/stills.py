"""Stills in and out: from a file to upright pixels, and from pixels to a file that holds no more.

Only what a viewer shows survives reading: orientation is applied, colours are brought to sRGB,
16 bits to their upper 8, and what an alpha channel hides is replaced by white. A file with several
pictures (animated PNG or WebP) is refused, since all but the first would be lost; the extra
pictures in a phone's JPEG (depth, gain map) are simply not read. Writing starts from the pixels
alone, so no EXIF, comment, colour profile, text chunk or thumbnail can come along.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms
from PIL.ExifTags import Base

from supervisor_core.media.damage import damaged
from supervisor_core.media.files import open_regular
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container, identify
from supervisor_core.media.picture import STILL_PIXELS_MAX, Picture, check_size
from supervisor_core.reasons import Failed, Reason

_PILLOW_FORMATS = {Container.PNG: "PNG", Container.JPEG: "JPEG", Container.WEBP: "WEBP"}

# EXIF orientation -> what makes the picture upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset((5, 6, 7, 8))
_WITH_ALPHA = frozenset(("RGBA", "RGBa", "LA", "La", "PA"))
_WRITERS: dict[Container, dict[str, Any]] = {
    Container.PNG: {"format": "PNG", "compress_level": 6},
    Container.JPEG: {"format": "JPEG", "quality": 95, "subsampling": 0},
}


def probe_still(path: Path) -> MediaInfo:
    """Reads a PNG, JPEG or WebP to its end and returns its facts.

    Raises `Failed`: METADATA_EXTRACTION_FAILED, FRAME_EXTRACTION_FAILED when the pixels can't be
    read, UNSUPPORTED_CONTAINER when animated, PICTURE_TOO_LARGE, and what `identify` raises.
    """
    with _opened(path) as (image, container):
        with damaged(Reason.FRAME_EXTRACTION_FAILED):
            image.load()
        return facts_of(image, container, path.stat().st_size)


def facts_of(image: Image.Image, container: Container, size_bytes: int) -> MediaInfo:
    """The facts of an opened still."""
    width, height = image.size
    if _orientation(image) in _SIDEWAYS:
        width, height = height, width
    return MediaInfo(
        container=container,
        codec=container.value,
        width=width,
        height=height,
        size_bytes=size_bytes,
        frames=1,
        pixel_format=image.mode,
        bit_depth=16 if image.mode.startswith("I") else 8,
    )


def read_still(path: Path) -> Picture:
    """The upright pixels of a PNG, JPEG or WebP, as a viewer would show them.

    Raises `Failed(DECODE_FAILED)` when the pixels are cut or damaged, else as `probe_still`.
    """
    with _opened(path) as (image, _), damaged(Reason.DECODE_FAILED):
        image.load()
        return np.ascontiguousarray(np.asarray(visible_upright(image))[:, :, ::-1])


def write_still(path: Path, pixels: Picture, container: Container) -> None:
    """Writes pixels as PNG, or as JPEG (quality 95, 4:4:4), with no other content whatsoever.

    Raises `Failed(ENCODE_FAILED)` for another format or a size that the format can't hold.
    """
    writer = _WRITERS.get(container)
    if writer is None:
        raise Failed(Reason.ENCODE_FAILED, format=container.value)
    with damaged(Reason.ENCODE_FAILED):
        Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1])).save(path, **writer)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Image.Image, Container]]:
    container = identify(path, name="")
    if container not in _PILLOW_FORMATS:
        raise Failed(Reason.UNSUPPORTED_CONTAINER, content=container.value)
    with (
        os.fdopen(open_regular(path), "rb") as file,
        opened_still(file, container) as image,
    ):
        yield image, container


@contextmanager
def opened_still(file: BinaryIO, container: Container) -> Iterator[Image.Image]:
    """A still whose format is known, before anything of it is decoded; raises as `probe_still`."""
    with damaged(Reason.METADATA_EXTRACTION_FAILED):
        image = Image.open(file, formats=[_PILLOW_FORMATS[container]])
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    with image:
        check_size(*image.size, STILL_PIXELS_MAX)
        if frames > 1:
            raise Failed(Reason.UNSUPPORTED_CONTAINER, frames=frames)
        yield image


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none that makes sense."""
    found = _orientation(image)
    return found if found in _TURNS else 1


def visible_upright(image: Image.Image) -> Image.Image:
    """A decoded still as a viewer would show it, 8-bit RGB."""
    turn = _TURNS.get(_orientation(image))
    return _visible(image.transpose(turn) if turn is not None else image)


def _orientation(image: Image.Image) -> int:
    # A still with broken EXIF is shown as it is stored.
    with suppress(Failed), damaged(Reason.METADATA_EXTRACTION_FAILED):
        return int(image.getexif().get(Base.Orientation, 1))
    return 1


def _visible(image: Image.Image) -> Image.Image:
    """The picture as 8-bit RGB without anything that a viewer would not show."""
    if image.mode.startswith("I"):
        upper = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255)
        return Image.fromarray(upper.astype(np.uint8)).convert("RGB")
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        layers = image.convert("RGBA")
        page = Image.new("RGBA", image.size, "white")
        return _standard_colours(Image.alpha_composite(page, layers).convert("RGB"), image)
    if image.mode == "CMYK":
        return _standard_colours(image, image).convert("RGB")
    return _standard_colours(image.convert("RGB"), image)


def _standard_colours(picture: Image.Image, original: Image.Image) -> Image.Image:
    """Brings colours of the original's profile (wide-gamut cameras, print) to sRGB."""
    profile = original.info.get("icc_profile")
    # A profile that can't be used, or belongs to other channels, changes nothing: viewers agree.
    with suppress(Failed), damaged(Reason.METADATA_EXTRACTION_FAILED):
        if profile:
            standard = ImageCms.createProfile("sRGB")
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(picture, source, standard, outputMode="RGB") or picture
    return picture
