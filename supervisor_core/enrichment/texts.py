"""Texts in the metadata of PNG, JPEG and WebP files, read without decoding a pixel.

Only texts under names that a generating program uses are taken, each capped, all together capped,
and compressed ones unpacked no further than that: 4 KB of zTXt can stand for a gigabyte. A file is
walked from head to head, so a large picture costs no more than a small one.
"""

import html
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from supervisor_core.enrichment import exif_texts, xmp
from supervisor_core.enrichment.prompt import Flaw
from supervisor_core.media.files import open_regular
from supervisor_core.reasons import Failed, Reason

TEXT_BYTES_MAX = 2 * 2**20
TOTAL_BYTES_MAX = 3 * TEXT_BYTES_MAX
_PARTS_MAX = 100_000
_KEYWORD_BYTES_MAX = 80

USER_COMMENT = "UserComment"
MAKER_NOTE = "MakerNote"
_FORMS = ("parameters", "prompt", "workflow", "invokeai_metadata", "sd-metadata", "Dream")
_BESIDE = ("Comment", "Description", "Software", "Source", "Title", "fooocus_scheme")
_KNOWN = frozenset((*_FORMS, *_BESIDE))
_XMP = "XML:com.adobe.xmp"
_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
_EXIF_HEAD = b"Exif\0\0"
# A comment as a property with languages, as a plain property, or as an attribute.
_XMP_COMMENT = re.compile(
    r"<exif:UserComment>(?:\s*+<rdf:Alt>\s*+<rdf:li[^>]*+>)?([^<]*+)<|"
    r"\bexif:UserComment=\"([^\"]*+)\""
)
_PNG_TEXTS = frozenset((b"tEXt", b"zTXt", b"iTXt"))

# Reads (offset, count) of the file; fewer bytes at its end.
_Read = Callable[[int, int], bytes]


class Texts(dict[str, str]):
    """Texts by the name they have in the file; `flaw` tells why some of them may be missing.

    `keywords` and `stars` are those that people gave the picture, see `xmp`.
    """

    flaw: Flaw | None = None

    def __init__(self) -> None:
        super().__init__()
        self.keywords: tuple[str, ...] = ()
        self.stars: int | None = None
        self._bytes = 0

    def take(self, name: str, text: str) -> None:
        """Keeps a text; the first of a name stays."""
        self._bytes += len(text)
        if self._bytes > TOTAL_BYTES_MAX or len(text) > TEXT_BYTES_MAX:
            self.flaw = Flaw.TOO_LARGE
        elif text:
            self.setdefault(name, text)


def texts_of(path: Path) -> Texts:
    """The texts of a picture's metadata that may tell of a prompt.

    Damage is told by `flaw`, with what was read before it. Raises `Failed` as `open_regular` does,
    FILE_EMPTY, UNSUPPORTED_CONTAINER for anything but these three formats.
    """
    descriptor = open_regular(path)
    texts = Texts()
    try:
        walk = _walk_for(os.pread(descriptor, 12, 0))
        walk(lambda offset, count: os.pread(descriptor, count, offset), texts)
    except _Cut:
        texts.flaw = texts.flaw or Flaw.DAMAGED
    finally:
        os.close(descriptor)
    return texts


def texts_in(content: bytes) -> Texts:
    """The texts of a picture that was read before; see `texts_of`."""
    texts = Texts()
    try:
        walk = _walk_for(content[:12])
        walk(lambda offset, count: content[offset : offset + count], texts)
    except _Cut:
        texts.flaw = texts.flaw or Flaw.DAMAGED
    return texts


def _walk_for(head: bytes) -> Callable[[_Read, Texts], None]:
    for magic, walk in _WALKS:
        if magic.match(head):
            return walk
    raise Failed(Reason.UNSUPPORTED_CONTAINER if head else Reason.FILE_EMPTY)


class _Cut(Exception):
    """The file ends, or makes no sense, before its metadata do."""


def _png(read: _Read, texts: Texts) -> None:
    for kind, offset, length in _png_parts(read):
        if kind in _PNG_TEXTS or kind == b"eXIf":
            data = read(offset, length if length <= TEXT_BYTES_MAX else _KEYWORD_BYTES_MAX)
            if length > TEXT_BYTES_MAX:
                _leave(data, texts)
            elif kind == b"eXIf":
                _take_exif(data, texts)
            else:
                _take_png_text(kind, data, texts)


