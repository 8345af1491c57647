"""What a session consists of: recorded and expected seconds, gaps, segments, files."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from supervisor_core.reasons import Reason
from supervisor_core.store import recordings, segments
from supervisor_core.store.database import Connection
from supervisor_core.store.recordings import Session
from supervisor_core.store.segments import GapRow, RecordedFile, SegmentRow


@dataclass(frozen=True)
class Account:
    """A session with all that belongs to it."""

    session: Session
    segments: Sequence[SegmentRow]
    gaps: Sequence[GapRow]
    files: Sequence[RecordedFile]

    @property
    def recorded_s(self) -> float:
        """Seconds of media in the segments, by the stream's clock."""
        return sum(_length_s(segment) for segment in self.segments)

    @property
    def missing_s(self) -> float:
        """Seconds that are missing for sure or may be: a gap of unknown content counts in full.

        What comes after the last media of a stream that was gone for good does not count.
        """
        return sum(missing_s(gap) for gap in self.gaps if not self._is_after_the_end(gap))

    def lacks(self, gap: GapRow) -> bool:
        """True when something is missing for this gap."""
        return gap.missing_s != 0 and not self._is_after_the_end(gap)

    def _is_after_the_end(self, gap: GapRow) -> bool:
        last = max((segment.closed for segment in self.segments), default=None)
        gone = self.session.reason is Reason.STREAM_NOT_FOUND and not self.session.open
        return gone and last is not None and gap.ended > last

    @property
    def coverage(self) -> float:
        """Share of the expected media that was recorded, 0 to 1; 0 where nothing was."""
        whole_s = self.recorded_s + self.missing_s
        return self.recorded_s / whole_s if whole_s else 0.0

    @property
    def frames(self) -> int:
        """Frames that decode, of all segments."""
        return sum(segment.frames for segment in self.segments)

    @property
    def damaged(self) -> Mapping[Reason, int]:
        """How many segments do not decode to their end, by reason."""
        return Counter(segment.reason for segment in self.segments if segment.reason)


def account_of(connection: Connection, intake: str) -> Account:
    """What a session consists of; raises `Failed(UNKNOWN_INTAKE)`."""
    return Account(
        recordings.require(connection, intake),
        segments.segments_of(connection, intake),
        segments.gaps_of(connection, intake),
        segments.files_of(connection, intake),
    )


def missing_s(gap: GapRow) -> float:
    """How many seconds a gap lacks: what the stream's clock says, else its length."""
    length_s = (gap.ended - gap.started).total_seconds()
    return length_s if gap.missing_s is None else gap.missing_s


def _length_s(segment: SegmentRow) -> float:
    """The time of all its frames, also of the last one."""
    steps = segment.frames - 1
    return segment.seconds * segment.frames / steps if steps > 0 else segment.seconds


def begin_of(segment: SegmentRow) -> datetime:
    """When the first media of a segment came."""
    return segment.closed - timedelta(seconds=_length_s(segment))
