"""How long the pages of an intake take to answer, beside bare assets of the same shape.

One run of each location is real. Its rows in Dagster's databases are then written once more for
each further intake, with another key and another run's number, so that every event is as large as a
real one. The queries are those that a browser sends (`page_queries.json`, taken down from
dagster-webserver 1.13 with Chromium), to a real webserver over real HTTP.
"""

import argparse
import contextlib
import json
import os
import socket
import sqlite3
import statistics
import tempfile
import time
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import dagster as dg
from rich.console import Console
from rich.table import Table

from benchmarks.cast import draw_picture
from benchmarks.ours_location import CAST
from benchmarks.results import write_results
from benchmarks.running import LOCATIONS, running
from resources import PipelineResource
from supervisor_assets.instance import open_instance
from supervisor_core.deadline import Worker
from supervisor_core.home import Home
from supervisor_core.inbox.look import Memory, look
from supervisor_core.pipeline import Pipeline
from supervisor_core.settings import Settings
from supervisor_core.store import Store

ASSET = {"path": ["cleaned_frames"]}
PAGES = {
    "graph: what is live, every few seconds": ("AssetGraphLiveQuery", "AssetStaleStatusDataQuery"),
    "overview of an asset": (
        "AssetViewDefinitionQuery",
        "AssetOverviewMetadataEventsQuery",
        "AssetRecordsQuery",
    ),
    "partitions of an asset": ("PartitionHealthQuery",),
    "one intake": ("AssetPartitionDetailQuery", "AssetPartitionStaleQuery"),
    "checks of an asset": ("AssetChecksQuery", "AssetCheckDetailsQuery"),
}
_QUERIES = Path(__file__).with_name("page_queries.json")
_START_S, _ANSWER_S = 120.0, 300.0
_INDEX = ("event_logs", "asset_event_tags", "asset_check_executions", "dynamic_partitions")
_RUNS = ("runs", "run_tags")
_SHIFTED = {"event_id", "evaluation_event_storage_id", "materialization_event_storage_id"}


@dataclass(frozen=True)
class Row:
    """One page's answer, all its queries one after the other, in seconds."""

    location: str
    intakes: int
    page: str
    first_s: float
    median_s: float
    p95_s: float


class CastWithPicture(PipelineResource):
    """The stage cast, whose pictures are as large as real ones."""

    def build(self, settings: Settings, worker: Worker, owner: str) -> Pipeline:
        """A pipeline with the stage cast, in the real child."""
        home, tools = settings.open_home(), replace(CAST, draw=draw_picture)
        return Pipeline(Store(home, settings), home, settings, worker, owner, tools=tools)


def draw_home(home: Home, location: str, intakes: int) -> list[str]:
    """A home with so many intakes that went all the way; returns their keys."""
    (home.inbox / "a.png").write_text("content", "utf-8")
    settings = Settings(home=home.root, settle_s=0)
    found = look(lambda: Store(home, settings), home, settings, Memory(), time.time() + 1)
    (key,) = found.intakes
    with open_instance(home) as instance:
        instance.add_dynamic_partitions("intake", [key])
        base = getattr(import_module(f"benchmarks.{location}_location"), location)
        resources = {**(base.resources or {}), "pipeline": CastWithPicture(home=str(home.root))}
        definitions = dg.Definitions(
            assets=base.assets, asset_checks=base.asset_checks, jobs=base.jobs, resources=resources
        )
        job = definitions.resolve_job_def("clean_intake")
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        run = job.execute_in_process(instance=instance, partition_key=key, run_config=quiet)
    keys = [key, *(f"20260101_{number:010d}" for number in range(1, intakes))]
    copies = [(one, str(uuid4())) for one in keys[1:]]
    history = home.dagster / "history"
    copy_rows(history / "runs" / "index.db", _INDEX, (key, run.run_id), copies)
    copy_rows(history / "runs.db", _RUNS, (key, run.run_id), copies)
    return keys


