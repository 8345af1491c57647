"""Builds small media files for tests: videos of any codec and container, and DICOM files."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, generate_uid


def arrow(width: int = 64, height: int = 48) -> np.ndarray:
    """A BGR picture without any symmetry: each corner and the left edge differ."""
    pixels = np.full((height, width, 3), 40, np.uint8)
    pixels[: height // 3, : width // 3] = (0, 0, 230)
    pixels[-height // 4 :, -width // 4 :] = (0, 220, 0)
    pixels[: height // 4, -width // 4 :] = (220, 0, 0)
    return pixels


def copy_beginning(source: Path, path: Path, count: int) -> Path:
    """Copies the first coded pictures of a film as they are, and nothing else of it."""
    with av.open(f"file:{source}") as film, av.open(f"file:{path}", "w") as short:
        video = film.streams.video[0]
        stream = short.add_stream_from_template(video)
        for packet in islice(film.demux(video), count):
            packet.stream = stream
            short.mux(packet)
    return path


def write_video(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    format_: str | None = None,
    pixel_format: str = "yuv420p",
    rate: int = 25,
    matrix: Sequence[float] | None = None,
    audio: bool = False,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Encodes BGR frames; `matrix` is a display matrix as PyAV takes it."""
    height, width = frames[0].shape[:2]
    with av.open("file:" + str(path), "w", format=format_) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        if matrix is not None:
            stream.set_display_matrix(matrix)
        sound = container.add_stream("aac", rate=48_000, layout="mono") if audio else None
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            _mux_silence(container, sound)
    return path


def write_sound(path: Path, cover: bytes | None = None) -> Path:
    """An MP4 with sound only, or with a cover picture beside it."""
    with av.open("file:" + str(path), "w") as container:
        sound = container.add_stream("aac", rate=48_000, layout="mono")
        picture = container.add_stream("mjpeg") if cover else None
        if picture is not None:
            picture.width = picture.height = 16
            picture.pix_fmt = "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
        _mux_silence(container, sound)
        if picture is not None and cover:
            packet = av.Packet(cover)
            packet.stream, packet.pts, packet.dts, packet.time_base = picture, 0, 0, Fraction(1, 25)
            container.mux(packet)
    return path


def _mux_silence(container: Any, sound: Any) -> None:
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
    frame.sample_rate, frame.pts = 48_000, 0
    container.mux(sound.encode(frame))
    container.mux(sound.encode(None))


def patch(path: Path, old: bytes, new: bytes, count: int = 1) -> Path:
    """Overwrites bytes in a file without moving any other."""
    content = path.read_bytes()
    assert len(old) == len(new)
    assert old in content
    path.write_bytes(content.replace(old, new, count))
    return path


def write_dicom(
    path: Path,
    pixels: np.ndarray,
    *,
    syntax: str = ExplicitVRLittleEndian,
    encoded: Sequence[bytes] | None = None,
    **tags: Any,
) -> Path:
    """Writes frames (count, rows, columns[, 3]) or one picture as DICOM, with further tags.

    `encoded` replaces the pixel data by encapsulated items, one for each frame or fragment.
    """
    colour = pixels.shape[-1] == 3
    plane = pixels.shape[:-1] if colour else pixels.shape
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.SOPClassUID = UltrasoundImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID
    data.PatientName = "Muster^Erika"
    data.Rows, data.Columns = plane[-2:]
    if len(plane) == 3:
        data.NumberOfFrames = plane[0]
    data.SamplesPerPixel = 3 if colour else 1
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelData = encapsulate(list(encoded)) if encoded else pixels.tobytes()
    data["PixelData"].VR = "OB" if encoded or pixels.dtype.itemsize == 1 else "OW"
    for keyword, value in tags.items():
        setattr(data, keyword, value)
    data.save_as(path, enforce_file_format=True)
    return path
