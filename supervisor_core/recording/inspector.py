"""Decodes what was recorded beside the recording, so that the reader never waits for it."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Self

from supervisor_core.deadline import Worker
from supervisor_core.reasons import Failed
from supervisor_core.recording import inspection
from supervisor_core.recording.inspection import Inspected
from supervisor_core.recording.pieces import Place
from supervisor_core.recording.progress import State
from supervisor_core.recording.segment_file import Closed
from supervisor_core.recording.watching import Judge, Sample

_LOOK_S = 20.0
_PRELOAD = ("supervisor_core.recording.inspection",)


class Inspector:
    """One warm child process and a thread that waits for it; segments queue in their order."""

    def __init__(self, base_s: float, rate: float, grace_s: float, frozen_s: float) -> None:
        self._base_s, self._rate = base_s, rate
        self._judge = Judge(frozen_s)
        self._worker = Worker(preload=_PRELOAD, grace_s=grace_s)
        self._thread = ThreadPoolExecutor(1, "inspector")
        self._samples: Future[list[Sample]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._worker.close()
        self._thread.shutdown(cancel_futures=kind is not None)
        self._worker.close()

    def segment(self, closed: Closed, length_s: float) -> "Future[tuple[Inspected, State]]":
        """Has a segment decoded and judged; what fails or takes too long is said in the result."""
        return self._thread.submit(self._inspect, closed, self._base_s + self._rate * length_s)

    @property
    def looking(self) -> bool:
        """True while key frames are still being looked at, or what was seen was not asked for."""
        return self._samples is not None

    def look(self, places: Sequence[Place]) -> None:
        """Has the key frames at these places decoded."""
        self._samples = self._thread.submit(self._look, places)

    def seen(self) -> list[Sample]:
        """What they look like, once; nothing while it is not known."""
        if self._samples is None or not self._samples.done():
            return []
        done, self._samples = self._samples, None
        return done.result()

    def _inspect(self, closed: Closed, limit_s: float) -> tuple[Inspected, State]:
        try:
            seen = self._worker.call(inspection.inspect, closed.path, limit_s=limit_s)
        except Failed as failed:
            seen = Inspected(size_bytes=closed.size_bytes, reason=failed.reason)
        state = self._judge.judge(seen.samples, seen.turns)
        return replace(seen, samples=[], turns=[]), state  # a long recording has many

    def _look(self, places: Sequence[Place]) -> list[Sample]:
        try:
            return self._worker.call(inspection.samples_at, places, limit_s=_LOOK_S)
        except Failed:
            return []
