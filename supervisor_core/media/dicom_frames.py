"""The frames inside a DICOM file, decoded one at a time.

pydicom decodes uncompressed, RLE, JPEG and JPEG 2000 frames. Two families it leaves to others are
read with FFmpeg's decoders: lossless JPEG, and the video streams (MPEG-2, H.264, HEVC) in which
endoscopy systems store whole examinations.
"""

import io
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy.typing as npt
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames, parse_fragments
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID

from supervisor_core.media.container import open_stream
from supervisor_core.media.files import open_regular
from supervisor_core.media.kinds import Kind, recognise

Stored = npt.NDArray[Any]

_FAMILY = "1.2.840.10008.1.2"
_LOSSLESS_JPEG = {f"{_FAMILY}.4.57", f"{_FAMILY}.4.70"}
_CODECS = {
    "jpeg": {f"{_FAMILY}.4.{number}" for number in (50, 51, 57, 70)},
    "jpegls": {f"{_FAMILY}.4.{number}" for number in (80, 81)},
    "jpeg2000": {f"{_FAMILY}.4.{number}" for number in (90, 91, 201, 202, 203)},
    "rle": {f"{_FAMILY}.5"},
    "mpeg2video": {f"{_FAMILY}.4.{number}" for number in ("100", "100.1", "101", "101.1")},
    "h264": {f"{_FAMILY}.4.{number}{end}" for number in range(102, 107) for end in ("", ".1")},
    "hevc": {f"{_FAMILY}.4.{number}" for number in (107, 108)},
    "raw": {_FAMILY, f"{_FAMILY}.1", f"{_FAMILY}.2"},
}
# The demuxer for a bare stream; most systems store a transport stream or an MP4 file instead.
_VIDEO_DEMUXERS = {"mpeg2video": "mpegvideo", "h264": "h264", "hevc": "hevc"}
# Tag, type, reserved, length: what stands before the first item of encapsulated pixel data.
_ELEMENT_BYTES = 12


def codec_name(header: Dataset) -> str:
    """Our word for how the frames are stored, "unknown" for a syntax that has none."""
    syntax = header.file_meta.TransferSyntaxUID
    return next((name for name, known in _CODECS.items() if syntax in known), "unknown")


def can_decode(header: Dataset) -> bool:
    """True when there is a decoder for this file's transfer syntax."""
    syntax = UID(header.file_meta.TransferSyntaxUID)
    if codec_name(header) in _VIDEO_DEMUXERS or syntax in _LOSSLESS_JPEG:
        return True
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:  # pydicom's word for a syntax that it has no decoder for
        return False


def decoded_frames(path: Path, header: Dataset) -> Iterator[Stored]:
    """Yields each frame's stored values: (rows, columns) or (rows, columns, 3) in red-green-blue.

    Raises whatever the decoders raise; the caller turns it into a reason.
    """
    if "PixelData" in header:
        yield from iter_pixels(header)
        return
    with os.fdopen(open_regular(path), "rb") as file:
        if codec_name(header) in _VIDEO_DEMUXERS:
            yield from _video(file, _VIDEO_DEMUXERS[codec_name(header)])
        elif header.file_meta.TransferSyntaxUID in _LOSSLESS_JPEG:
            yield from _lossless_jpeg(file, int(header.get("NumberOfFrames") or 1))
        else:
            yield from iter_pixels(file)


def _lossless_jpeg(file: BinaryIO, count: int) -> Iterator[Stored]:
    _to_first_item(file)
    for encoded in generate_frames(file, number_of_frames=count):
        decoder = av.CodecContext.create("mjpeg", "r")
        for frame in chain(decoder.decode(av.Packet(encoded)), decoder.decode(None)):
            grey = frame.format.name.startswith("gray")
            yield frame.to_ndarray() if grey else frame.to_ndarray(format="rgb24")


def _video(file: BinaryIO, bare_demuxer: str) -> Iterator[Stored]:
    _to_first_item(file)
    fragments = Fragments(file)
    found = recognise(fragments.read(4096))
    fragments.seek(0)
    inside = found is not None and found.kind is Kind.VIDEO
    with open_stream(fragments, found.demuxer if inside and found else bare_demuxer) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def _to_first_item(file: BinaryIO) -> None:
    # pydicom leaves the file at the pixel data's element when told to stop before it.
    dcmread(file, force=True, stop_before_pixels=True)
    file.seek(_ELEMENT_BYTES, io.SEEK_CUR)


class Fragments(io.RawIOBase):
    """The items of encapsulated pixel data as one readable, seekable stream, without copying."""

    def __init__(self, file: BinaryIO) -> None:
        """`file` stands at the first item, which is the offset table and no part of the stream."""
        self._file = file
        self._pieces: list[tuple[int, int, int]] = []
        self._size = self._position = 0
        for offset in parse_fragments(file)[1][1:]:
            file.seek(offset + 4)
            length = int.from_bytes(file.read(4), "little")
            self._pieces.append((self._size, offset + 8, length))
            self._size += length

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a place counted over all items."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Reads up to the end of the current item."""
        for start, place, length in self._pieces:
            within = self._position - start
            if 0 <= within < length:
                self._file.seek(place + within)
                content = self._file.read(min(len(buffer), length - within))
                buffer[: len(content)] = content
                self._position += len(content)
                return len(content)
        return 0
