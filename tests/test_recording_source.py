"""A source says how its stream ended, can be led nowhere, and leaves no address in its log."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hls_server import GROUP, TOKEN, Live, counting, numbers_of
from storage_parts import Site, send

from supervisor_core.recording.guard import Outcome
from supervisor_core.recording.source import Opening, Source, address_of
from supervisor_core.recording.source_log import SourceLog

CONTENT = b"".join(counting(4 * GROUP))


def played(url: str, folder: Path, *, strict: bool = False) -> tuple[bytes, Outcome | None]:
    address = address_of(url)
    assert address
    opening = Opening(address, silence_s=10.0)
    source = Source(opening, SourceLog(folder / "source.log"), strict=strict)
    content = b""
    while not source.over:
        content += source.read(5.0)
    return content, source.end()


def whole(handler: BaseHTTPRequestHandler, _: int) -> None:
    send(handler, 200, CONTENT)


def cut(handler: BaseHTTPRequestHandler, _: int) -> None:
    send(handler, 200, CONTENT[:30_000], Content_Length=str(len(CONTENT)))


def open_end(handler: BaseHTTPRequestHandler, _: int) -> None:
    send(handler, 200, CONTENT, Content_Length=None)


def elsewhere(handler: BaseHTTPRequestHandler, _: int) -> None:
    send(handler, 302, Location="http://127.0.0.1:9/a.ts")


@pytest.mark.parametrize(
    ("answer", "outcome", "frames"),
    [
        (whole, Outcome.ENDED, 4 * GROUP),
        (cut, Outcome.BROKEN, None),
        (open_end, Outcome.CLOSED, 4 * GROUP),
        (elsewhere, Outcome.FORBIDDEN, 0),
    ],
)
def test_one_long_transfer(
    answer: Callable[[BaseHTTPRequestHandler, int], None],
    outcome: Outcome,
    frames: int | None,
    tmp_path: Path,
) -> None:
    with Site(answer).open() as site:
        content, ended = played(site.url, tmp_path)
    assert ended is outcome
    if frames is not None:
        assert (numbers_of(content) if content else []) == list(range(frames))


def test_a_piece_that_breaks_off_is_fetched_again(tmp_path: Path) -> None:
    with Live(counting(8 * GROUP), published=8, breaks_on=5).open() as live:
        content, ended = played(live.url, tmp_path, strict=True)
    assert (numbers_of(content), ended) == (list(range(8 * GROUP)), Outcome.ENDED)


@pytest.mark.parametrize("strict", [True, False])
def test_a_piece_that_can_not_be_had_ends_a_source_or_is_left_out(
    strict: bool, tmp_path: Path
) -> None:
    with Live(counting(8 * GROUP), published=8, broken=5).open() as live:
        content, ended = played(live.url, tmp_path, strict=strict)
    rest = range(6 * GROUP, 6 * GROUP if strict else 8 * GROUP)
    assert numbers_of(content) == [*range(5 * GROUP), *rest]
    assert ended is (Outcome.BROKEN if strict else Outcome.ENDED)


def test_ended_twice_is_ended_once(tmp_path: Path) -> None:
    with Live(counting(GROUP), ends=False).open() as live:
        address = address_of(live.url)
        assert address
        source = Source(Opening(address), SourceLog(tmp_path / "source.log"))
        assert source.end() is None
        assert source.end() is None


def test_a_log_is_small_and_tells_no_address(tmp_path: Path) -> None:
    log = SourceLog(tmp_path / "source.log", limit_bytes=1000)
    for _ in range(50):
        log.take(f"error: http://host/a?token={TOKEN} (url: /a?b, host='x')\nnext".encode())
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == ["source.log", "source.log.1"]
    assert all(path.stat().st_size < 1200 for path in files)
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    said = b"".join(path.read_bytes() for path in files)
    assert b"error:" in said
    assert TOKEN.encode() not in said
    assert b"host" not in said
