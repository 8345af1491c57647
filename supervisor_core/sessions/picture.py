"""A session as a picture over time."""

from collections.abc import Sequence
from datetime import datetime

from supervisor_core.recording.progress import State as Picture
from supervisor_core.recording.timeline import Bar, Kind, draw_timeline
from supervisor_core.sessions.account import Account, begin_of
from supervisor_core.store.segments import GapRow, SegmentRow

_KINDS = {
    Picture.OK: Kind.RECORDED,
    Picture.FROZEN: Kind.FROZEN,
    Picture.LOOPING: Kind.LOOPING,
}


def picture_of(account: Account) -> bytes:
    """A PNG of the segments by what they show, and of the gaps that lack something."""
    gaps = [gap for gap in account.gaps if account.lacks(gap)]
    bars = [Bar(gap.started.timestamp(), gap.ended.timestamp(), Kind.MISSING) for gap in gaps]
    before: datetime | None = None
    for segment in account.segments:
        start = _start(segment, before, gaps)
        bars.append(Bar(start.timestamp(), segment.closed.timestamp(), _kind(segment)))
        before = segment.closed
    return draw_timeline(bars)


def _start(segment: SegmentRow, before: datetime | None, gaps: Sequence[GapRow]) -> datetime:
    """Where the one before it ended, or a gap in between; media may come slower than they play."""
    if before is None:
        return begin_of(segment)
    ends = [gap.ended for gap in gaps if before <= gap.ended <= segment.closed]
    return max([before, *ends])


def _kind(segment: SegmentRow) -> Kind:
    return Kind.DAMAGED if segment.reason else _KINDS[segment.picture]
