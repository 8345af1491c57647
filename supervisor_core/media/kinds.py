"""What a file is, told from its first bytes.

The name only serves to unmask: whoever calls a playlist, a text or a still `examination.mp4` is
refused. Within one kind the content decides alone, so a PNG called `.jpg` and an MP4 called `.mov`
are taken for what they are. Names that claim nothing (`scan`, `1.2.840.113`) are fine for any
content, which is how DICOM often comes.
"""

import os
import re
from enum import StrEnum
from pathlib import Path, PurePath

from supervisor_core.media.files import open_regular
from supervisor_core.reasons import Failed, Reason

_HEAD_BYTES = 4096


class Kind(StrEnum):
    """How a media is handled."""

    VIDEO = "video"
    STILL = "still"
    DICOM = "dicom"


class Container(StrEnum):
    """A file format that can be taken in, with its kind and the one demuxer that may open it."""

    kind: Kind
    demuxer: str

    def __new__(cls, value: str, kind: Kind = Kind.VIDEO, demuxer: str = "") -> "Container":
        """Builds a member whose value is the name that profiles use."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.kind = kind
        member.demuxer = demuxer
        return member

    MP4 = "mp4", Kind.VIDEO, "mov,mp4,m4a,3gp,3g2,mj2"
    MOV = "mov", Kind.VIDEO, "mov,mp4,m4a,3gp,3g2,mj2"
    WEBM = "webm", Kind.VIDEO, "matroska,webm"
    MATROSKA = "mkv", Kind.VIDEO, "matroska,webm"
    AVI = "avi", Kind.VIDEO, "avi"
    MPEG_TS = "ts", Kind.VIDEO, "mpegts"
    MPEG_PS = "mpg", Kind.VIDEO, "mpeg"
    FLV = "flv", Kind.VIDEO, "flv"
    OGG = "ogv", Kind.VIDEO, "ogg"
    ASF = "wmv", Kind.VIDEO, "asf"
    MXF = "mxf", Kind.VIDEO, "mxf"
    PNG = "png", Kind.STILL
    JPEG = "jpeg", Kind.STILL
    WEBP = "webp", Kind.STILL
    DICOM = "dicom", Kind.DICOM


_SUFFIXES: dict[Kind, str] = {
    Kind.VIDEO: ".mp4 .m4v .mov .qt .3gp .3g2 .webm .mkv .avi .ts .m2ts .mts .mpg .mpeg .vob "
    ".flv .f4v .ogv .ogg .wmv .asf .mxf",
    Kind.STILL: ".png .apng .jpg .jpeg .jpe .jfif .webp",
    Kind.DICOM: ".dcm .dicom .dic .ima",
}

_QUICKTIME_ATOMS = frozenset((b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"))
# Stills in MP4's clothes (HEIC, AVIF): FFmpeg's demuxer would read them as a video of tiles.
_STILL_BRANDS = frozenset(
    (b"mif1", b"msf1", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"avif", b"avis")
)
_MAGICS: tuple[tuple[bytes, Container], ...] = (
    (b"\x00\x00\x01\xba", Container.MPEG_PS),
    (b"FLV\x01", Container.FLV),
    (b"OggS", Container.OGG),
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), Container.ASF),
    (bytes.fromhex("060e2b34020501010d010201"), Container.MXF),
    (b"\x89PNG\r\n\x1a\n", Container.PNG),
    (b"\xff\xd8\xff", Container.JPEG),
)
# (packet size, offset of the first sync byte): plain, with 4-byte timestamps, with parity.
_TS_LAYOUTS = ((188, 0), (192, 4), (204, 0))
_TEXT = re.compile(rb"[\t\n\r\x0c\x1b\x20-\x7e\x80-\xff]+")
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_DICOM_REPRESENTATIONS = frozenset((b"UL", b"OB", b"UI", b"CS", b"DA", b"TM", b"SH", b"LO", b"DT"))


def identify(path: Path, name: str | None = None) -> Container:
    """Tells the format of a file from its first 4 KB.

    `name` is what the file was called when it came in (default: its present name). Raises
    `Failed`: FILE_NOT_FOUND, NOT_A_FILE, FILE_EMPTY, DISGUISED_FILE when the content is not the
    kind of media that the name claims, UNSUPPORTED_CONTAINER when the name claimed no media either.
    """
    return identify_head(_read_head(path), path.name if name is None else name)


def identify_head(head: bytes, name: str) -> Container:
    """Tells the format of a file that begins so and was called so; raises as `identify` does."""
    if not head:
        raise Failed(Reason.FILE_EMPTY)
    head = head[:_HEAD_BYTES]
    claimed = claimed_kind(name)
    found = recognise(head)
    if found is not None and claimed in (None, found.kind):
        return found
    content = found.value if found is not None else _describe(head)
    if claimed is None:
        raise Failed(Reason.UNSUPPORTED_CONTAINER, content=content)
    raise Failed(Reason.DISGUISED_FILE, claimed=claimed.value, content=content)


def claimed_kind(name: str) -> Kind | None:
    """The kind that a file name promises by its last suffix, or None when it promises nothing."""
    suffix = PurePath(name).suffix.lower()
    return next((kind for kind, known in _SUFFIXES.items() if suffix in known.split()), None)


def recognise(head: bytes) -> Container | None:
    """The format whose signature a file's first bytes carry, or None."""
    if _TEXT.fullmatch(head):
        return None
    for magic, container in _MAGICS:
        if head.startswith(magic):
            return container
    return _iso_media(head) or _riff(head) or _matroska(head) or _dicom(head) or _transport(head)


