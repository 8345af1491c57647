"""Finding a short clip inside a longer video, and where it begins there.

Both are sampled at steps of their own, so their samples do not fall on the same frames: at the
right offset each sample of the clip lies within half a step of one of the film, and looks like it.
Every pair of samples that look alike votes for an offset (of long videos only some samples do); the
offsets with the most votes are then measured over the whole clip, and the one at which clip and
film differ least is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from supervisor_core.enrichment.near import apart, columns_of, distances
from supervisor_core.enrichment.pdq import HASH_BITS, QUALITY_MIN
from supervisor_core.enrichment.video_pdq import STEP_S, VideoFingerprint

# A clip shorter than this has too few samples to be told from a picture that looks like the film.
CLIP_MIN_S = 2.0
MATCHED_MIN = 0.7
# More than between two pictures: many samples in a row speak for a clip, not one alone.
_ALIKE_MAX = 72
_SAMPLES_MIN = 4
_PROBES = 12
_OFFSETS_TRIED = 64
# So many pairs of samples may vote, which takes 128 MB where all look alike: two films of two hours
# have a hundred times as many.
_PAIRS_VOTING = 8_000_000
_VOTERS_MIN = 64
# Samples do not fall on the very first and last frames.
SLACK_S = 0.75
# Where another offset is this near to the best (mean of bits), nobody can tell which it is.
_SURE_BITS = 4.0
_ELSEWHERE_S = 2.0


@dataclass(frozen=True)
class Found:
    """A clip in a film: it begins there at `offset_s`, exact to about half a step.

    `matched` is the part of the clip's samples that look alike (0-1), `distance` the mean of bits
    that differ, over all of them. `certain` is False when it fits elsewhere as well: a fixed
    camera, a loop.
    """

    offset_s: float
    matched: float
    distance: float
    certain: bool


def find_clip(clip: VideoFingerprint, film: VideoFingerprint) -> Found | None:
    """Where the clip lies in the film, or None when it does not, or is too short to be told."""
    clip = _usable(clip)
    if len(clip) < _SAMPLES_MIN or len(film) == 0 or length_s(clip) < CLIP_MIN_S:
        return None
    tried = [_measured(offset, clip, film) for offset in _offsets(clip, film)]
    likely = [one for one in tried if one.matched >= MATCHED_MIN]
    if not likely:
        return None
    best = min(likely, key=lambda one: one.distance)
    rivals = [one for one in likely if one.distance <= best.distance + _SURE_BITS]
    apart = [abs(one.offset_s - best.offset_s) for one in rivals]
    return replace(best, certain=max(apart) <= _ELSEWHERE_S)


class ClipFinder:
    """Many films at once: a few samples of the clip say in which of them it is worth looking."""

    def __init__(self, films: Mapping[str, VideoFingerprint]) -> None:
        self._films = dict(films)
        self._keys = list(films)
        owners = [np.full(len(film), number) for number, film in enumerate(films.values())]
        self._owners = np.concatenate(owners) if owners else np.empty(0, int)
        hashes = [film.hashes for film in films.values()] or [np.empty((0, 32), np.uint8)]
        self._columns = columns_of(np.concatenate(hashes))

    def find(self, clip: VideoFingerprint) -> dict[str, Found]:
        """The films that hold the clip, by key; those that are shorter are left out."""
        clip = _usable(clip)
        if not len(clip):
            return {}
        chosen = _spread(len(clip), _PROBES)
        hits = np.zeros(len(self._keys), int)
        for one in clip.hashes[chosen]:
            near = distances(self._columns, one.tobytes()) <= _ALIKE_MAX
            hits[np.unique(self._owners[near])] += 1
        likely = (self._keys[number] for number in np.flatnonzero(hits >= len(chosen) / 2))
        found = {
            key: find_clip(clip, self._films[key])
            for key in likely
            if length_s(self._films[key]) + SLACK_S >= length_s(clip)
        }
        return {key: one for key, one in found.items() if one is not None}


def _usable(video: VideoFingerprint) -> VideoFingerprint:
    """Without black and empty frames, which are in every film."""
    keep = video.qualities >= QUALITY_MIN
    return VideoFingerprint(video.times_s[keep], video.hashes[keep], video.qualities[keep])


def length_s(video: VideoFingerprint) -> float:
    """Seconds from the first sample to the last."""
    return float(video.times_s[-1] - video.times_s[0]) if len(video) else 0.0


def _offsets(clip: VideoFingerprint, film: VideoFingerprint) -> npt.NDArray[np.float64]:
    """The offsets, a quarter of a second apart, that most pairs of alike samples vote for."""
    voters = _spread(len(clip), max(_VOTERS_MIN, _PAIRS_VOTING // len(film)))
    columns = columns_of(film.hashes)
    table = np.stack([distances(columns, one.tobytes()) for one in clip.hashes[voters]])
    rows, alike = np.nonzero(table <= _ALIKE_MAX)
    begins = film.times_s[alike] - clip.times_s[voters][rows]
    votes = np.round(begins * 4).astype(int)
    offsets, counts = np.unique(votes, return_counts=True)
    last = length_s(film) - length_s(clip) + SLACK_S
    inside = (offsets >= -4 * SLACK_S) & (offsets <= 4 * last)
    offsets, counts = offsets[inside], counts[inside]
    # A sample votes in the bin beside the right one as often as in it.
    total = np.sum([_shifted(offsets, counts, shift) for shift in (-1, 0, 1)], axis=0)
    order = np.argsort(-total, kind="stable")[:_OFFSETS_TRIED]
    return offsets[order] / 4


def _shifted(
    offsets: npt.NDArray[np.int_], counts: npt.NDArray[np.int_], shift: int
) -> npt.NDArray[np.int_]:
    """The votes that each offset's neighbour got."""
    places = np.clip(np.searchsorted(offsets, offsets + shift), 0, max(len(offsets) - 1, 0))
    return np.where(offsets[places] == offsets + shift, counts[places], 0)


def _spread(count: int, at_most: int) -> npt.NDArray[np.int_]:
    """Numbers from 0 below `count`, evenly spread where there are more than `at_most`."""
    return np.unique(np.linspace(0, count - 1, min(count, at_most)).astype(int))


def _measured(offset: float, clip: VideoFingerprint, film: VideoFingerprint) -> Found:
    wanted = clip.times_s + offset
    right = np.clip(np.searchsorted(film.times_s, wanted), 0, len(film) - 1)
    left = np.maximum(right - 1, 0)
    gaps = np.stack([np.abs(film.times_s[side] - wanted) for side in (left, right)])
    bits = np.stack([apart(clip.hashes, film.hashes[side]) for side in (left, right)])
    # Only samples of about the same moment are compared, the more alike of the two; where there is
    # none, the frames are as far apart as any two.
    nearer = np.where(gaps > STEP_S, HASH_BITS / 2, bits).min(axis=0)
    best = np.minimum(nearer, HASH_BITS / 2)
    matched = float((best <= _ALIKE_MAX).mean())
    return Found(float(offset), matched, float(best.mean()), certain=False)
