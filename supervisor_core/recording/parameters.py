"""What a coded picture or piece of sound says of its own form, read from its first bytes.

One MP4 track has one form, written in its head: pictures whose parameter sets differ, and sound
whose head differs, need another file. Sources: ITU-T H.264 7.3.1, H.265 7.3.1, ISO/IEC 13818-7.
"""

from collections.abc import Iterator
from dataclasses import dataclass

_START = b"\0\0\1"
_H264_SETS, _HEVC_SETS = frozenset({7, 8}), frozenset({32, 33, 34})
_H264_IDR = 5
_ADTS_BYTES = 7
_HEVC_ANEW = range(16, 21)  # BLA and IDR, not CRA
_HEVC_SKIPPED = frozenset({8, 9})  # RASL: they lean on pictures before their key picture


@dataclass(frozen=True)
class Coded:
    """One coded picture: its parameter sets, and the type of its first slice."""

    sets: frozenset[bytes]
    type_: int | None


def coded_picture(data: bytes, codec: str) -> Coded:
    """Reads a picture of H.264 or HEVC in the form of a transport stream (Annex B)."""
    sets: set[bytes] = set()
    at = data.find(_START) + 3
    while 3 <= at < len(data):
        type_ = _type(data[at], codec)
        if _is_slice(type_, codec):
            return Coded(frozenset(sets), type_)
        following = data.find(_START, at)
        if type_ in (_H264_SETS if codec == "h264" else _HEVC_SETS):
            sets.add(data[at : following if following >= 0 else len(data)].rstrip(b"\0"))
        at = following + 3
    return Coded(frozenset(sets), None)


def begins_anew(coded: Coded, codec: str) -> bool:
    """True for a key picture after which a decoder knows nothing of what came before."""
    return coded.type_ == _H264_IDR if codec == "h264" else coded.type_ in _HEVC_ANEW


def needs_former(coded: Coded, codec: str) -> bool:
    """True for a picture that, shown before its key picture, needs one from before that."""
    return coded.type_ != _H264_IDR if codec == "h264" else coded.type_ in _HEVC_SKIPPED


def sound_form(data: bytes, codec: str) -> bytes | None:
    """What stays the same in the head of each piece of AAC (ADTS); nothing for other sound.

    None when this is only the rest of a piece, which nothing can play.
    """
    if codec != "aac":
        return b""
    if len(data) < _ADTS_BYTES or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return None
    return bytes((data[2] & 0xFD, data[3] & 0xC0))


def slices_of(data: bytes, codec: str, *, framed: bool) -> Iterator[bytes]:
    """The slices of one coded picture; `framed` as in MP4, where lengths stand between them."""
    for unit in _framed(data) if framed else data.split(_START):
        if unit and _is_slice(_type(unit[0], codec), codec):
            yield unit.rstrip(b"\0")


def _framed(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 4 <= len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : end]
        at = end


def _type(first: int, codec: str) -> int:
    return first & 0x1F if codec == "h264" else first >> 1 & 0x3F


def _is_slice(type_: int, codec: str) -> bool:
    return 1 <= type_ <= _H264_IDR if codec == "h264" else type_ < 32
