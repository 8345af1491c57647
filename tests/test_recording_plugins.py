"""Addresses that a plugin of streamlink's knows are opened by it, under the same guard."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hls_server import GROUP, Live, counting, numbers_in
from recording_parts import Address, order, paths_of

from supervisor_core.recording.probing import Liveness, probe
from supervisor_core.recording.recorder import Recorder
from supervisor_core.recording.results import Recording
from supervisor_core.recording.segment_file import Ending
from supervisor_core.recording.source import Opening, address_of

PLUGINS = Path(__file__).with_name("streamlink_plugins")
CACHE = Path.home() / ".cache" / "streamlink" / "plugin-cache.json"


@pytest.fixture
def live() -> Iterator[Live]:
    with Live(counting(8 * GROUP), published=8).open() as live:
        yield live


def recorded(url: str, folder: Path, **changed: object) -> Recording:
    return Recorder(order(Address(url), folder, plugins=PLUGINS, **changed)).run()


def channel(live: Live, name: str) -> str:
    return f"{live.url.rpartition('/')[0]}/channel/{name}"


def test_a_plugin_opens_what_it_claims(live: Live, tmp_path: Path) -> None:
    before = CACHE.read_bytes() if CACHE.exists() else None
    recording = recorded(channel(live, "master"), tmp_path)
    assert numbers_in(paths_of(recording)) == list(range(8 * GROUP))
    assert recording.ending is Ending.ENDED
    assert "/live.m3u8" in live.asked
    assert not any(path.startswith("/channel") for path in live.asked)
    assert (CACHE.read_bytes() if CACHE.exists() else None) == before


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("off", Ending.NOT_FOUND),
        ("elsewhere", Ending.FORBIDDEN),
        ("command", Ending.FORBIDDEN),
    ],
)
def test_a_plugin_is_under_guard(name: str, ending: Ending, live: Live, tmp_path: Path) -> None:
    recording = recorded(channel(live, name), tmp_path)
    assert (recording.ending, recording.segments) == (ending, [])
    assert recording.reason is not None


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("quality", "opened"),
    [("best", "/live.m3u8"), ("worst", "/low.m3u8"), ("48p", "/low.m3u8"), ("9p", "/live.m3u8")],
)
@pytest.mark.parametrize("form", ["channel/master", "master.m3u8"])
def test_a_quality_is_chosen_by_its_name(
    form: str, quality: str, opened: str, live: Live, tmp_path: Path
) -> None:
    address = address_of(f"{live.url.rpartition('/')[0]}/{form}") or ""
    opening = Opening(address, plugins=PLUGINS, quality=quality)
    assert probe(opening, 20.0) is Liveness.ENDED
    assert set(live.asked) & {"/live.m3u8", "/low.m3u8"} == {opened}


def test_plugins_are_asked_whether_a_stream_is_live(live: Live, tmp_path: Path) -> None:
    seen = [
        probe(order(Address(channel(live, name)), tmp_path, plugins=PLUGINS).opening, 20.0)
        for name in ("master", "off", "elsewhere")
    ]
    assert seen == [Liveness.ENDED, Liveness.NOT_FOUND, Liveness.FORBIDDEN]


def test_addresses_are_told_apart() -> None:
    assert address_of("https://host/a.m3u8?b") == "hls://https://host/a.m3u8?b"
    assert address_of("https://host/channel") == "web://https://host/channel"
    assert address_of("httpstream://https://host/channel") == "httpstream://https://host/channel"
    assert address_of("https://host:port/channel") is None
