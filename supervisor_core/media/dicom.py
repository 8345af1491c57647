"""DICOM in: frames as a viewer would show them, their rate, and the text of all tags.

The tags name the patient, so they only ever go to the restricted store. Overlay planes (groups
60xx), embedded icons and reports are not part of the pixels and therefore simply do not come along.
Source of the display rules: DICOM PS3.3 C.7.6.3, C.11.1 and C.11.2.
"""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import Dataset, config, dcmread, uid
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from supervisor_core.media.damage import damaged
from supervisor_core.media.dicom_display import Display
from supervisor_core.media.dicom_frames import Stored, can_decode, codec_name, decoded_frames
from supervisor_core.media.files import open_regular
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container
from supervisor_core.media.picture import STILL_PIXELS_MAX, Picture, check_size
from supervisor_core.reasons import Failed, Reason

config.settings.reading_validation_mode = config.IGNORE

FALLBACK_RATE = 25.0
_RATE_MAX = 1000.0
_FRAMES_MAX = 1_000_000
_TAGS_MAX, _TAG_CHARACTERS_MAX, _DEPTH_MAX = 500, 512, 4
_TEXT = "AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT"
_PHOTOMETRICS = (
    "monochrome1 monochrome2 palette_color rgb ybr_full ybr_full_422 ybr_ict ybr_rct "
    "ybr_partial_420 ybr_partial_422 xyb"
)
# Its header can't be read without inflating the whole file, however large that turns out to be.
_DEFLATED = uid.DeflatedExplicitVRLittleEndian.encode()
_DEFLATED_WITHIN_BYTES = 1 << 20


@dataclass(frozen=True)
class DicomFile:
    """The header of one DICOM file with pictures; sizes in pixels.

    `frames_per_second` is None for a single picture. `tags` maps a tag's keyword (or number), with
    the way through nested sequences before it, to its text: for the restricted store only.
    """

    path: Path
    header: Dataset = field(repr=False)
    width: int
    height: int
    frame_count: int
    frames_per_second: float | None

    @property
    def tags(self) -> dict[str, str]:
        """Every tag that holds text, at most 500 of them and 512 characters each."""
        tags: dict[str, str] = {}
        for name, text in _texts(self.header, ""):
            tags[name] = text[:_TAG_CHARACTERS_MAX]
            if len(tags) == _TAGS_MAX:
                break
        return tags

    def frames(self) -> Iterator[Picture]:
        """Yields the frames one after the other as BGR pictures, never holding more than one.

        Raises `Failed(DECODE_FAILED)` where the data ends early or is damaged.
        """
        with damaged(Reason.DECODE_FAILED):
            display = Display.of(self.header, self._stored())
        for count, frame in enumerate(self._stored()):
            with damaged(Reason.DECODE_FAILED, frame=count):
                picture = display.picture(frame)
            yield picture

    def _stored(self) -> Iterator[Stored]:
        frames = decoded_frames(self.path, self.header)
        count = 0
        while True:
            with damaged(Reason.DECODE_FAILED, frame=count):
                frame = next(frames, None)
            if frame is None:
                break
            yield frame
            count += 1
        if count < self.frame_count:
            raise Failed(Reason.DECODE_FAILED, frame=count, frames=self.frame_count)


def read_dicom(path: Path) -> DicomFile:
    """Reads the header of a DICOM file that holds pictures; the frames are decoded later.

    Raises `Failed`: METADATA_EXTRACTION_FAILED, NO_VIDEO_STREAM when it is a report or plan,
    UNSUPPORTED_CODEC, PICTURE_TOO_LARGE, and what `open_regular` raises.
    """
    with damaged(Reason.METADATA_EXTRACTION_FAILED):
        header = _header(path)
        width, height = _whole(header, "Columns", 0), _whole(header, "Rows", 0)
        count = _whole(header, "NumberOfFrames", 1)
        rate = _rate(header) if count > 1 else None
        decodable = can_decode(header)
    if not (width or height):
        raise Failed(Reason.NO_VIDEO_STREAM)
    check_size(width, height, STILL_PIXELS_MAX)
    if not 1 <= count <= _FRAMES_MAX:
        raise Failed(Reason.METADATA_EXTRACTION_FAILED, frames=count)
    if not decodable:
        raise Failed(Reason.UNSUPPORTED_CODEC)
    return DicomFile(path, header, width, height, count, rate)


