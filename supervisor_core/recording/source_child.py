"""The process that opens a stream with streamlink and writes it to its standard output.

It reads one line of JSON from its standard input, so that no address stands in the list of
processes, and tells by its exit code how the stream ended: see `Outcome`.
"""

import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from streamlink.logger import basicConfig
from streamlink.session.session import Streamlink
from streamlink.stream.hls.hls import HLSStream, HLSStreamReader, HLSStreamWorker
from streamlink.stream.hls.m3u8 import M3U8Parser, parse_m3u8

from supervisor_core.processes import die_with_parent
from supervisor_core.recording.guard import NoSuchScheme, Outcome, refuse, stand_guard

_CHUNK_BYTES = 2**16
_MEMORY_BYTES = 2 * 2**30  # a playlist without end must not take the whole machine along
_GONE = frozenset({401, 403, 404, 410})
_NOWHERE = "/nonexistent/ffmpeg"  # it would open whatever a segment that is a playlist names


class _Parser(M3U8Parser):  # type: ignore[type-arg]
    """Reads playlists; one that names a file of this machine ends the process."""

    def uri(self, uri: str) -> str:
        """The whole address of something that a playlist names."""
        if uri.strip().lower().startswith("file:"):
            refuse()
        return str(super().uri(uri))


class _Worker(HLSStreamWorker):
    """Begins at the live edge, or so many seconds before the playlist's end."""

    back_s: ClassVar[float | None] = None

    def process_segments(self, playlist: Any) -> None:
        """Takes in a playlist; the first one decides where to begin."""
        first = self.sequence < 0
        super().process_segments(playlist)
        if first and self.back_s is not None:
            self.sequence = self.duration_to_sequence(-self.back_s, playlist.segments)


class _Reader(HLSStreamReader):
    __worker__ = _Worker


class _Stream(HLSStream):
    """A stream whose playlists are read by our parser, from where we want."""

    __parser__ = _Parser
    __reader__ = _Reader


def main() -> None:
    """Plays one stream; the parent's process id is on the command line."""
    die_with_parent(int(sys.argv[2]))
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    order = json.loads(sys.stdin.buffer.readline())
    basicConfig(stream=sys.stderr, level="info")
    kind, _, url = order["url"].partition("://")
    try:
        stand_guard(url, order["hosts"])
        session = _session(order)
        outcome = _WAYS[kind, bool(order.get("probe"))](session, url)
    except BrokenPipeError:
        outcome = Outcome.BROKEN
    except Exception as error:  # noqa: BLE001 - the edge of the process
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        outcome = Outcome.NOT_FOUND if _status(error) in _GONE else Outcome.BROKEN
    os._exit(outcome)  # threads of the library may still hang in a connection


def _session(order: dict[str, Any]) -> Streamlink:
    _Worker.back_s = order.get("back_s")
    session = Streamlink(plugins_builtin=False)
    options = {
        "stream-segmented-queue-deadline": 0,  # a playlist that stands still has not ended
        "stream-timeout": order["silence_s"],
        "stream-segment-timeout": order["connect_s"],
        "http-timeout": order["connect_s"],
        "http-trust-env": False,
        "ringbuffer-size": 32 * 2**20,
        "ffmpeg-ffmpeg": _NOWHERE,
    }
    for name, value in options.items():
        session.set_option(name, value)
    for prefix in ("", "file://"):
        session.http.mount(prefix, NoSuchScheme())
    return session


def _hls(session: Streamlink, url: str) -> Any:
    streams = _Stream.parse_variant_playlist(session, url)
    return max(streams.values(), key=_weight) if streams else _Stream(session, url)


def _play_hls(session: Streamlink, url: str) -> Outcome:
    reader = _hls(session, url).open()
    _copy(lambda: reader.read(_CHUNK_BYTES))
    worker = reader.worker
    complete = worker.playlist_end is not None and worker.sequence > worker.playlist_end
    return Outcome.ENDED if complete else Outcome.BROKEN


def _weight(stream: Any) -> tuple[float, float]:
    """Best first by pixels, then by bits; a variant that says neither comes last."""
    told = [
        variant.stream_info
        for variant in (stream.multivariant.playlists if stream.multivariant else ())
        if variant.uri == stream.url
    ]
    size = told[0].resolution if told else None
    return (size.width * size.height if size else 0, (told[0].bandwidth or 0) if told else 0)


def _look_hls(session: Streamlink, url: str) -> Outcome:
    answer = session.http.get(_hls(session, url).url)
    answer.encoding = "utf-8"
    playlist = parse_m3u8(answer, parser=_Parser)
    if playlist.is_endlist or playlist.playlist_type == "VOD":
        return Outcome.ENDED
    return Outcome.LIVE if playlist.segments else Outcome.BROKEN


def _play_http(session: Streamlink, url: str) -> Outcome:
    response = session.http.get(url, stream=True)
    pieces: Iterator[bytes] = response.iter_content(8192)
    _copy(lambda: next(pieces, b""))
    framed = {"content-length", "transfer-encoding"} & {name.lower() for name in response.headers}
    return Outcome.ENDED if framed else Outcome.CLOSED


def _look_http(session: Streamlink, url: str) -> Outcome:
    response = session.http.get(url, stream=True)
    if "content-length" in {name.lower() for name in response.headers}:
        return Outcome.ENDED  # it is a file
    return Outcome.LIVE if next(response.iter_content(188), b"") else Outcome.BROKEN


_WAYS = {
    ("hls", False): _play_hls,
    ("hls", True): _look_hls,
    ("httpstream", False): _play_http,
    ("httpstream", True): _look_http,
}


def _copy(read: Callable[[], bytes]) -> None:
    while chunk := read():
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(sys.stdout.fileno(), rest) :]


def _status(error: BaseException | None) -> int | None:
    """The status of the answer that an error is about, wherever in its chain it stands."""
    for _ in range(8):
        if error is None:
            return None
        response = getattr(getattr(error, "err", error), "response", None)
        if response is not None:
            return int(response.status_code)
        error = error.__cause__ or error.__context__
    return None
