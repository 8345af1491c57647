"""What streams.toml may say; what is wrong in it is named without an address."""

from pathlib import Path

import pytest

from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.streams import load_streams


def written(folder: Path, *lines: str) -> Path:
    path = folder / "streams.toml"
    path.write_text("\n".join(["[lobby]", 'url = "http://host/a.m3u8"', *lines]), "utf-8")
    return path


def test_proxies_are_ways_to_the_stream(tmp_path: Path) -> None:
    ways = ("http://me:secret@10.0.0.1:3128", "")
    (stream,) = load_streams(written(tmp_path, f"proxies = {list(ways)}")).values()
    assert stream.proxies == ways
    assert "secret" not in repr(stream)


@pytest.mark.parametrize(
    "way", ["socks5://me:secret@host:1080", "host:3128", "http://me:secret@host:3128/path"]
)
def test_what_is_no_proxy_is_refused_before_anything_is_recorded(way: str, tmp_path: Path) -> None:
    with pytest.raises(Failed) as raised:
        load_streams(written(tmp_path, f'proxies = ["", "{way}"]'))
    assert raised.value.reason is Reason.BAD_CONFIGURATION
    assert raised.value.facts == {"setting": "streams", "stream": "lobby", "at": "proxies"}
