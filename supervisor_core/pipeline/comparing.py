"""Compares fingerprints that are new with all of lower numbers, and writes which look alike.

A still costs half a millisecond among 100,000, and reading those from the store 50 ms for as many
new ones as there are. All is compared in the worker's child, a part at a time, so that neither
memory nor time is without bounds; what was found is written after the stills and after each film.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from supervisor_core.enrichment.child import Taken, Where, clips_among, near_stills
from supervisor_core.keys import MediaKey
from supervisor_core.pipeline.context import Context
from supervisor_core.store import fingerprints
from supervisor_core.store.fingerprints import Kind, Likeness, Listed, Pair, StoredFingerprint

# Of a picture that looks like thousands of others, as empty pages do, only the nearest are kept.
PAIRS_MAX = 64
# 32 MB of hashes: a million stills, or 70 hours of video.
_SAMPLES_AT_ONCE = 1_000_000
_SAMPLE_BYTES = 32
# Of 256 stills among a million 1.3 s, of two films of two hours 1 s.
_LIMIT_S = 300.0


def compare(context: Context, media: Iterable[MediaKey]) -> int:
    """Compares those of these media that were not compared yet; returns how many pairs it found.

    Raises `Failed` as the worker does; what was compared before stays written.
    """
    with context.store.read() as connection:
        new = fingerprints.uncompared(connection, media)
    stills = [one for one in new if one.kind is Kind.STILL]
    written = _write(context, stills, _stills(context, stills)) if stills else 0
    for film in new:
        if film.kind is Kind.VIDEO:
            written += _write(context, [film], _clips(context, film))
    return written


def _write(context: Context, new: Sequence[StoredFingerprint], pairs: Iterable[Pair]) -> int:
    found = list(pairs)
    with context.store.write() as connection:
        return fingerprints.put_pairs(connection, new, found, context.now())


def _stills(context: Context, new: Sequence[StoredFingerprint]) -> Iterator[Pair]:
    with context.store.read() as connection:
        listed, hashes = fingerprints.stills_below(connection, new[-1].number)
    found: dict[MediaKey, list[Pair]] = {one.media: [] for one in new}
    for start in range(0, len(listed), _SAMPLES_AT_ONCE):
        part = listed[start : start + _SAMPLES_AT_ONCE]
        looks = hashes[start * _SAMPLE_BYTES : (start + len(part)) * _SAMPLE_BYTES]
        for pair in _near(context, new, part, looks):
            found[pair.media].append(pair)
    for pairs in found.values():
        yield from sorted(pairs, key=lambda pair: pair.distance)[:PAIRS_MAX]


def _near(
    context: Context, new: Sequence[StoredFingerprint], listed: Sequence[Listed], hashes: bytes
) -> Iterator[Pair]:
    numbers = [one.number for one in listed]
    wanted = [(_taken(one), bisect_left(numbers, one.number)) for one in new]
    found = context.worker.call(near_stills, wanted, hashes, PAIRS_MAX, limit_s=_LIMIT_S)
    for one, rows in zip(new, found, strict=True):
        for row, distance, mirrored in rows:
            yield Pair(
                media=one.media,
                output=one.output,
                other=listed[row].media,
                other_output=listed[row].output,
                kind=Likeness.STILL,
                distance=distance,
                found=context.now(),
                mirrored=mirrored,
            )


def _clips(context: Context, new: StoredFingerprint) -> Iterator[Pair]:
    """Where the new video lies in others, and where others lie in it."""
    with context.store.read() as connection:
        listed = fingerprints.videos_below(connection, new.number)
    for part in _parts(listed):
        with context.store.read() as connection:
            stored = fingerprints.of(connection, part)
        others = [one for one in stored.values() if one.number < new.number]
        looks = [_taken(one) for one in others]
        holding, inside = context.worker.call(clips_among, _taken(new), looks, limit_s=_LIMIT_S)
        for row, where in holding.items():
            yield _clip(context, new, others[row], where)
        for row, where in inside.items():
            yield _clip(context, others[row], new, where)


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


def _clip(context: Context, clip: StoredFingerprint, film: StoredFingerprint, where: Where) -> Pair:
    return Pair(
        media=clip.media,
        output=clip.output,
        other=film.media,
        other_output=film.output,
        kind=Likeness.CLIP,
        found=context.now(),
        **where,  # type: ignore[arg-type]
    )


def _taken(stored: StoredFingerprint) -> Taken:
    return Taken(stored.hashes, stored.qualities, stored.mirrors, stored.times_s)
