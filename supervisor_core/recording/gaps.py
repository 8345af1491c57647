"""Every second that a recording lacks: from when to when, and why."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from supervisor_core.reasons import Reason
from supervisor_core.recording.clock import Jump


@dataclass(frozen=True)
class Gap:
    """Where media are missing; times are seconds since 1970 on this machine's clock.

    `missing_s` is what the stream's own clock says of it: 0 when everything came later, none when
    that clock does not tell.
    """

    start_s: float
    end_s: float
    reason: Reason
    missing_s: float | None


class Gaps:
    """Collects the gaps of a recording; one that goes on with another begins when that ended.

    A gap is as long as it lasted, even when this machine's clock was set meanwhile.
    """

    def __init__(self, last_s: float | None = None) -> None:
        self.found: list[Gap] = []
        away_s = 0.0 if last_s is None else max(0.0, time.time() - last_s)
        self._moved_at = time.monotonic() - away_s
        self._reason = None if last_s is None else Reason.RECORDER_DIED

    @property
    def away_s(self) -> float:
        """For how long no media have come."""
        return time.monotonic() - self._moved_at

    @property
    def last_s(self) -> float:
        """When media came last."""
        return time.time() - self.away_s

    def interrupt(self, reason: Reason) -> None:
        """From the last media on there are none; the first reason counts until some come."""
        self._reason = self._reason or reason

    def resume(self, resumed: Jump | None, jumps: Iterable[Jump]) -> None:
        """Media have come, with these jumps of their clock; a new source has resumed it."""
        now_s = time.time()
        if self._reason:
            missing_s = resumed.missing_s if resumed else 0.0
            self.found.append(Gap(self.last_s, now_s, self._reason, missing_s))
        for jump in jumps:
            start_s = now_s - (jump.missing_s or 0.0)
            self.found.append(Gap(start_s, now_s, Reason.STREAM_JUMPED, jump.missing_s))
        self._reason, self._moved_at = None, time.monotonic()

    def finish(self) -> None:
        """The recording is over while media were still missing."""
        if self._reason:
            self.found.append(Gap(self.last_s, time.time(), self._reason, None))
        self._reason = None
