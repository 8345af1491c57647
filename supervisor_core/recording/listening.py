"""Whoever wants to know how a recording goes, while it goes."""

from dataclasses import dataclass
from typing import Protocol

from supervisor_core.recording.gaps import Gap
from supervisor_core.recording.progress import State
from supervisor_core.recording.results import Segment


@dataclass(frozen=True)
class Beat:
    """How a recording stands at one moment; what is counted, is counted for this run of it.

    `media_s` are the seconds of media that came and `size_bytes` what was written of them,
    `moved_s` is when media came last by this machine's clock, `number` that of the segment being
    written. Media may stay away for `limit_s` before their source is opened again.
    """

    media_s: float
    size_bytes: int
    sources: int
    moved_s: float
    state: State
    number: int | None
    source_pid: int | None
    limit_s: float


class Listener(Protocol):
    """Hears of a recording, in the recorder's own thread and in the order things are known.

    Whatever it raises ends the recording in good order and is passed on to who started it. It is
    called no more then.
    """

    def closed(self, segment: Segment) -> None:
        """A closed segment was decoded and judged; they come in their order."""

    def gap(self, gap: Gap) -> None:
        """A gap is over."""

    def beat(self, beat: Beat) -> None:
        """A heartbeat has passed, whether media came or not."""


class Silent:
    """Does nothing with what it hears."""

    def closed(self, segment: Segment) -> None:
        """Does nothing."""

    def gap(self, gap: Gap) -> None:
        """Does nothing."""

    def beat(self, beat: Beat) -> None:
        """Does nothing."""
