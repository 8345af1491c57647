"""One look tells whether a stream is live, and leaves nothing behind whatever the server does."""

import os
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import psutil
import pytest
from hls_server import GROUP, Live, counting
from storage_parts import Site, free_port, send

from supervisor_core.recording.probing import Liveness, probe
from supervisor_core.recording.source import Opening, address_of

LIMIT_S = 20.0


def looked(url: str, limit_s: float = LIMIT_S) -> Liveness:
    address = address_of(url)
    assert address
    return probe(Opening(address, connect_s=5.0), limit_s)


@pytest.fixture(autouse=True)
def _leaves_no_process() -> Iterator[None]:
    yield
    left = [child.cmdline() for child in psutil.Process(os.getpid()).children(recursive=True)]
    assert not [line for line in left if "recording.source_child" in " ".join(line)]


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("changed", "liveness"),
    [
        ({"ends": False}, Liveness.LIVE),
        ({"published": 4}, Liveness.ENDED),
        ({"status": 404}, Liveness.NOT_FOUND),
        ({"status": 503}, Liveness.UNREACHABLE),
        ({"playlist": lambda base: "<html>soon</html>"}, Liveness.UNREACHABLE),
        ({"playlist": lambda base: "#EXTM3U\n#EXTINF:1,\nfile:/a.ts\n"}, Liveness.FORBIDDEN),
    ],
)
def test_a_playlist_tells(changed: dict[str, object], liveness: Liveness) -> None:
    with Live(counting(4 * GROUP), **changed).open() as live:
        assert looked(live.url) is liveness


def running(handler: BaseHTTPRequestHandler, _: int) -> None:
    send(handler, 200, counting(GROUP)[0], Content_Length=None)


def a_file(handler: BaseHTTPRequestHandler, _: int) -> None:
    send(handler, 200, counting(GROUP)[0])


@pytest.mark.parametrize(("answer", "liveness"), [(running, "live"), (a_file, "ended")])
def test_a_transfer_is_live_unless_its_length_is_known(
    answer: Callable[[BaseHTTPRequestHandler, int], None], liveness: str
) -> None:
    with Site(answer).open() as site:
        assert looked(site.url) == liveness


def test_nobody_there_is_unreachable() -> None:
    assert looked(f"http://127.0.0.1:{free_port()}/live.m3u8") is Liveness.UNREACHABLE


def drips(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"#EXTM3U\n")
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        handler.wfile.write(b"#")
        handler.wfile.flush()
        time.sleep(0.01)


def endless(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.send_response(200)
    handler.end_headers()
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        handler.wfile.write(b"#EXTINF:1,\n0.ts\n" * 4096)


@pytest.mark.parametrize("answer", [drips, endless])
def test_a_server_that_never_comes_to_an_end_is_left_at_the_limit(
    answer: Callable[[BaseHTTPRequestHandler, int], None],
) -> None:
    with Site(answer).open() as site:
        began = time.monotonic()
        assert looked(site.url.rpartition("/")[0] + "/live.m3u8", 1.5) is Liveness.UNREACHABLE
    assert time.monotonic() - began < 8