def _read_head(path: Path) -> bytes:
    with os.fdopen(open_regular(path), "rb") as file:
        return file.read(_HEAD_BYTES)


def _iso_media(head: bytes) -> Container | None:
    kind, brand = head[4:8], head[8:12]
    if kind == b"ftyp" and brand not in _STILL_BRANDS:
        return Container.MOV if brand == b"qt  " else Container.MP4
    return Container.MOV if kind in _QUICKTIME_ATOMS else None


def _riff(head: bytes) -> Container | None:
    if head[:4] != b"RIFF":
        return None
    return {b"AVI ": Container.AVI, b"WEBP": Container.WEBP}.get(head[8:12])


def _matroska(head: bytes) -> Container | None:
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    # 0x4282 is the DocType element; it stands in the EBML header, within the first few dozen bytes.
    found = re.search(rb"\x42\x82.(webm|matroska)", head[:128], re.DOTALL)
    if found is None:
        return None
    return Container.WEBM if found[1] == b"webm" else Container.MATROSKA


def _dicom(head: bytes) -> Container | None:
    if head[128:132] == b"DICM":
        return Container.DICOM
    # Without the preamble a data set starts with its group length, syntax or character set.
    group, element, representation = head[0:2], head[2:4], head[4:6]
    if group not in (b"\x02\x00", b"\x08\x00") or element > b"\x18\x00" or element[1:] != b"\x00":
        return None
    implicit_length = int.from_bytes(head[4:8], "little")
    plausible = representation in _DICOM_REPRESENTATIONS or 0 < implicit_length <= 64
    return Container.DICOM if plausible and len(head) > 132 else None


def _transport(head: bytes) -> Container | None:
    for size, first in _TS_LAYOUTS:
        syncs = head[first::size]
        if len(syncs) >= 3 and set(syncs) == {0x47}:
            return Container.MPEG_TS
    return None


def _describe(head: bytes) -> str:
    """Our own word for content that is no media, for the message."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if re.match(rb"#EXTM3U|ffconcat|file\s|\[playlist\]|<MPD|v=0[\r\n]", start):
        return "playlist"
    if head.startswith(_UTF16_MARKS) or _TEXT.fullmatch(head):
        return "text"
    return "unknown"
