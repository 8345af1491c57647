"""The few texts of an EXIF block that may hold a prompt.

A reader for the whole of EXIF would keep a copy of the block for each of its thousands of entries
when a hostile one says so; this one looks at the wanted tags only (TIFF 6.0, EXIF 2.32).
"""

import struct

USER_COMMENT = 0x9286
MAKER_NOTE = 0x927C
MAKE = 0x010F
MODEL = 0x0110
SOFTWARE = 0x0131
_EXIF_FOLDER = 0x8769
_WANTED = frozenset((USER_COMMENT, MAKER_NOTE, MAKE, MODEL, SOFTWARE, _EXIF_FOLDER))
_TEXT_TYPES = frozenset((1, 2, 7))
_ENTRIES_MAX = 1000


def exif_texts(block: bytes) -> dict[int, str]:
    """The texts of the wanted tags; a cut or broken block gives what can still be read."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return {}
    values = _entries(block, order, _number(block[4:8], order))
    below = _entries(block, order, _number(values.pop(_EXIF_FOLDER, b""), order))
    return {tag: _decoded(tag, value) for tag, value in (values | below).items()}


def _entries(block: bytes, order: str, offset: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    if not 8 <= offset <= len(block) - 2:
        return found
    (count,) = struct.unpack_from(order + "H", block, offset)
    table = block[offset + 2 : offset + 2 + 12 * min(count, _ENTRIES_MAX)]
    for start in range(0, len(table) - 11, 12):
        tag, type_, length = struct.unpack_from(order + "HHI", table, start)
        value = table[start + 8 : start + 12]
        if tag not in _WANTED:
            continue
        if type_ in _TEXT_TYPES:
            place = 0 if length <= 4 else _number(value, order)
            found[tag] = (value if length <= 4 else block)[place : place + length]
        elif tag == _EXIF_FOLDER:
            found[tag] = value
    return found


def _number(value: bytes, order: str) -> int:
    return int.from_bytes(value, "little" if order == "<" else "big")


def _decoded(tag: int, value: bytes) -> str:
    if tag != USER_COMMENT:
        return value.rstrip(b"\0").decode("utf-8", "replace")
    code, text = value[:8], value[8:]
    if code == b"UNICODE\0":
        return text.decode(_utf16(text), "replace")
    if code in (b"ASCII\0\0\0", bytes(8)):
        return text.rstrip(b"\0").decode("utf-8", "replace")
    return value.rstrip(b"\0").decode("utf-8", "replace")


def _utf16(text: bytes) -> str:
    # The standard does not say which half comes first, and programs differ: most letters of a
    # prompt are Latin, so the half that is mostly zero is the upper one.
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    return "utf-16-be" if text[0::2].count(0) >= text[1::2].count(0) else "utf-16-le"
