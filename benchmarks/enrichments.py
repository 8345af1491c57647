"""What an enrichment costs beside the model: pictures, store, the way to the server and back.

The model server speaks Ollama's wire and answers as soon as it has read a question and decoded its
pictures. What it spends on that stands beside what is ours: decoding and shrinking pictures (in the
first mode that shows them), asking, judging, and the store. One question is asked at a time, so
that the one can be taken from the other; on a machine with other work, our processor's time says
more than the clock. Below stands the query by which the sensor finds what is open, over a drawn
library of 200,000 media.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.results import write_results
from supervisor_core.deadline import Worker
from supervisor_core.enrichment.modes import MODES
from supervisor_core.inbox.look import Memory, look
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.open_enrichments import open_enrichments
from supervisor_core.store.owners import this_process

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
COPIES = 64
LIBRARY = 200_000
MODEL, EMBED_MODEL = "qwen2.5vl:7b", "nomic-embed-text:latest"
GOAL_MS = 20.0


@dataclass(frozen=True)
class Row:
    """One mode: milliseconds an item, all in all, of the server's own, and of our processor."""

    mode: str
    items: int
    whole_ms: float
    server_ms: float
    processor_ms: float

    @property
    def ours_ms(self) -> float:
        """What the server did not spend."""
        return max(0.0, self.whole_ms - self.server_ms)


@contextmanager
def model_server() -> Iterator[tuple[str, str, int]]:
    """A server that answers at once; gives its address, its control port's, and its process."""
    names = ["--model", MODEL, "--model", EMBED_MODEL]
    command = [sys.executable, "-m", "tests.ollama_server", *names]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            told = json.loads(process.stdout.readline())  # type: ignore[union-attr]
            yield str(told["url"]), f"http://127.0.0.1:{told['control']}/", process.pid
        finally:
            process.kill()


def library(folder: Path, url: str, worker: Worker) -> tuple[Pipeline, IntakeKey]:
    """A home whose media are pictures of one megapixel, drawn from real ones, each another."""
    settings = Settings(home=folder / "home", ollama_url=url, settle_s=0, enrich_window=1)
    home = settings.open_home()
    (home.root / "profiles").mkdir()
    modes = ", ".join(f'"{name}"' for name in MODES)
    (home.root / "profiles" / "bench.toml").write_text(f'mask = "none"\nenrich = [{modes}]\n')
    (home.inbox / "bench").mkdir()
    draw(home.inbox / "bench")
    store = Store(home, settings)
    (intake,) = look(lambda: store, home, settings, Memory(), time.time() + 60).intakes
    work = Pipeline(store, home, settings, worker, this_process("bench"))
    work.import_items(intake)
    work.mask(intake, "frame_level")
    return work, intake


def draw(folder: Path) -> None:
    """Writes the pictures: real photographs, scaled to a megapixel, each a little brighter."""
    from PIL import Image, ImageEnhance

    originals = sorted((SHARED / "images").rglob("*.jpg"))
    for number in range(COPIES):
        with Image.open(originals[number % len(originals)]) as picture:
            whole = picture.convert("RGB").resize((1152, 864))
        bright = ImageEnhance.Brightness(whole).enhance(0.8 + 0.4 * number / COPIES)
        bright.save(folder / f"{number}.jpg", quality=90)


def measure(work: Pipeline, intake: IntakeKey, control: str, server: int) -> list[Row]:
    """All modes of the intake, in their order."""
    rows = []
    work.model_health()
    for name in MODES:
        before_s = server_s(control)
        used_s, started_s = processor_s(server), time.perf_counter()
        report = work.enrich(intake, name)
        whole_s = time.perf_counter() - started_s
        items = report.results or 1
        own_s = server_s(control) - before_s
        spent = (whole_s, own_s, processor_s(server) - used_s)
        rows.append(Row(name, items, *(1000 * one / items for one in spent)))
    return rows


def processor_s(server: int) -> float:
    """Processor's seconds of this process and all that it started, without the server."""
    total = time.process_time()
    for child in psutil.Process().children(recursive=True):
        if child.pid != server:
            times = child.cpu_times()
            total += times.user + times.system
    return total


def server_s(control: str) -> float:
    """Seconds that the server has spent on questions so far."""
    with urllib.request.urlopen(control, timeout=60) as answer:
        return float(json.loads(answer.read())["busy_s"])


