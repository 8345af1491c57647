"""Ranges of a file by RFC 9110, 14: the bytes that they name, and nothing else."""

import re

import numpy as np
import pytest
import reviewing_parts
from gallery_parts import Browser
from gallery_states import Item
from queue_parts import Pages, Role

states = reviewing_parts.shared_states

SIZE = 1000
RANGES = [
    "bytes=0-0",
    "bytes=0-99",
    "bytes=100-199",
    "bytes=999-999",
    "bytes=0-",
    "bytes=500-",
    "bytes=999-",
    "bytes=1000-",
    "bytes=1000-2000",
    "bytes=5000-",
    "bytes=900-99999999999999999999",
    "bytes=99999999999999999999-",
    f"bytes={'9' * 5000}-",
    f"bytes=0-{'9' * 5000}",
    "bytes=-1",
    "bytes=-100",
    "bytes=-1000",
    "bytes=-5000",
    "bytes=-0",
    f"bytes=-{'9' * 5000}",
    "bytes=--5",
    "bytes=-5-",
    "bytes=5-2",
    "bytes=0-1,5-2",
    "bytes=a-b",
    "bytes=0x0-0x10",
    "bytes=+1-+2",
    "bytes=1_0-2_0",
    "bytes=1.0-2.0",
    "bytes=",
    "bytes",
    "bytes=-",
    "bytes=,",
    "=0-1",
    "",
    "0-1",
    "items=0-1",
    "BYTES=0-9",
    "bytes = 0-9",
    "bytes=0 - 9",
    "bytes= 0-9",
    "bytes=0-9 ",
    "bytes=0-9, 20-29",
    "bytes=0-9,20-29,-5",
    "bytes=,0-9,,20-29,",
    "bytes=20-29,0-9",
    "bytes=0-9,5-19",
    "bytes=0-9,10-19",
    "bytes=0-9,0-9,0-9",
    "bytes=0-9,2000-2999",
    "bytes=2000-2999,3000-",
    "bytes=0-9;20-29",
    "bytes=0-9,x",
    "bytes=" + ",".join(f"{at}-{at}" for at in range(0, 1000, 2)),
    "bytes=" + ",".join("0-999" for _ in range(1000)),
    "bytes=\xb2-\xb3",
]


def reference(header: str) -> str | list[int]:
    """By RFC 9110, 14: 'whole' where a range is to be ignored, 'none', or the wanted bytes."""
    unit, equals, text = header.partition("=")
    parts = [part.strip(" \t") for part in text.split(",")]
    parts = [part for part in parts if part]
    if unit.lower() != "bytes" or not equals or not parts or len(parts) > 100:
        return "whole"
    wanted: set[int] = set()
    for part in parts:
        found = re.fullmatch(r"([0-9]*)-([0-9]*)", part)
        if found is None or part == "-":
            return "whole"
        first, last = (int(one[-30:]) if one else None for one in found.groups())
        if first is None:
            wanted |= set(range(max(0, SIZE - (last or 0)), SIZE))
        elif last is not None and last < first:
            return "whole"
        else:
            wanted |= set(range(first, min(SIZE, SIZE if last is None else last + 1)))
    return sorted(wanted) if wanted else "none"


def pieces(answer: object) -> list[tuple[int, int, bytes]]:
    """From where to where, and which bytes, of every part that came."""
    content, headers = answer.content, answer.headers  # type: ignore[attr-defined]
    kind = headers["content-type"]
    mark = r"bytes (\d+)-(\d+)/1000"
    if not kind.startswith("multipart/byteranges"):
        found = re.fullmatch(mark, headers["content-range"])
        assert found is not None
        return [(int(found[1]), int(found[2]), content)]
    boundary = kind.partition("boundary=")[2].encode()
    parts = content.split(b"--" + boundary)
    assert parts[0] in (b"", b"\r\n")
    assert parts[-1].startswith(b"--")
    found_parts = []
    for part in parts[1:-1]:
        head, _, rest = part.partition(b"\r\n\r\n")
        found = re.search(mark, head.decode())
        assert found is not None
        found_parts.append((int(found[1]), int(found[2]), rest.removesuffix(b"\r\n")))
    return found_parts


@pytest.fixture(scope="module")
def thousand(states: tuple[Pages, dict[str, Item]]) -> tuple[Browser, str, bytes]:
    """A thousand bytes that are all different from those around them, as a file of an item."""
    pages, items = states
    content = bytes(np.random.default_rng(7).integers(0, 256, SIZE, np.uint8))
    path = items["released"].outputs[0].path
    assert path is not None
    pages.works.home.absolute(path).write_bytes(content)
    return pages.person(Role.VIEWER), f"/files/{items['released'].file}/media", content


def test_ranges_bring_the_bytes_that_they_name(thousand: tuple[Browser, str, bytes]) -> None:
    browser, address, content = thousand
    assert len(set(RANGES)) >= 40
    for header in RANGES:
        sent = {"Range": header.encode("latin-1")}
        answer = browser.get(address, headers=sent)
        wanted = reference(header)
        short = header[:60]
        if wanted == "whole":
            assert (answer.status_code, answer.content) == (200, content), short
            assert "content-range" not in answer.headers
        elif wanted == "none":
            assert answer.status_code == 416, short
            assert answer.headers["content-range"] == f"bytes */{SIZE}"
            assert answer.content == b""
        else:
            assert answer.status_code == 206, short
            parts = pieces(answer)
            assert all(content[first : last + 1] == bytes_ for first, last, bytes_ in parts), short
            places = [at for first, last, _ in parts for at in range(first, last + 1)]
            assert sorted(places) == wanted, short
        assert answer.headers["content-length"] == str(len(answer.content)), short
        head = browser.head(address, headers=sent)
        assert (head.status_code, head.content) == (answer.status_code, b""), short
        for name in ("content-length", "content-range"):
            assert head.headers.get(name) == answer.headers.get(name), short


def test_a_range_of_another_version_brings_the_whole_file(
    thousand: tuple[Browser, str, bytes],
) -> None:
    browser, address, content = thousand
    whole = browser.get(address)
    assert (whole.content, whole.headers["accept-ranges"]) == (content, "bytes")
    for mark, status in (
        (whole.headers["etag"], 206),
        (whole.headers["last-modified"], 206),
        (f"W/{whole.headers['etag']}", 200),
        ('"other"', 200),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
        ("nonsense", 200),
        ("", 200),
    ):
        answer = browser.get(address, headers={"Range": "bytes=10-19", "If-Range": mark})
        assert answer.status_code == status, mark
        assert answer.content == (content[10:20] if status == 206 else content)
