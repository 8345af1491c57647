"""Compares fingerprints that are new with all of lower numbers, and writes which look alike.

A still costs half a millisecond among 100,000, and reading those from the store 50 ms for as many
new ones as there are. Films are read a part at a time, so that memory stays within bounds.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from supervisor_core.enrichment.clips import SLACK_S, ClipFinder, Found, length_s
from supervisor_core.enrichment.near import HashIndex
from supervisor_core.enrichment.pdq import HASH_BYTES, Fingerprint
from supervisor_core.enrichment.video_pdq import VideoFingerprint
from supervisor_core.keys import MediaKey
from supervisor_core.pipeline.context import Context
from supervisor_core.store import fingerprints
from supervisor_core.store.fingerprints import Kind, Likeness, Listed, Pair, StoredFingerprint

# Of a picture that looks like thousands of others, as empty pages do, only the nearest are kept.
PAIRS_MAX = 64
# 32 MB of hashes: 70 hours of video.
_SAMPLES_AT_ONCE = 1_000_000


def compare(context: Context, media: Iterable[MediaKey]) -> int:
    """Compares those of these media that were not compared yet; returns how many pairs it found."""
    with context.store.read() as connection:
        new = fingerprints.uncompared(connection, media)
    if not new:
        return 0
    stills = [one for one in new if one.kind is Kind.STILL]
    films = [one for one in new if one.kind is Kind.VIDEO]
    pairs = [*_stills(context, stills)]
    for film in films:
        pairs += _clips(context, film)
    with context.store.write() as connection:
        return fingerprints.put_pairs(connection, new, pairs, context.now())


def _stills(context: Context, new: Sequence[StoredFingerprint]) -> Iterator[Pair]:
    if not new:
        return
    with context.store.read() as connection:
        listed, hashes = fingerprints.stills_below(connection, new[-1].number)
    index = HashIndex.of([one.media for one in listed], hashes)
    numbers = np.array([one.number for one in listed], np.int64)
    outputs = {one.media: one.output for one in listed}
    for one in new:
        among = int(np.searchsorted(numbers, one.number))
        mine = Fingerprint(one.hashes, one.mirrors or bytes(HASH_BYTES), one.qualities[0])
        for near in index.near(mine, among=among, at_most=PAIRS_MAX):
            yield Pair(
                media=one.media,
                output=one.output,
                other=MediaKey(near.key),
                other_output=outputs[MediaKey(near.key)],
                kind=Likeness.STILL,
                distance=near.distance,
                found=context.now(),
                mirrored=near.mirrored,
            )


def _clips(context: Context, new: StoredFingerprint) -> Iterator[Pair]:
    """Where the new video lies in others, and where others lie in it."""
    with context.store.read() as connection:
        listed = fingerprints.videos_below(connection, new.number)
    mine = film_of(new)
    finder = ClipFinder({str(new.media): mine})
    for part in _parts(listed):
        with context.store.read() as connection:
            stored = fingerprints.of(connection, part)
        others = {str(key): film_of(one) for key, one in stored.items() if one.number < new.number}
        for key, found in ClipFinder(others).find(mine).items():
            yield _clip(context, new, stored[MediaKey(key)], found)
        for key, other in others.items():
            # Those of the same length were found the other way round.
            if length_s(other) + SLACK_S < length_s(mine):
                for found in finder.find(other).values():
                    yield _clip(context, stored[MediaKey(key)], new, found)


def _parts(listed: Iterable[Listed]) -> Iterator[list[MediaKey]]:
    part: list[MediaKey] = []
    samples = 0
    for one in listed:
        if part and samples + one.samples > _SAMPLES_AT_ONCE:
            yield part
            part, samples = [], 0
        part.append(one.media)
        samples += one.samples
    if part:
        yield part


def _clip(context: Context, clip: StoredFingerprint, film: StoredFingerprint, found: Found) -> Pair:
    return Pair(
        media=clip.media,
        output=clip.output,
        other=film.media,
        other_output=film.output,
        kind=Likeness.CLIP,
        distance=found.distance,
        found=context.now(),
        offset_s=found.offset_s,
        matched=found.matched,
        certain=found.certain,
    )


def film_of(stored: StoredFingerprint) -> VideoFingerprint:
    """What a video looks like, as `clips` works with it."""
    return VideoFingerprint(
        np.frombuffer(stored.times_s or b"", "<f4").astype(np.float32),
        np.frombuffer(stored.hashes, np.uint8).reshape(-1, HASH_BYTES),
        np.frombuffer(stored.qualities, np.uint8),
    )
