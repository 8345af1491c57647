"""What one recording was asked for, and what came of it."""

from dataclasses import dataclass, field
from pathlib import Path

from supervisor_core.reasons import Reason
from supervisor_core.recording.gaps import Gap
from supervisor_core.recording.inspection import Inspected
from supervisor_core.recording.pieces import Limits
from supervisor_core.recording.progress import State
from supervisor_core.recording.segment_file import Closed, Ending
from supervisor_core.recording.source import Opening
from supervisor_core.settings import Settings


@dataclass(frozen=True)
class Order:
    """One recording: what to open, where its segments go, for how long; times in seconds.

    It goes on with what lies in the folder, or with `after`, the last segment of a recording that
    lies elsewhere. With a `name` its files bear that name and the numbers after the highest there.
    `last_s` is when media came last, by this machine's clock: from then on they are missing. After
    its duration it goes on to the next key frame, but for no longer than `edge_s`. It leaves
    `reserve_bytes` of the disk free.
    """

    opening: Opening
    folder: Path
    duration_s: float | None = None
    name: str | None = None
    after: Path | None = None
    last_s: float | None = None
    limits: Limits = field(default_factory=Limits)
    stall_s: float = 120.0
    frozen_s: float = 120.0
    heartbeat_s: float = 10.0
    retry_first_s: float = 1.0
    retry_longest_s: float = 60.0
    gone_s: float = 600.0
    inspect_base_s: float = 60.0
    inspect_rate: float = 1.0
    grace_s: float = 2.0
    edge_s: float = 10.0
    reserve_bytes: int = 0


def opening_of(
    address: str, settings: Settings, proxies: tuple[str, ...] = (), quality: str = "best"
) -> Opening:
    """How the settings have an address (see `address_of`) opened, to record it or to look at it."""
    return Opening(
        address,
        settings.allowed_host_names,
        proxies,
        quality,
        settings.recording_plugins_folder,
        connect_s=settings.fetch_connect_s,
        silence_s=settings.recording_stall_s,
    )


def order_of(
    opening: Opening,
    folder: Path,
    settings: Settings,
    *,
    duration_s: float | None = None,
    length_s: float | None = None,
    size_bytes: int | None = None,
) -> Order:
    """The order that the settings make of an opening and a folder."""
    limits = Limits(
        length_s or settings.recording_segment_s, size_bytes or settings.recording_segment_bytes
    )
    return Order(
        opening,
        folder,
        duration_s=duration_s,
        limits=limits,
        stall_s=settings.recording_stall_s,
        frozen_s=settings.recording_frozen_s,
        heartbeat_s=settings.recording_heartbeat_s,
        retry_first_s=settings.recording_retry_first_s,
        retry_longest_s=settings.recording_retry_longest_s,
        gone_s=settings.recording_gone_s,
        inspect_base_s=settings.recording_inspect_base_s,
        inspect_rate=settings.recording_inspect_rate,
        grace_s=settings.grace_s,
        reserve_bytes=settings.reserve_bytes,
    )


@dataclass(frozen=True)
class Segment:
    """One closed segment: why it ended, what is in it, and whether that is anything new."""

    closed: Closed
    inspected: Inspected
    state: State


@dataclass(frozen=True)
class Recording:
    """All of it: the segments in order, every gap, and how it ended.

    `reason` is none when it ended as it should: at the stream's end or after its time.
    """

    segments: list[Segment]
    gaps: list[Gap]
    ending: Ending
    reason: Reason | None
    sources: int
