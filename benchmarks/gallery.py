"""How fast the gallery answers with 100,000 items while four writers keep the store busy.

A real server on loopback, one reader who asks for one page after the other, over HTTP, signed in.
The pages read the published copy, which is taken as `up` takes it. First byte: of a range in the
middle of a video, from sending the request to the first byte of its content.
"""

import argparse
import json
import os
import random
import re
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.filled_store import fill
from benchmarks.results import write_results
from gallery.access.keys import Keys
from gallery.access.roles import Role
from supervisor_core.home import Home
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container
from supervisor_core.pipeline import places
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.published import PublishedStore

ITEMS = 100_000
WRITERS = 4
ROUNDS = 300
VIDEO_BYTES = 64 * 1024**2
_READY_S = 60.0
# What people and models have said of the items, and what became of them: as in a house in use.
_MORE = (
    """INSERT INTO field SELECT media, 'title', '"A title that tells what ' || media[:8] || ' is"',
        'model:title', false, '', first_seen FROM media""",
    """INSERT INTO field SELECT media, 'caption', '"Two sentences on what can be seen here, of'
        || ' the length that models give. Its name is ' || media[:8] || ', which no other has."',
        'model:caption', false, '', first_seen FROM media""",
    """INSERT INTO tag SELECT media, '', 'tag' || (hash(media || t) % 300), 'model:tags_normalize',
        0.5, false, first_seen FROM media, range(5) AS given(t)""",
    """INSERT INTO collection_member SELECT media, 'collection ' || (hash(media) % 20), 'human',
        first_seen FROM media WHERE hash(media) % 3 = 0""",
    """INSERT INTO rating SELECT media, hash(media) % 6, 'human', true, first_seen FROM media
        WHERE hash(media) % 2 = 0""",
    """INSERT INTO near_pair SELECT media, output.sha256,
        coalesce(lead(media) OVER (ORDER BY media), media), 'other', 'still', 9, false, NULL,
        NULL, true, output.created FROM output
        WHERE hash(media) % 10 = 0""",
    """UPDATE media SET review = CASE hash(media) % 10 WHEN 0 THEN 'held' WHEN 1 THEN 'released'
        WHEN 2 THEN 'rejected' ELSE 'none' END""",
    """UPDATE media SET cleaning = 'raw_aside', verification = 'none', review = 'none',
        reason = 'TIMEOUT' WHERE hash(media) % 20 = 3""",
    "UPDATE arrival SET state = 'refused', media = NULL, reason = 'FILE_EMPTY' WHERE ordinal = 255",
)
# As `up` does it.
_PUBLISHING = """
import threading
from supervisor_assets.running.publishing import published
from supervisor_core.settings import Settings
settings = Settings.load()
with published(settings.open_home(), settings):
    threading.Event().wait()
"""
_WRITING = """
from supervisor_core.settings import Settings
from supervisor_core.store import Store, audit
from supervisor_core.store.audit import Deed
settings = Settings.load()
store = Store(settings.open_home(), settings)
while True:
    with store.write() as connection:
        audit.write(connection, 'bench', [Deed('ask', 'x', {})], store.now())
"""


@dataclass(frozen=True)
class Row:
    """One kind of request: milliseconds, and the kilobytes of its answer."""

    request: str
    median_ms: float
    p95_ms: float
    slowest_ms: float
    kilobytes: float


def measure(
    folder: Path, items: int, rounds: int, writers: int, nice: int
) -> tuple[list[Row], list[float]]:
    """Fills a store, serves it, writes to it and asks; returns also the ages of the copy (s)."""
    settings = Settings(home=folder / "home")
    home = settings.open_home()
    ids, video = _filled(home, settings, items)
    key = _key(home)
    with ExitStack() as stack:
        stack.enter_context(_process(home, _PUBLISHING))
        base = stack.enter_context(_served(home))
        client = stack.enter_context(_signed_in(base, key))
        for _ in range(writers):
            stack.enter_context(_process(home, _WRITING, nice=nice))
        return _ask(client, home, ids, video, rounds)


def _ask(
    client: httpx.Client, home: Home, ids: list[str], video: str, rounds: int
) -> tuple[list[Row], list[float]]:
    chance = random.Random(7)
    asked: dict[str, Callable[[], str]] = {
        "list": lambda: "/items",
        "list, filtered and searched": lambda: (
            f"/items?state=needs_review&tag=tag{chance.randrange(300)}"
            f"&stars={chance.randrange(6)}&q=length&sort=largest"
        ),
        "list, page 500": lambda: "/items?page=500",
        "item": lambda: f"/items/{chance.choice(ids)}?list=state%3Dneeds_review",
    }
    times: dict[str, list[float]] = {name: [] for name in [*asked, "first byte of a seek"]}
    sizes: dict[str, float] = dict.fromkeys(times, 0.0)
    ages = []
    for _ in range(rounds):
        for name, path in asked.items():
            began_s = time.perf_counter()
            answer = client.get(path())
            times[name].append(1000 * (time.perf_counter() - began_s))
            answer.raise_for_status()
            sizes[name] = len(answer.content) / 1000
        times["first byte of a seek"].append(_first_byte_ms(client, video, chance))
        found = PublishedStore(home).look()
        ages.append(found.age_s() if found else 99.0)
    return [_row(name, values, sizes[name]) for name, values in times.items()], ages


