"""A session as a picture over time."""

from supervisor_core.recording.progress import State as Picture
from supervisor_core.recording.timeline import Bar, Kind, draw_timeline
from supervisor_core.sessions.account import Account, begin_of
from supervisor_core.store.segments import SegmentRow

_KINDS = {
    Picture.OK: Kind.RECORDED,
    Picture.FROZEN: Kind.FROZEN,
    Picture.LOOPING: Kind.LOOPING,
}


def picture_of(account: Account) -> bytes:
    """A PNG of the segments by what they show, and of the gaps that lack something."""
    bars = [
        Bar(begin_of(segment).timestamp(), segment.closed.timestamp(), _kind(segment))
        for segment in account.segments
    ]
    gaps = [gap for gap in account.gaps if gap.missing_s != 0]
    bars += [Bar(gap.started.timestamp(), gap.ended.timestamp(), Kind.MISSING) for gap in gaps]
    return draw_timeline(bars)


def _kind(segment: SegmentRow) -> Kind:
    return Kind.DAMAGED if segment.reason else _KINDS[segment.picture]
