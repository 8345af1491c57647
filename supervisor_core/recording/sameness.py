"""Compares coded pictures: whether a joined file holds, slice by slice, what its segments hold.

Needed where a segment by itself decodes otherwise than in its place, as FFmpeg does for streams
that name their encoder only once, at their beginning.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from supervisor_core.media.container import open_container, packets, picture_stream
from supervisor_core.media.damage import damaged
from supervisor_core.media.kinds import Container
from supervisor_core.reasons import Reason
from supervisor_core.recording.joining import Joined
from supervisor_core.recording.looking import look
from supervisor_core.recording.parameters import slices_of


def holds_the_same(part: Joined, segments: Sequence[Path]) -> bool:
    """True when the pictures of a joined file are coded just as in its segments, in order.

    What `join` leaves out is left out here.
    """
    mine = _pictures(part.path, Container.MP4)
    for number, restored, cut in zip(part.segments, part.restored, part.cut, strict=True):
        footage = look(segments[number])
        left_out = set() if restored else footage.head
        last = footage.pictures - cut
        theirs = enumerate(_pictures(segments[number], Container.MPEG_TS))
        for at, picture in theirs:
            if at < last and at not in left_out and next(mine, None) != picture:
                return False
    return next(mine, None) is None


def _pictures(path: Path, kind: Container) -> Iterator[bytes]:
    """A digest of the slices of each coded picture, in decoding order."""
    with open_container(path, kind) as container:
        stream = picture_stream(container)
        codec = stream.codec_context.codec.canonical_name
        source = packets(container, stream)
        while True:
            with damaged(Reason.DECODE_FAILED):
                packet = next(source, None)
            if packet is None:
                return
            if packet.size:
                digest = hashlib.blake2b(digest_size=16)
                framed = kind is Container.MP4
                for piece in slices_of(bytes(packet), codec, framed=framed):
                    digest.update(piece)
                yield digest.digest()