def open_query(folder: Path) -> dict[str, float]:
    """Seconds of the query over a large library in which nothing is open, processor and clock."""
    settings = Settings(home=folder / "large")
    store = Store(settings.open_home(), settings)
    now = store.now()
    with store.write() as connection:
        connection.execute(
            "CREATE TEMP TABLE n AS SELECT range AS i, sha256(range::VARCHAR) AS m FROM range(?)",
            [LIBRARY],
        )
        for sql in _LARGE:
            connection.execute(sql)
        for name in MODES:
            connection.execute(_WORK, [f"enrichment/{name}", now, now])
            connection.execute(_RESULT, [name, f"recipe of {name}", now, now])
    recipes = {name: f"recipe of {name}" for name in MODES}
    spent, waited = [], []
    for _ in range(5):
        started_s, processor_s = time.perf_counter(), time.process_time()
        with store.read() as connection:
            found = open_enrichments(connection, {"library": list(MODES)}, recipes, now)
        waited.append(time.perf_counter() - started_s)
        spent.append(time.process_time() - processor_s)
        if found:
            raise SystemExit("something is open that should not be")
    return {"processor_s": min(spent), "clock_s": min(waited), "tasks": LIBRARY * len(MODES)}


_LARGE = (
    "INSERT INTO intake SELECT '20260101_' || i, 'bench', 'library', NULL, 'stills', now()"
    f" FROM range({LIBRARY // 256 + 1}) t(i)",
    "INSERT INTO arrival SELECT '20260101_' || (i // 256), i % 256, m, 'imported', NULL, m, 1, 1,"
    " now(), now() FROM n",
    "INSERT INTO media SELECT m, 'still', 'png', 'png', 64, 48, 1, NULL, 10, '{}', 'raw/' || m,"
    " 'not_required', NULL, 'none', 'none', NULL, 0, NULL, NULL, NULL, 0, NULL, now(), now()"
    " FROM n",
    "INSERT INTO tag SELECT m, '', 'boat', 'file', NULL, false, now() - INTERVAL 1 DAY FROM n",
)
_WORK = (
    "INSERT INTO work SELECT m, ?, 'done', NULL, 1, NULL, m, NULL, 1, NULL, ?::TIMESTAMPTZ,"
    " ?::TIMESTAMPTZ FROM n"
)
_RESULT = (
    "INSERT INTO enrichment SELECT sha256(m), m, m, ?, m, 'done', NULL, '{}', '{}', '[]', '{}',"
    " '[]', ?, 'p', 'm', 'd', '{}', 1, 1, 1, 1, 'a', ?::TIMESTAMPTZ, ?::TIMESTAMPTZ, true FROM n"
)


def main() -> None:
    """Prints tables and writes benchmarks/results/enrichments.json."""
    with tempfile.TemporaryDirectory() as name, model_server() as places, Worker() as worker:
        folder = Path(name)
        work, intake = library(folder, places[0], worker)
        rows = measure(work, intake, *places[1:])
        query = open_query(folder)
    show(rows, query)
    told: dict[str, Any] = {"modes": [asdict(row) | {"ours_ms": row.ours_ms} for row in rows]}
    write_results("enrichments", told | {"open_query": query, "goal_ms": GOAL_MS})


def show(rows: list[Row], query: dict[str, float]) -> None:
    """The table of modes, their mean, and the query."""
    table = Table(title=f"An enrichment of one of {COPIES} pictures, milliseconds")
    for column in ("mode", "items", "all in all", "the server's", "ours", "processor"):
        table.add_column(column, justify="left" if column == "mode" else "right")
    for row in rows:
        figures = (row.whole_ms, row.server_ms, row.ours_ms, row.processor_ms)
        table.add_row(row.mode, str(row.items), *(f"{one:.1f}" for one in figures))
    means = (
        statistics.mean(row.ours_ms for row in rows),
        statistics.mean(row.processor_ms for row in rows),
    )
    table.add_row("mean", "", "", "", *(f"{one:.1f}" for one in means))
    console = Console(width=110)
    console.print(table)
    console.print(
        f"What is open among {query['tasks']:,} tasks: {query['processor_s']:.2f} s of processor's"
        f" time, {query['clock_s']:.2f} s by the clock"
    )


if __name__ == "__main__":
    main()