def _leave(data: bytes, texts: Texts) -> None:
    if data.partition(b"\0")[0].decode("latin-1") in _KNOWN:
        texts.flaw = Flaw.TOO_LARGE


def _png_parts(read: _Read) -> Iterator[tuple[bytes, int, int]]:
    offset = 8
    for _ in range(_PARTS_MAX):
        head = read(offset, 8)
        if len(head) < 8:
            raise _Cut
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            return
        yield kind, offset + 8, length
        offset += length + 12
    raise _Cut


def _take_png_text(kind: bytes, data: bytes, texts: Texts) -> None:
    keyword, _, rest = data.partition(b"\0")
    name = keyword.decode("latin-1")
    if name not in _KNOWN and name != _XMP:
        return
    packed = kind == b"zTXt"
    if packed:
        rest = rest[1:]
    elif kind == b"iTXt":
        packed = rest[:1] == b"\1"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    text = _decoded(_unpacked(rest, texts) if packed else rest)
    if name == _XMP:
        _take_xmp(text, texts)
    else:
        texts.take(name, text)


def _unpacked(data: bytes, texts: Texts) -> bytes:
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(data, TEXT_BYTES_MAX)
    except zlib.error:
        texts.flaw = Flaw.DAMAGED
        return b""
    if stream.eof:
        return plain
    texts.flaw = Flaw.TOO_LARGE if len(plain) >= TEXT_BYTES_MAX else Flaw.DAMAGED
    return b""


def _decoded(data: bytes) -> str:
    # Latin-1 by the standard, but programs write UTF-8, which other text hardly ever looks like.
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _jpeg(read: _Read, texts: Texts) -> None:
    offset = 2
    for _ in range(_PARTS_MAX):
        head = read(offset, 4)
        if len(head) < 4 or head[0] != 0xFF:
            raise _Cut
        if head[1] == 0xFF:  # any number of fill bytes may stand before a marker
            offset += 1
            continue
        if head[1] in (0xDA, 0xD9):  # the coded picture begins, or there is none
            return
        length = int.from_bytes(head[2:], "big")
        if head[1] == 0xE1:
            _take_app1(read(offset + 4, max(length - 2, 0)), texts)
        offset += 2 + max(length, 2)
    raise _Cut


def _take_app1(data: bytes, texts: Texts) -> None:
    if data.startswith(_EXIF_HEAD):
        _take_exif(data, texts)
    elif data.startswith(_XMP_HEAD):
        _take_xmp(_decoded(data[len(_XMP_HEAD) :]), texts)


def _webp(read: _Read, texts: Texts) -> None:
    offset = 12
    for _ in range(_PARTS_MAX):
        head = read(offset, 8)
        if len(head) < 8:
            return
        kind, length = head[:4], int.from_bytes(head[4:], "little")
        if kind in (b"EXIF", b"XMP "):
            if length > TEXT_BYTES_MAX:
                texts.flaw = Flaw.TOO_LARGE
            elif kind == b"EXIF":
                _take_exif(read(offset + 8, length), texts)
            else:
                _take_xmp(_decoded(read(offset + 8, length)), texts)
        offset += 8 + length + length % 2
    raise _Cut


def _take_exif(data: bytes, texts: Texts) -> None:
    found = exif_texts.exif_texts(data.removeprefix(_EXIF_HEAD))
    texts.take(USER_COMMENT, found.get(exif_texts.USER_COMMENT, ""))
    texts.take(MAKER_NOTE, found.get(exif_texts.MAKER_NOTE, ""))
    texts.take("Software", found.get(exif_texts.SOFTWARE, ""))
    # ComfyUI has no text chunks in a WebP and writes `prompt:{...}` into the camera's fields.
    for tag in (exif_texts.MAKE, exif_texts.MODEL):
        name, _, text = found.get(tag, "").partition(":")
        if name.lower() in ("prompt", "workflow"):
            texts.take(name.lower(), text)


def _take_xmp(text: str, texts: Texts) -> None:
    texts.keywords = texts.keywords or xmp.keywords_in(text)
    texts.stars = xmp.stars_in(text) if texts.stars is None else texts.stars
    found = _XMP_COMMENT.search(text)
    if found:
        texts.take(USER_COMMENT, html.unescape(found[1] or found[2] or ""))


_WALKS: tuple[tuple[re.Pattern[bytes], Callable[[_Read, Texts], None]], ...] = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), _png),
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
)