def _first_byte_ms(client: httpx.Client, video: str, chance: random.Random) -> float:
    start = chance.randrange(VIDEO_BYTES - 2**20)
    began_s = time.perf_counter()
    headers = {"Range": f"bytes={start}-"}
    with client.stream("GET", f"/files/{video}/media", headers=headers) as answer:
        assert answer.status_code == 206
        next(answer.iter_raw(1))
        return 1000 * (time.perf_counter() - began_s)


def _row(name: str, values: list[float], kilobytes: float) -> Row:
    p95 = statistics.quantiles(values, n=20)[-1]
    return Row(name, statistics.median(values), p95, max(values), kilobytes)


def _filled(home: Home, settings: Settings, items: int) -> tuple[list[str], str]:
    """The ids of items that may be shown, and the hash of the one video with a file."""
    store = Store(home, settings)
    with store.write() as connection:
        fill(connection, items, store.now())
        connection.execute("UPDATE media SET info = ?, kind = 'video', seconds = 30", [_info()])
        for sql in _MORE:
            connection.execute(sql)
        rows = connection.execute(
            "SELECT media[:16], sha256 FROM output JOIN media USING (media) SEMI JOIN arrival"
            " USING (media) WHERE cleaning = 'frame_level' ORDER BY media LIMIT 2000"
        ).fetchall()
        video = rows[0][1]
        path = places.cleaned(home, video, "mp4")
        connection.execute(
            "UPDATE output SET kind = 'mp4', path = ? WHERE sha256 = ?",
            [home.relative(path), video],
        )
    path.parent.mkdir(parents=True)
    path.write_bytes(secrets.token_bytes(2**20) * (VIDEO_BYTES // 2**20))
    return [row[0] for row in rows], video


def _info() -> str:
    """What the store keeps of a file's header."""
    info = MediaInfo(Container.MP4, "h264", 1920, 1080, 1_400_000, frames=750, seconds=30.0)
    return json.dumps(vars(info) | {"sample_aspect": str(info.sample_aspect)})


def _key(home: Home) -> str:
    keys = Keys(home)
    keys.begin()
    return keys.add("bench", Role.REVIEWER)


@contextmanager
def _served(home: Home) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        script = (
            "import socket, sys; from gallery.serve import serve_gallery;"
            "from supervisor_core.settings import Settings; settings = Settings.load();"
            "serve_gallery(settings.open_home(), settings, socket.socket(fileno=int(sys.argv[1])))"
        )
        with _process(home, script, str(listener.fileno()), keep=(listener.fileno(),)):
            yield f"http://127.0.0.1:{port}"


@contextmanager
def _process(
    home: Home, script: str, *words: str, keep: tuple[int, ...] = (), nice: int = 0
) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, *words],
        env=os.environ | {"SUPERVISOR_HOME": str(home.root)},
        cwd=Path(__file__).parents[1],
        pass_fds=keep,
    )
    os.setpriority(os.PRIO_PROCESS, process.pid, nice)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def _signed_in(base: str, key: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base, headers={"Origin": base}, timeout=_READY_S) as client:
        form = client.get("/sign-in").text
        token = re.findall(r'name="csrf_token" value="([^"]+)"', form)[0]
        client.post("/sign-in", data={"csrf_token": token, "key": key, "next": "/items"})
        client.get("/items").raise_for_status()
        yield client


def main() -> None:
    """Prints a table and writes benchmarks/results/gallery.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--writers", type=int, default=WRITERS)
    parser.add_argument("--nice", type=int, default=Settings().runs_nice, help="of the writers")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rows, ages = measure(Path(name), words.items, words.rounds, words.writers, words.nice)
    table = Table(title=f"{words.items:,} items, {words.writers} writers, milliseconds")
    for title in ("request", "median", "p95", "slowest", "kB"):
        table.add_column(title, justify="left" if title == "request" else "right")
    for row in rows:
        numbers = (row.median_ms, row.p95_ms, row.slowest_ms, row.kilobytes)
        table.add_row(row.request, *(f"{number:.1f}" for number in numbers))
    Console().print(table)
    oldest, p95 = max(ages), statistics.quantiles(ages, n=20)[-1]
    Console().print(
        f"Age of the copy: median {statistics.median(ages):.2f} s, p95 {p95:.2f} s,"
        f" oldest {oldest:.2f} s"
    )
    write_results("gallery", {"requests": [asdict(row) for row in rows], "oldest_copy_s": oldest})


if __name__ == "__main__":
    main()
