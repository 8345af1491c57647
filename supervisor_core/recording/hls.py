"""What a recording needs of streamlink's HLS beyond what that offers, for its plugins' too.

Its classes are changed in place, since plugins derive their own from them. This happens only in
the process that opens a stream.
"""

from typing import Any

from streamlink.exceptions import StreamError
from streamlink.stream.hls.hls import HLSStreamWorker, HLSStreamWriter
from streamlink.stream.hls.m3u8 import M3U8Parser

from supervisor_core.recording.guard import refuse

_CHUNK_BYTES = 2**16  # of streamlink's own 8 KiB each costs as much as one of these
_LOST = frozenset({404, 410})  # a segment that answers so will not come any more


def adapt(back_s: float | None, *, strict: bool) -> None:
    """Playlists name no files; a live one is played from `back_s` before its end, or its edge.

    What is fetched is passed on in larger pieces than streamlink's. When `strict`, a segment that
    can't be fetched whole ends the stream, so that it is fetched again by the next source, instead
    of being left out.
    """
    _refuse_files()
    HLSStreamWriter.WRITE_CHUNK_SIZE = _CHUNK_BYTES
    if back_s is not None:
        _begin(back_s)
    if strict:
        _end_at_losses()


def _refuse_files() -> None:
    whole = M3U8Parser.uri

    def uri(self: Any, uri: str) -> str:
        if uri.strip().lower().startswith("file:"):
            refuse()
        return whole(self, uri)

    M3U8Parser.uri = uri  # type: ignore[method-assign]


def _begin(back_s: float) -> None:
    take_in = HLSStreamWorker.process_segments

    def process_segments(self: Any, playlist: Any) -> None:
        first = self.sequence < 0
        take_in(self, playlist)
        if first:
            self.sequence = self.duration_to_sequence(-back_s, playlist.segments)

    HLSStreamWorker.process_segments = process_segments  # type: ignore[method-assign]


def _end_at_losses() -> None:
    fetch, next_item = HLSStreamWriter._fetch, HLSStreamWriter._queue_get

    def _fetch(self: Any, url: str, **parameters: Any) -> Any:
        try:
            return fetch(self, url, **parameters)
        except StreamError as error:
            response = getattr(getattr(error, "err", None), "response", None)
            self.lost = response is None or response.status_code not in _LOST
            raise

    def _queue_get(self: Any) -> Any:
        return None if getattr(self, "lost", False) else next_item(self)

    HLSStreamWriter._fetch = _fetch  # type: ignore[method-assign]
    HLSStreamWriter._queue_get = _queue_get  # type: ignore[method-assign]
    for name in ("_write_plain", "_write_decrypt"):
        setattr(HLSStreamWriter, name, _watched(getattr(HLSStreamWriter, name)))


def _watched(write: Any) -> Any:
    def watched(self: Any, *arguments: Any) -> bool:
        whole: bool = write(self, *arguments)
        self.lost = getattr(self, "lost", False) or not whole
        return whole

    return watched
