"""Where the chapters of a joined recording begin: at gaps, and where somebody says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from supervisor_core.recording.clock import TICKS
from supervisor_core.recording.splicing import Break

_BEGINNING = "Beginning"
_NEAR = TICKS  # a title that changes within a second of a gap is the title of what follows it
_TITLE_MAX = 200


@dataclass(frozen=True)
class Chapter:
    """A chapter that is asked for: so many seconds of media after the start of a segment."""

    segment: int
    title: str
    offset_s: float = 0.0


@dataclass(frozen=True)
class Mark:
    """Where a chapter begins in a file, in seconds, and its title."""

    start_s: float
    title: str


def marks(
    chapters: Sequence[Chapter], starts: Mapping[int, int], breaks: Sequence[Break], end: int
) -> list[tuple[int, str]]:
    """The chapters of one file, by the ticks at which they begin; none when it is of one piece.

    `starts` says where the file's segments begin. The first chapter begins with the file.
    """
    asked = {
        min(max(0, starts[chapter.segment] + round(chapter.offset_s * TICKS)), end - 1): chapter
        for chapter in chapters
        if chapter.segment in starts
    }
    found = {ticks: _clean(chapter.title) for ticks, chapter in asked.items()}
    for one in breaks:
        if not any(abs(one.ticks - ticks) <= _NEAR for ticks in asked):
            found[one.ticks] = _after(one.missing_s)
    if found:
        first = min(found)
        found[0] = found.pop(first) if first <= _NEAR and first in asked else _BEGINNING
    return sorted(found.items())


def _after(missing_s: float | None) -> str:
    return f"After a gap of {missing_s:.1f} s" if missing_s else "After a gap"


def _clean(title: str) -> str:
    """A title from outside, without what could disturb a player."""
    kept = "".join(char for char in title if char.isprintable())
    return kept[:_TITLE_MAX].strip() or _BEGINNING
