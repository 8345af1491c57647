"""Decodes what was recorded beside the recording, so that the reader never waits for it."""

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from supervisor_core.deadline import Worker
from supervisor_core.reasons import Failed
from supervisor_core.recording import inspection
from supervisor_core.recording.inspection import Inspected
from supervisor_core.recording.pieces import Place
from supervisor_core.recording.segment_file import Closed

_PICTURE_S = 20.0
_PRELOAD = ("supervisor_core.recording.inspection",)


class Inspector:
    """One warm child process and a thread that waits for it; segments queue in their order."""

    def __init__(self, base_s: float, rate: float, grace_s: float) -> None:
        self._base_s, self._rate = base_s, rate
        self._worker = Worker(preload=_PRELOAD, grace_s=grace_s)
        self._thread = ThreadPoolExecutor(1, "inspector")
        self._picture: Future[str] | None = None

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

    def segment(self, closed: Closed, length_s: float) -> "Future[Inspected]":
        """Has a segment decoded; what fails or takes too long is said in the result."""
        return self._thread.submit(self._inspect, closed, self._base_s + self._rate * length_s)

    def picture(self, place: Place) -> None:
        """Has a key frame decoded, unless something else is still being looked at."""
        if self._picture is None:
            self._picture = self._thread.submit(self._look, place)

    def seen(self) -> str | None:
        """The digest of the picture that was asked for, once; none while it is not there."""
        if self._picture is None or not self._picture.done():
            return None
        done, self._picture = self._picture, None
        return done.result()

    def _inspect(self, closed: Closed, limit_s: float) -> Inspected:
        try:
            return self._worker.call(inspection.inspect, closed.path, limit_s=limit_s)
        except Failed as failed:
            return Inspected(size_bytes=closed.size_bytes, reason=failed.reason)

    def _look(self, place: Place) -> str:
        try:
            return self._worker.call(inspection.picture_at, place, limit_s=_PICTURE_S)
        except Failed:
            return ""
