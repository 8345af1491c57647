"""A bucket of a hundred thousand keys: read in stretches whose time and memory are bounded."""

import bisect
import resource
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import pytest
from storage_parts import Site, send
from store_builders import open_store

from supervisor_core.inbox.bucket import PAGES, look_at_bucket
from supervisor_core.inbox.look import Memory
from supervisor_core.remote.listing import PAGE
from supervisor_core.remote.s3 import Storage
from supervisor_core.store.objects import position_of

pytestmark = [pytest.mark.campaign, pytest.mark.usefixtures("credentials")]

KEYS = sorted(f"{folder:03}/{number:04}.png" for folder in range(100) for number in range(1000))
PASS_S = 120.0
LOOK_S = 20.0
MEGABYTES = 300


def page(after: str) -> bytes:
    """What a storage answers to a listing; moto takes minutes to hold so many objects."""
    start = bisect.bisect_right(KEYS, after)
    keys = KEYS[start : start + PAGE]
    more = str(start + PAGE < len(KEYS)).lower()
    objects = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f'<ETag>"{abs(hash(key)):032x}"</ETag><Size>5</Size></Contents>'
        for key in keys
    )
    return (
        f"<ListBucketResult><IsTruncated>{more}</IsTruncated>{objects}</ListBucketResult>".encode()
    )


@pytest.fixture
def endpoint() -> Iterator[str]:
    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        asked = parse_qs(urlsplit(handler.path).query)
        send(handler, 200, page(asked.get("start-after", [""])[0]), Content_Type="text/xml")

    with Site(answer).open() as site:
        yield site.url.removesuffix("/a.mp4")


def test_a_hundred_thousand_keys_are_gone_through_in_bounded_looks(
    tmp_path: Path, endpoint: str
) -> None:
    store = open_store(tmp_path, s3_bucket="many", s3_endpoint=endpoint)
    settings = store._restricted.format.settings
    storage, memory = Storage(settings), Memory()
    seconds, found = [], 0
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    while True:
        started_s = time.monotonic()
        seen = look_at_bucket(
            lambda: store, storage, store.home, settings, memory, 1_800_000_000 + len(seconds)
        )
        seconds.append(time.monotonic() - started_s)
        memory, found = seen.memory, found + len(seen.intakes)
        with store.restricted() as connection:
            position = position_of(connection, "many/")
        if position.at is None:
            break
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024
    print(
        f"{len(seconds)} looks, {sum(seconds):.1f} s, longest {max(seconds):.1f} s, {peak:.0f} MB"
    )
    assert found == 400  # batches of 256 and the rest of each folder
    assert position.newest == KEYS[-1]
    assert len(seconds) <= 2 * len(KEYS) / (PAGE * PAGES) + 1
    assert (max(seconds) < LOOK_S, sum(seconds) < PASS_S, peak < MEGABYTES) == (True, True, True)
