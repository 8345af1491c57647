"""What a backfill is to make again, and how each of its runs is told so: by three tags.

    supervisor/again   failed | older-than-model | changed-prompt | all
    supervisor/level   only files at these levels: raw_aside, roi_mask, frame_level
    supervisor/code    only what ended for these reasons

A step leaves alone what the store already holds. So the runs of a backfill have the store forget
first that it holds what is meant, each for its own intake and when it begins: what still waits in
the queue of runs stays as it is, and a backfill that is cancelled has changed nothing of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeVar

from supervisor_core.enrichment.modes import MODES, in_order
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Cleaning

AGAIN_TAG = "supervisor/again"
LEVEL_TAG = "supervisor/level"
CODE_TAG = "supervisor/code"

CLEANED = "cleaned_frames"
ENRICHMENTS = "enrichments"
FAMILIES = (
    "videos",
    CLEANED,
    "thumbnails",
    "analyses",
    "bucket_copies",
    "released_files",
    "fingerprints",
    "integrity",
    ENRICHMENTS,
)
"""What can be made again, `enrichments` standing for all its modes."""
LEVELS = (Cleaning.RAW_ASIDE, Cleaning.ROI_MASK, Cleaning.FRAME_LEVEL)

E = TypeVar("E", bound=StrEnum)


class What(StrEnum):
    """Which results are made again."""

    FAILED = "failed"
    OLDER = "older-than-model"
    PROMPT = "changed-prompt"
    ALL = "all"


_OF: Mapping[What, frozenset[str]] = {
    What.FAILED: frozenset(FAMILIES),
    What.OLDER: frozenset({CLEANED, "analyses", ENRICHMENTS}),
    What.PROMPT: frozenset({"analyses", ENRICHMENTS}),
    What.ALL: frozenset(FAMILIES) - {"videos", "bucket_copies", "released_files"},
}
"""What each says something of: other versions of the rest are found by themselves, and what was
taken in, copied or put out is there once and for all."""


@dataclass(frozen=True)
class Redo:
    """Which results are made again; levels are those of files, codes why something has ended."""

    what: What = What.FAILED
    levels: frozenset[Cleaning] = frozenset()
    codes: frozenset[Reason] = frozenset()

    @property
    def tags(self) -> dict[str, str]:
        """The tags of a run that does so."""
        narrowed = {LEVEL_TAG: self.levels, CODE_TAG: self.codes}
        words = {name: ",".join(sorted(values)) for name, values in narrowed.items() if values}
        return {AGAIN_TAG: self.what.value, **words}

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> Self:
        """What the tags of a run say; raises `Failed(BAD_CONFIGURATION)` for other words."""
        whats = _members(What, AGAIN_TAG, tags.get(AGAIN_TAG, "")) or (What.FAILED,)
        levels = _members(Cleaning, LEVEL_TAG, tags.get(LEVEL_TAG, ""))
        if len(whats) > 1 or not set(levels) <= set(LEVELS):
            setting = AGAIN_TAG if len(whats) > 1 else LEVEL_TAG
            raise Failed(Reason.BAD_CONFIGURATION, setting=setting)
        codes = _members(Reason, CODE_TAG, tags.get(CODE_TAG, ""))
        return cls(whats[0], frozenset(levels), frozenset(codes))

    def concerns(self, asset: str) -> bool:
        """True for an asset of which there is something to be made again in this way."""
        return family(asset) in _OF[self.what] and (not self.levels or asset == CLEANED)


def family(asset: str) -> str:
    """The asset, or `enrichments` for one of its modes."""
    return asset.partition("/")[0]


def each(assets: Iterable[str]) -> list[str]:
    """The assets by their keys, in the order of lineage: `enrichments` is all its modes."""
    wanted = set(assets)
    modes = in_order([name for name in MODES if {ENRICHMENTS, f"{ENRICHMENTS}/{name}"} & wanted])
    plain = [name for name in FAMILIES if name in wanted and name != ENRICHMENTS]
    return [*plain, *(f"{ENRICHMENTS}/{name}" for name in modes)]


def _members(kind: type[E], tag: str, text: str) -> tuple[E, ...]:
    words = text.replace(" ", "").split(",")
    try:
        return tuple(kind(word) for word in words if word)
    except ValueError:
        raise Failed(Reason.BAD_CONFIGURATION, setting=tag) from None
