"""The boxes of an MP4 file (ISO/IEC 14496-12), and the search for one that playing does not need.

A demuxer passes over boxes and bytes that it does not know, so what lies in them would leave the
house unseen. Here every byte belongs to a box of a known kind, or to a sample of a stream.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_FOLDERS = frozenset({b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl"})
_LEAVES = frozenset(
    {b"ftyp", b"mvhd", b"tkhd", b"elst", b"mdhd", b"hdlr", b"vmhd", b"smhd", b"dref", b"stts"}
    | {b"stss", b"ctts", b"stsc", b"stsz", b"stco", b"co64", b"sgpd", b"sbgp", b"sdtp"}
)
_SAMPLES, _DESCRIPTIONS = b"mdat", b"stsd"
# An empty list of tags, and a gap that the muxer keeps for a longer header.
_NO_TAGS = (
    b"\0\0\0\x35meta\0\0\0\0\0\0\0\x21hdlr" + bytes(8) + b"mdirappl" + bytes(9) + b"\0\0\0\x08ilst"
)
_SILENT = {b"udta": _NO_TAGS, b"free": b""}
_PICTURE = b"avc1"
_PICTURE_NAME = slice(50, 82)
_PICTURE_PARTS_AT = 86
_PICTURE_PARTS = frozenset({b"avcC", b"btrt", b"colr", b"pasp", b"fiel"})


@dataclass(frozen=True)
class _Box:
    """A box's kind and where its content lies; the kind is empty where no box could be read."""

    kind: bytes
    start: int
    end: int


class Ranges:
    """Ranges of bytes, joined where they touch: few remain, however many are added in a row."""

    def __init__(self) -> None:
        self._end_of: dict[int, int] = {}
        self._start_of: dict[int, int] = {}

    def add(self, start: int, end: int) -> None:
        """Takes in the bytes from `start` up to, not including, `end`."""
        start, end = self._start_of.pop(start, start), self._end_of.pop(end, end)
        self._start_of[end], self._end_of[start] = start, end

    def same_as(self, other: "Ranges") -> bool:
        """True when both hold the same bytes."""
        return self._end_of == other._end_of


def stray_in_boxes(path: Path, samples: Ranges) -> bool:
    """True when an MP4 holds anything besides known boxes and the samples of its streams."""
    with path.open("rb") as file:
        boxes = list(_walk(file, 0, path.stat().st_size))
        if any(_stray(file, box) for box in boxes):
            return True
    media = Ranges()
    for box in boxes:
        if box.kind == _SAMPLES:
            media.add(box.start, box.end)
    return not samples.same_as(media)


def _walk(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    while start < end:
        file.seek(start)
        head = file.read(16)
        size, kind, content = int.from_bytes(head[:4], "big"), head[4:8], start + 8
        if size == 1:
            size, content = int.from_bytes(head[8:], "big"), start + 16
        if start + size > end or content > start + size:
            yield _Box(b"", start, end)
            return
        if kind in _FOLDERS:
            yield from _walk(file, content, start + size)
        else:
            yield _Box(kind, content, start + size)
        start += size


def _stray(file: BinaryIO, box: _Box) -> bool:
    if box.kind == _SAMPLES:
        return False
    if box.kind in _SILENT:
        return _content(file, box) != _SILENT[box.kind]
    if box.kind == _DESCRIPTIONS:
        return _stray_description(file, box)
    return box.kind not in _LEAVES


def _stray_description(file: BinaryIO, box: _Box) -> bool:
    """A track has one sample description; a picture's names no encoder and has known parts."""
    content = _content(file, box)
    count, entry = int.from_bytes(content[4:8], "big"), content[8:]
    whole = int.from_bytes(entry[:4], "big") == len(entry)
    if count != 1 or not whole:
        return True
    if entry[4:8] != _PICTURE:
        return False
    parts = {part.kind for part in _walk(file, box.start + 8 + _PICTURE_PARTS_AT, box.end)}
    return any(entry[_PICTURE_NAME]) or not parts <= _PICTURE_PARTS


def _content(file: BinaryIO, box: _Box) -> bytes:
    file.seek(box.start)
    return file.read(box.end - box.start)
