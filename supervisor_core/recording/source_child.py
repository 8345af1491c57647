"""The process that opens a stream with streamlink and writes it to its standard output.

It reads one line of JSON from its standard input, so that no address stands in the list of
processes, and tells by its exit code how the stream ended: see `Outcome`.
"""

import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from typing import Any

from streamlink.logger import basicConfig
from streamlink.session.session import Streamlink
from streamlink.stream.hls.hls import HLSStream
from streamlink.stream.hls.m3u8 import parse_m3u8
from streamlink.stream.http import HTTPStream

from supervisor_core.processes import die_with_parent
from supervisor_core.recording.finding import find
from supervisor_core.recording.guard import NoSuchScheme, Outcome, stand_guard
from supervisor_core.recording.hls import adapt

_CHUNK_BYTES = 2**16
_MEMORY_BYTES = 2 * 2**30  # a playlist without end must not take the whole machine along
_GONE = frozenset({401, 403, 404, 410})
_NOWHERE = "/nonexistent/ffmpeg"  # it would open whatever a segment that is a playlist names


def main() -> None:
    """Plays one stream; the parent's process id is on the command line."""
    die_with_parent(int(sys.argv[2]))
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    order = json.loads(sys.stdin.buffer.readline())
    basicConfig(stream=sys.stderr, level="info")
    try:
        outcome = _run(order)
    except BrokenPipeError:
        outcome = Outcome.BROKEN
    except Exception as error:  # noqa: BLE001 - the edge of the process
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        outcome = Outcome.NOT_FOUND if _status(error) in _GONE else Outcome.BROKEN
    os._exit(outcome)  # threads of the library may still hang in a connection


def _run(order: dict[str, Any]) -> Outcome:
    kind, _, url = order["url"].partition("://")
    stand_guard(url, order["hosts"], order["proxy"])
    adapt(order.get("back_s"), strict=order.get("strict", False))
    session = _session(order)
    stream = find(session, kind, url, order)
    if stream is None:
        return Outcome.NOT_FOUND
    return _look(session, stream) if order.get("probe") else _play(session, stream)


def _session(order: dict[str, Any]) -> Streamlink:
    session = Streamlink(plugins_builtin=False)
    options = {
        "stream-segmented-queue-deadline": 0,  # a playlist that stands still has not ended
        "stream-timeout": order["silence_s"],
        "stream-segment-timeout": order["connect_s"],
        "http-timeout": order["connect_s"],
        "http-trust-env": False,
        "ringbuffer-size": 32 * 2**20,
        "ffmpeg-ffmpeg": _NOWHERE,
        "webbrowser": False,  # it would be another process
    }
    for name, value in options.items():
        session.set_option(name, value)
    if order["proxy"]:
        session.set_option("http-proxy", order["proxy"])
    for prefix in ("", "file://"):
        session.http.mount(prefix, NoSuchScheme())
    return session


def _play(session: Streamlink, stream: Any) -> Outcome:
    if isinstance(stream, HLSStream):
        return _play_hls(stream)
    if isinstance(stream, HTTPStream):
        return _play_http(session, stream)
    reader = stream.open()
    _copy(lambda: reader.read(_CHUNK_BYTES))
    return Outcome.CLOSED


def _play_hls(stream: Any) -> Outcome:
    reader = stream.open()
    _copy(lambda: reader.read(_CHUNK_BYTES))
    worker = reader.worker
    complete = worker.playlist_end is not None and worker.sequence > worker.playlist_end
    lost = getattr(reader.writer, "lost", False)
    return Outcome.ENDED if complete and not lost else Outcome.BROKEN


def _play_http(session: Streamlink, stream: HTTPStream) -> Outcome:
    response = _ask(session, stream)
    pieces: Iterator[bytes] = response.iter_content(8192)
    _copy(lambda: next(pieces, b""))
    framed = {"content-length", "transfer-encoding"} & {name.lower() for name in response.headers}
    return Outcome.ENDED if framed else Outcome.CLOSED


def _look(session: Streamlink, stream: Any) -> Outcome:
    """Whether the stream is live, without playing it."""
    if isinstance(stream, HLSStream):
        return _look_at_playlist(session, stream)
    if not isinstance(stream, HTTPStream):
        return Outcome.LIVE
    response = _ask(session, stream)
    if "content-length" in {name.lower() for name in response.headers}:
        return Outcome.ENDED  # it is a file
    return Outcome.LIVE if next(response.iter_content(188), b"") else Outcome.BROKEN


def _look_at_playlist(session: Streamlink, stream: HLSStream) -> Outcome:
    answer = _ask(session, stream)
    answer.encoding = "utf-8"
    playlist = parse_m3u8(answer, parser=stream.__parser__)
    if playlist.is_endlist or playlist.playlist_type == "VOD":
        return Outcome.ENDED
    return Outcome.LIVE if playlist.segments else Outcome.BROKEN


def _ask(session: Streamlink, stream: HTTPStream) -> Any:
    arguments = {"method": "GET"} | session.http.valid_request_args(**stream.args)
    whole = isinstance(stream, HLSStream)
    # A connection that was kept may be closed by the server at any moment.
    return session.http.request(stream=not whole, retries=1, **arguments)


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
