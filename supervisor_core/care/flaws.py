"""What does not fit between the store and the files, as a pure comparison.

UNRELEASED     a file in released/ that no person has let out: it leaves the house there
UNPROVEN       a file in the public tree of which the store holds no proof: nobody may see it
RAW_MISSING    a media's own bytes are gone
RAW_CHANGED    ... are others than those that came in
FILE_MISSING   a cleaned file is gone
FILE_CHANGED   ... is another than the one that was verified
UNLISTED       a file that no row tells of; what is younger than an hour may be under way
ROW_ALONE      rows of a media that the store does not know
TWO_CURRENT    a media with two cleaned files that both count
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from supervisor_core.care.trees import Lying
from supervisor_core.media.files import PART_SUFFIX
from supervisor_core.pipeline.places import shown_by
from supervisor_core.store.expectations import Expected, MadeFile, RawFile, ReleasedFile

_YOUNG_S = 3600.0


class Flaw(StrEnum):
    """What does not fit."""

    UNRELEASED = "unreleased"
    UNPROVEN = "unproven"
    RAW_MISSING = "raw_missing"
    RAW_CHANGED = "raw_changed"
    FILE_MISSING = "file_missing"
    FILE_CHANGED = "file_changed"
    UNLISTED = "unlisted"
    ROW_ALONE = "row_alone"
    TWO_CURRENT = "two_current"

    @property
    def next_step(self) -> str:
        """What a person does about it."""
        return _NEXT_STEP[self]


_NEXT_STEP = {
    Flaw.UNRELEASED: "Move the file out of released/ at once; find out who put it there.",
    Flaw.UNPROVEN: "Move the file out of cleaned/ at once; find out who put it there.",
    Flaw.RAW_MISSING: "Bring the file or its disk back; from a backup, to the path of its row.",
    Flaw.RAW_CHANGED: "Restore it from a backup; the disk may be failing.",
    Flaw.FILE_MISSING: "Run `retry` on the media; of released/, run the asset `released_files`.",
    Flaw.FILE_CHANGED: "Move it away and run `retry` on the media: it is cleaned again.",
    Flaw.UNLISTED: "Look at it; if nobody misses anything, move it to trash/.",
    Flaw.ROW_ALONE: "Restore the store from its backup, or ask the developers.",
    Flaw.TWO_CURRENT: "Run `retry` on the media.",
}


@dataclass(frozen=True)
class Finding:
    """A flaw of a media (SHA-256) or a path of ours; `detail` is a path or a reason code."""

    flaw: Flaw
    subject: str
    detail: str | None = None


def misfits(wanted: Expected, lying: Mapping[str, Lying], now_s: float) -> Iterator[Finding]:
    """What does not fit, where `lying` are all files by their path and it is `now_s` (Unix)."""
    for raw in wanted.raw:
        yield from _fits(lying.get(raw.path), raw, raw.media, Flaw.RAW_MISSING, Flaw.RAW_CHANGED)
    for made in wanted.made:
        if made.path.startswith("cleaned/"):
            found = lying.get(made.path)
            yield from _fits(found, made, made.media, Flaw.FILE_MISSING, Flaw.FILE_CHANGED)
    for one in wanted.released:
        if one.whole:
            found = lying.get(one.path)
            yield from _fits(found, one, one.media, Flaw.FILE_MISSING, Flaw.FILE_CHANGED)
    yield from _strangers(wanted, lying, now_s)
    yield from (Finding(Flaw.ROW_ALONE, media) for media in wanted.alone)
    yield from (Finding(Flaw.TWO_CURRENT, media) for media in wanted.twice)


def _fits(
    found: Lying | None,
    row: RawFile | MadeFile | ReleasedFile,
    media: str,
    missing: Flaw,
    changed: Flaw,
) -> Iterator[Finding]:
    if found is None or found.size_bytes is None:
        yield Finding(missing, media, row.path)
    elif found.size_bytes != row.size_bytes:
        yield Finding(changed, media, row.path)


def _strangers(wanted: Expected, lying: Mapping[str, Lying], now_s: float) -> Iterator[Finding]:
    told = {raw.path for raw in wanted.raw} | {made.path for made in wanted.made}
    proven = {made.path for made in wanted.made if made.verified}
    shown = {made.sha256 for made in wanted.made} | {raw.media for raw in wanted.raw if raw.free}
    free = {one.path for one in wanted.released}
    for path, found in lying.items():
        if path.startswith("released/"):
            if path.removesuffix(PART_SUFFIX) not in free:
                yield Finding(Flaw.UNRELEASED, path)
        elif path.startswith("cleaned/") and path not in proven:
            yield Finding(Flaw.UNPROVEN, path)
        elif path.startswith("thumbnails/"):
            if shown_by(PurePosixPath(path)) not in shown and now_s - found.mtime > _YOUNG_S:
                yield Finding(Flaw.UNLISTED, path)
        elif path not in told and now_s - found.mtime > _YOUNG_S:
            yield Finding(Flaw.UNLISTED, path)