def probe_dicom(path: Path) -> MediaInfo:
    """The facts of a DICOM file, after decoding its first frame; errors as `read_dicom` and
    FRAME_EXTRACTION_FAILED.
    """
    file = read_dicom(path)
    _first_frame(file)
    rate = file.frames_per_second
    with damaged(Reason.METADATA_EXTRACTION_FAILED):
        return MediaInfo(
            container=Container.DICOM,
            codec=codec_name(file.header),
            width=file.width,
            height=file.height,
            size_bytes=path.stat().st_size,
            frames=file.frame_count,
            seconds=file.frame_count / rate if rate else None,
            frames_per_second=rate,
            pixel_format=_photometric(file.header),
            bit_depth=_whole(file.header, "BitsStored", 8),
        )


def _first_frame(file: DicomFile) -> None:
    try:
        next(iter(file.frames()))
    except Failed as failure:
        if failure.reason is Reason.DECODE_FAILED:
            raise Failed(Reason.FRAME_EXTRACTION_FAILED, **failure.facts) from None
        raise


def _header(path: Path) -> Dataset:
    with os.fdopen(open_regular(path), "rb") as file:
        if _DEFLATED in file.read(_DEFLATED_WITHIN_BYTES):
            raise Failed(Reason.UNSUPPORTED_CODEC, syntax="deflated")
        file.seek(0)
        header = dcmread(file, force=True, stop_before_pixels=True)
        if "TransferSyntaxUID" in header.file_meta and header.preamble is not None:
            return header
        # pydicom decodes frames straight from a file only when its beginning is complete.
        file.seek(0)
        header = dcmread(file, force=True)
    if "TransferSyntaxUID" not in header.file_meta:
        # Files without it are uncompressed; their encoding was found by looking.
        implicit, little = header.original_encoding
        header.file_meta.TransferSyntaxUID = {
            (True, True): uid.ImplicitVRLittleEndian,
            (False, True): uid.ExplicitVRLittleEndian,
        }.get((bool(implicit), bool(little)), uid.ExplicitVRBigEndian)
    return header


def _photometric(header: Dataset) -> str:
    stored = str(header.get("PhotometricInterpretation", "")).lower().replace(" ", "_")
    # What is in no list of ours is text from outside.
    return stored if stored in _PHOTOMETRICS.split() else "unknown"


def _rate(header: Dataset) -> float:
    """Frames per second, from the first tag that holds a sensible number."""
    frame_ms = _number(header, "FrameTime")
    rates = (
        _number(header, "CineRate"),
        1000 / frame_ms if frame_ms else 0.0,
        _number(header, "RecommendedDisplayFrameRate"),
    )
    return next((rate for rate in rates if 0 < rate <= _RATE_MAX), FALLBACK_RATE)


def _number(header: Dataset, keyword: str) -> float:
    with suppress(Failed), damaged(Reason.METADATA_EXTRACTION_FAILED):
        number = float(header[keyword].value)
        return number if math.isfinite(number) else 0.0
    return 0.0


def _whole(header: Dataset, keyword: str, missing: int) -> int:
    value = header.get(keyword)
    return missing if value in (None, "") else int(value)


def _texts(header: Dataset, parent: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    for tag in sorted(header.keys()):
        element = _element(header, tag)
        if element is None:
            continue
        name = parent + (element.keyword or f"{tag.group:04x},{tag.element:04x}")
        if isinstance(element.value, Sequence):
            for number, item in enumerate(element.value if depth < _DEPTH_MAX else ()):
                yield from _texts(item, f"{name}[{number}].", depth + 1)
        elif element.VR in _TEXT.split() and (text := _text(element)):
            yield name, text


def _text(element: DataElement) -> str:
    with suppress(Failed), damaged(Reason.METADATA_EXTRACTION_FAILED):
        return str(element.value).strip()
    return ""


def _element(header: Dataset, tag: BaseTag) -> DataElement | None:
    # One unreadable tag must not hide the others.
    with suppress(Failed), damaged(Reason.METADATA_EXTRACTION_FAILED):
        return header[tag]
    return None