def copy_rows(
    database: Path, tables: tuple[str, ...], known: tuple[str, str], copies: list[tuple[str, str]]
) -> None:
    """Writes every row that there is once more for each (intake, run), in one transaction."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        last_event = 0
        if "event_logs" in tables:
            (last_event,) = connection.execute("SELECT max(id) FROM event_logs").fetchone()
        for table in tables:
            read = connection.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in read.description]
            rows = read.fetchall()
            last = max(row[names.index("id")] for row in rows)
            marks = ", ".join("?" * len(names))
            connection.executemany(
                f"INSERT INTO {table} VALUES ({marks})",
                _copied(names, rows, known, copies, (last, last_event)),
            )
        if "event_logs" in tables:
            connection.execute("UPDATE asset_keys SET cached_status_data = NULL")


def _copied(
    names: list[str],
    rows: list[tuple[Any, ...]],
    known: tuple[str, str],
    copies: list[tuple[str, str]],
    steps: tuple[int, int],
) -> Iterator[list[Any]]:
    for number, copy in enumerate(copies, 1):
        for row in rows:
            yield [
                _value(name, value, number, known, copy, steps)
                for name, value in zip(names, row, strict=True)
            ]


def _value(
    name: str,
    value: Any,
    number: int,
    known: tuple[str, str],
    copy: tuple[str, str],
    steps: tuple[int, int],
) -> Any:
    if name == "id":
        return value + number * steps[0]
    if name in _SHIFTED and value is not None:
        return value + number * steps[1]
    if isinstance(value, str):
        for old, new in zip(known, copy, strict=True):
            value = value.replace(old, new)
    return value


class Server:
    """Dagster's webserver over one home and location."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._queries = {
            name: "\n".join(lines) for name, lines in json.loads(_QUERIES.read_text()).items()
        }

    def answer_s(self, page: str, intake: str) -> float:
        """The time in which all queries of a page are answered."""
        variables = {
            "assetKey": ASSET,
            "assetKeys": [{"path": [name]} for name in ("videos", "cleaned_frames", "thumbnails")],
            "partitionKey": intake,
            "checkName": "anonymized",
            "limit": 31,
        }
        begun_s = time.perf_counter()
        for name in PAGES[page]:
            self._ask(name, variables)
        return time.perf_counter() - begun_s

    def _ask(self, name: str, variables: Mapping[str, Any]) -> None:
        query = self._queries[name]
        given = {word: value for word, value in variables.items() if f"${word}:" in query}
        body = json.dumps({"operationName": name, "query": query, "variables": given})
        request = urllib.request.Request(
            f"{self._url}/graphql", body.encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=_ANSWER_S) as answer:
            told = json.load(answer)
        if told.get("errors"):
            raise SystemExit(f"{name}: {told['errors'][0]['message']}")


@contextlib.contextmanager
def webserver(home: Home, location: str) -> Iterator[Server]:
    """A webserver with its code server, ended with everything that came from it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    module = ("dagster_webserver", "-h", "127.0.0.1", "-p", str(port))
    with running(home, location, *module):
        yield Server(_await(f"http://127.0.0.1:{port}"))


def _await(url: str) -> str:
    end_s = time.monotonic() + _START_S
    while time.monotonic() < end_s:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{url}/server_info", timeout=5).close()
            return url
        time.sleep(0.5)
    raise SystemExit("The webserver did not start.")


def measure(intakes: int, rounds: int) -> list[Row]:
    """All pages of both locations in turns, so that other work weighs on both alike."""
    with contextlib.ExitStack() as stack:
        both = []
        for location in LOCATIONS:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            home = Home.create(folder / "home")
            keys = draw_home(home, location, intakes)
            server = stack.enter_context(webserver(home, location))
            both.append((location, server, keys[len(keys) // 2]))
        rows = []
        for page in PAGES:
            first = {location: server.answer_s(page, key) for location, server, key in both}
            found: dict[str, list[float]] = {location: [] for location in LOCATIONS}
            for _ in range(rounds):
                for location, server, key in both:
                    found[location].append(server.answer_s(page, key))
            for location in LOCATIONS:
                rows.append(_row(location, intakes, page, first[location], found[location]))
                print(rows[-1], flush=True)  # it takes a while
        return rows


def _row(location: str, intakes: int, page: str, first_s: float, found: list[float]) -> Row:
    p95_s = statistics.quantiles(found, n=20)[-1] if len(found) > 1 else found[0]
    return Row(location, intakes, page, first_s, statistics.median(found), p95_s)


def show(rows: list[Row], sizes: list[int]) -> None:
    """Prints both side by side: median and 95th percentile, in milliseconds."""
    heads = [f"{location}, {size}" for size in sizes for location in LOCATIONS]
    table = Table("page", *heads, title="Pages: median / p95 (first), ms")
    by = {(row.page, row.intakes, row.location): row for row in rows}
    for page in PAGES:
        found = [by[page, size, location] for size in sizes for location in LOCATIONS]
        table.add_row(page, *map(_said, found))
    Console(width=160).print(table)


def _said(row: Row) -> str:
    parts = cast(list[float], [1000 * one for one in (row.median_s, row.p95_s, row.first_s)])
    return "{:.0f} / {:.0f} ({:.0f})".format(*parts)


def main() -> None:
    """Measures both locations at each size."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--intakes", type=int, nargs="+", default=[200, 20_000])
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    rows = [row for size in options.intakes for row in measure(size, options.rounds)]
    show(rows, options.intakes)
    print("load:", *(f"{one:.1f}" for one in os.getloadavg()))
    print(write_results("pages", [asdict(row) for row in rows]))


if __name__ == "__main__":
    main()
