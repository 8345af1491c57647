"""The proof finds what is planted into a finished still."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest
from cleaning_builders import job_for, outcome
from clip_builders import scene, written
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from supervisor_core.cleaning.job import CleanReport, Job
from supervisor_core.cleaning.ladder import clean, verify
from supervisor_core.reasons import Reason


@pytest.fixture
def still(tmp_path: Path) -> Callable[[str], tuple[Job, CleanReport]]:
    """Makes a cleaned still of the format that a suffix names."""

    def make(suffix: str) -> tuple[Job, CleanReport]:
        source = tmp_path / f"in{suffix}"
        cv2.imwrite(str(source), scene())
        job = job_for(source, tmp_path / f"out{suffix}")
        return job, clean(job)

    return make


Still = Callable[[str], tuple[Job, CleanReport]]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_still_that_still_says_a_name_is_found(suffix: str, still: Still) -> None:
    job, report = still(suffix)
    assert verify(job, report).verified
    cv2.imwrite(str(job.destination), written(scene()))
    assert verify(job, report).reason is Reason.RESIDUAL_TEXT


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_still_of_another_size_is_found(suffix: str, still: Still) -> None:
    job, report = still(suffix)
    cv2.imwrite(str(job.destination), scene(0, 318, 240))
    assert verify(job, report).reason is Reason.FRAMES_MISSING


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_bytes_behind_the_end_of_a_still_are_found(suffix: str, still: Still) -> None:
    job, report = still(suffix)
    with job.destination.open("ab") as file:
        file.write(b"Mustermann")
    assert verify(job, report).reason is Reason.RESIDUAL_METADATA


def _chunk(kind: bytes, content: bytes) -> bytes:
    size, check = struct.pack(">I", len(content)), struct.pack(">I", zlib.crc32(kind + content))
    return size + kind + content + check


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME", b"iCCP", b"prVt"])
def test_a_chunk_that_the_pixels_do_not_need_is_found(kind: bytes, still: Still) -> None:
    job, report = still(".png")
    content = job.destination.read_bytes()
    planted = content[:33] + _chunk(kind, b"Name\0\0Mustermann") + content[33:]
    job.destination.write_bytes(planted)
    assert outcome(job, report) is Reason.RESIDUAL_METADATA


def test_text_that_pillow_writes_into_a_png_is_found(still: Still) -> None:
    job, report = still(".png")
    note = PngInfo()
    note.add_text("Patient", "Mustermann")
    with Image.open(job.destination) as image:
        image.save(job.destination, format="PNG", pnginfo=note)
    assert verify(job, report).reason is Reason.RESIDUAL_METADATA


@pytest.mark.parametrize("keyword", ["comment", "exif", "icc_profile", "xmp"])
def test_a_segment_that_the_pixels_do_not_need_is_found(keyword: str, still: Still) -> None:
    job, report = still(".jpg")
    with Image.open(job.destination) as image:
        image.load()
        planted: dict[str, Any] = {keyword: b"Exif\0\0Mustermann"}
        image.save(job.destination, format="JPEG", **planted)
    assert b"Mustermann" in job.destination.read_bytes()
    assert verify(job, report).reason is Reason.RESIDUAL_METADATA


def test_a_comment_behind_the_scan_of_a_jpeg_is_found(still: Still) -> None:
    job, report = still(".jpg")
    content = job.destination.read_bytes()
    comment = b"\xff\xfe" + struct.pack(">H", 12) + b"Mustermann"
    job.destination.write_bytes(content[:-2] + comment + content[-2:])
    assert outcome(job, report) is Reason.RESIDUAL_METADATA
