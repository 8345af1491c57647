"""Proxies take turns, lead nowhere else, and keep their passwords; a cut network loses nothing."""

from pathlib import Path

import psutil
import pytest
from hls_server import GROUP, Live, counting, numbers_in
from proxy_server import Proxy
from recording_parts import Heard, order, paths_of, running
from storage_parts import free_port

from supervisor_core.reasons import Reason
from supervisor_core.recording.guard import Outcome
from supervisor_core.recording.probing import Liveness, probe
from supervisor_core.recording.recorder import Recorder
from supervisor_core.recording.results import Recording
from supervisor_core.recording.segment_file import Ending
from supervisor_core.recording.source import Opening, Source, address_of, is_proxy
from supervisor_core.recording.source_log import SourceLog

PASSWORD = "pr0xy-53cret"
ALL = list(range(12 * GROUP))


def recorded(live: Live, folder: Path, *proxies: str, **changed: object) -> Recording:
    return Recorder(order(live, folder, proxies=proxies, **changed)).run()


def test_everything_goes_through_the_proxy_and_its_password_nowhere(tmp_path: Path) -> None:
    with (
        Live(counting(12 * GROUP), published=12).open() as live,
        Proxy(account=f"me:{PASSWORD}").open() as proxy,
        running(order(live, tmp_path, proxies=(proxy.url,))) as run,
    ):
        live.wait_for(lambda: "/live.m3u8" in live.asked)
        words = [" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)]
    (recording,) = run.result
    assert numbers_in(paths_of(recording)) == ALL
    assert len(proxy.asked) == len(live.asked)
    assert words
    assert not any(PASSWORD in line for line in words)
    said = b"".join(path.read_bytes() for path in tmp_path.glob("source.log*"))
    assert PASSWORD.encode() not in said


@pytest.mark.campaign
def test_a_wrong_password_is_not_told_either(tmp_path: Path) -> None:
    with (
        Live(counting(12 * GROUP), published=12).open() as live,
        Proxy(account=f"me:{PASSWORD}").open() as proxy,
    ):
        wrong = proxy.url.replace("me:", "you:")
        recording = recorded(live, tmp_path, wrong, "")
    assert numbers_in(paths_of(recording)) == ALL  # the second way is the direct one
    said = b"".join(path.read_bytes() for path in tmp_path.glob("source.log*"))
    assert said
    assert PASSWORD.encode() not in said


@pytest.mark.campaign
def test_the_next_proxy_takes_over_from_one_that_is_gone(tmp_path: Path) -> None:
    with (
        Live(counting(12 * GROUP), published=12).open() as live,
        Proxy().open() as proxy,
    ):
        recording = recorded(live, tmp_path, f"http://127.0.0.1:{free_port()}", proxy.url)
        assert probe(
            Opening(address_of(live.url) or "", proxies=("http://127.0.0.1:9", proxy.url)), 20.0
        ) is (Liveness.ENDED)
    assert recording.sources == 2
    assert numbers_in(paths_of(recording)) == ALL


@pytest.mark.parametrize(
    "named",
    ["http://127.0.0.1:9/a.ts", "https://127.0.0.1:9/a.ts", "http://169.254.169.254/a", "//[::1]/"],
)
def test_a_proxy_is_asked_for_no_private_host(named: str, tmp_path: Path) -> None:
    def playlist(base: str) -> str:
        return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{base}/0.ts\n#EXTINF:1,\n{named}\n"

    with Live(counting(2 * GROUP), playlist=playlist).open() as live, Proxy().open() as proxy:
        recording = recorded(live, tmp_path, proxy.url)
    assert recording.reason is Reason.ADDRESS_FORBIDDEN
    assert {asked.rpartition("/")[2].partition("?")[0] for asked in proxy.asked} <= {
        "live.m3u8",
        "0.ts",
    }


def test_with_a_proxy_there_is_no_other_way(tmp_path: Path) -> None:
    """Whatever the library thinks, the guard lets through to the proxy alone."""
    with Live(counting(GROUP), published=1).open() as live:
        opening = Opening(address_of(live.url) or "", proxies=("http://127.0.0.1:9",))
        source = Source(opening, SourceLog(tmp_path / "source.log"))
        while not source.over:
            source.read(5.0)
        assert source.end() is Outcome.BROKEN
    assert live.asked == []


@pytest.mark.campaign
def test_a_cut_network_loses_nothing(tmp_path: Path) -> None:
    """The proxy stops in the middle of a piece of the stream, and comes back later."""
    heard = Heard()
    with (
        Live(counting(12 * GROUP), published=12).open() as live,
        Proxy(cut_at=60_000).open() as proxy,
        running(order(live, tmp_path, proxies=(proxy.url,), stall_s=1.0), heard) as run,
    ):
        heard.wait_for(lambda: any(beat.sources > 1 for beat in heard.beats))
        proxy.forwards.set()
    (recording,) = run.result
    assert recording.segments[0].closed.ending is Ending.STALLED
    assert numbers_in(paths_of(recording)) == ALL
    assert [(gap.reason, gap.missing_s) for gap in recording.gaps] == [(Reason.SOURCE_STALLED, 0)]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", True),
        ("http://proxy:3128", True),
        ("http://me:secret@10.0.0.1:3128/", True),
        ("proxy:3128", False),
        ("socks5://proxy:1080", False),
        ("http://proxy:port", False),
        ("http://proxy:3128/path", False),
    ],
)
def test_what_is_a_proxy(url: str, said: bool) -> None:
    assert is_proxy(url) is said
