"""Builds pictures of one pixel whose metadata are as generating programs, or attackers, write."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

from PIL import Image

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description><exif:UserComment><rdf:Alt>'
    '<rdf:li xml:lang="x-default">{}</rdf:li></rdf:Alt></exif:UserComment></rdf:Description>'
    "</rdf:RDF></x:xmpmeta>"
)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def text_chunk(name: str, text: str | bytes, kind: bytes = b"tEXt") -> bytes:
    """One text as tEXt, zTXt or iTXt; iTXt is packed too."""
    data = text.encode() if isinstance(text, str) else text
    head = name.encode() + b"\0"
    if kind == b"zTXt":
        return chunk(kind, head + b"\0" + zlib.compress(data))
    if kind == b"iTXt":
        return chunk(kind, head + b"\1\0de\0Name\0" + zlib.compress(data))
    return chunk(kind, head + data)


def write_png(path: Path, *chunks: bytes, behind: bool = False) -> Path:
    """A PNG of one pixel with these chunks before, or behind, the pixel."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    pixel = chunk(b"IDAT", zlib.compress(b"\0\0"))
    parts = [pixel, *chunks] if behind else [*chunks, pixel]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + b"".join(parts) + chunk(b"IEND", b""))
    return path


def write_texts(path: Path, **texts: Any) -> Path:
    """A PNG with each text under its name; what is no text is written as JSON."""
    plain = {k: v if isinstance(v, str) else json.dumps(v) for k, v in texts.items()}
    return write_png(path, *(text_chunk(name, text) for name, text in plain.items()))


def exif_block(tags: dict[int, Any], comment: bytes | None = None) -> bytes:
    """An EXIF block as Pillow writes it, with a comment in its folder."""
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    if comment is not None:
        exif.get_ifd(0x8769)[0x9286] = comment
    return exif.tobytes()


def write_picture(path: Path, exif: bytes = b"", xmp: str = "") -> Path:
    """A JPEG or WebP of one pixel."""
    more = {"exif": exif} | ({"xmp": xmp.encode()} if xmp else {})
    Image.new("RGB", (1, 1)).save(path, **more)
    return path
