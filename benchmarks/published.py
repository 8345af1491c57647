"""What the published copy of a large store costs: beside `cp`, for writers, for metrics.

Copies are taken in turns with `cp` of the same file, after a change each; writers write as fast as
they can, once alone and once while copies are taken as `up` takes them.
"""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import chain, repeat
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.filled_store import fill
from benchmarks.results import write_results
from supervisor_assets.running.publishing import published
from supervisor_core.metrics.page import MetricsPage
from supervisor_core.settings import Settings
from supervisor_core.store import Store, audit
from supervisor_core.store.audit import Deed
from supervisor_core.store.publishing import Publisher

MEDIA = (10_000, 100_000)
ROUNDS = 15
WRITES = 200


@dataclass(frozen=True)
class Row:
    """Of a store with so many media: medians in milliseconds, and the slowest of 20 writes."""

    media: int
    size_mb: float
    cp_ms: float
    held_ms: float
    whole_ms: float
    written_mb: float
    unchanged_ms: float
    counting_ms: float
    page_ms: float
    write_ms: float
    write_p95_ms: float
    write_published_ms: float
    write_published_p95_ms: float


def measure(folder: Path, media: int) -> Row:
    """Fills a store and measures everything."""
    settings = Settings(home=folder / "home")
    store = Store(settings.open_home(), settings)
    with store.write() as connection:
        fill(connection, media, store.now())
    path = store.home.store / "supervisor.duckdb"
    cp, held, whole, written = _in_turns(store, path)
    publisher = Publisher(store.home)
    publisher.publish()
    time.sleep(0.2)
    publisher.publish()
    unchanged_ms = _ms(publisher.publish)
    moments = chain([store.now() - timedelta(days=365)], repeat(store.now()))
    page = MetricsPage(store.home, settings, clock=moments.__next__)  # as if up since a year
    counting_ms = _ms(page.refresh)
    alone = _writes(store)
    with published(store.home, settings):
        beside = _writes(store)
    return Row(
        media=media,
        size_mb=path.stat().st_size / 1e6,
        cp_ms=cp,
        held_ms=held,
        whole_ms=whole,
        written_mb=written,
        unchanged_ms=unchanged_ms,
        counting_ms=counting_ms,
        page_ms=_ms(page.text),
        write_ms=statistics.median(alone),
        write_p95_ms=_p95(alone),
        write_published_ms=statistics.median(beside),
        write_published_p95_ms=_p95(beside),
    )


def _in_turns(store: Store, path: Path) -> tuple[float, ...]:
    publisher, rounds = Publisher(store.home), []
    for _ in range(ROUNDS):
        _write(store)
        other = path.with_name("by-cp")
        cp_ms = _ms(lambda: subprocess.run(["cp", str(path), str(other)], check=True))  # noqa: B023
        other.unlink()
        publisher.publish()
        if last := publisher.last:
            found = (1000 * last.held_s, 1000 * last.seconds, last.written_bytes / 1e6)
            rounds.append((cp_ms, *found))
    return tuple(statistics.median(column) for column in zip(*rounds, strict=True))


def _writes(store: Store) -> list[float]:
    return [_ms(lambda: _write(store)) for _ in range(WRITES)]


def _write(store: Store) -> None:
    with store.write() as connection:
        audit.write(connection, "bench", [Deed("ask", "x", {})], store.now())


def _ms(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began_s)


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def main() -> None:
    """Prints a table and writes benchmarks/results/published.json."""
    rows = []
    for media in MEDIA:
        with tempfile.TemporaryDirectory() as name:
            rows.append(measure(Path(name), media))
    table = Table(title="The published copy, milliseconds")
    table.add_column("")
    for row in rows:
        table.add_column(f"{row.media:,} media", justify="right")
    for name in (name for name in asdict(rows[0]) if name != "media"):
        table.add_row(name, *(f"{getattr(row, name):.1f}" for row in rows))
    Console().print(table)
    write_results("published", [asdict(row) for row in rows])


if __name__ == "__main__":
    main()
