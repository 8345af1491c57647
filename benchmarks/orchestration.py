"""What it costs to organise the work, beside bare assets of the same shape, through a real daemon.

Nothing looks at a picture here (`cast.py`), so what is left is Dagster, the store, the files and
the killable child. Also: how long a dropped file waits until its run has started, and whether the
daemon's memory grows with the intakes that it has seen.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import dagster as dg
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.results import write_results
from benchmarks.running import LOCATIONS, running
from supervisor_assets.instance import open_instance, prepare_dagster_home
from supervisor_core.home import Home

STILLS = 256
LIMIT_S = 300.0
LIMIT_EACH_S = 10.0


@dataclass(frozen=True)
class Row:
    """The times of one location, in seconds.

    `one_s` is from a run's request to its end, `run_s` from its start to its end. `many_cpu_s` is
    the processor's time of the daemon and all that it started, for each of many intakes: unlike the
    others, it hardly depends on how busy the machine is. `memory_mb` is what the daemon and its
    code server have for themselves after each round of them, when no run is under way.
    """

    location: str
    one_s: float
    one_run_s: float
    many: int
    many_per_intake_s: float
    many_run_s: float
    many_cpu_s: float
    stills_run_s: float
    start_s: list[float]
    memory_mb: list[float]

    @property
    def per_still_ms(self) -> float:
        """What each further still of a batch adds."""
        return 1000 * max(self.stills_run_s - self.one_run_s, 0.0) / (STILLS - 1)


class Bench:
    """A home with its daemon; files are dropped and their runs looked at."""

    def __init__(self, home: Home, instance: dg.DagsterInstance, process: psutil.Process) -> None:
        self._process = process
        self._inbox = home.inbox
        self._instance = instance
        self._number = 0

    def drop(self, folder: str, count: int, suffix: str) -> list[dg.RunRecord]:
        """Drops files all at once and returns the runs that they started, when all have ended."""
        before = self._instance.get_runs_count()
        aside = self._inbox / f".{folder}"
        aside.mkdir()
        for _ in range(count):
            self._number += 1
            (aside / f"{self._number}{suffix}").write_text(f"content {self._number}", "utf-8")
        aside.rename(self._inbox / folder)
        return self._wait(before, 1 if suffix == ".png" else count)

    def cpu_s(self) -> float:
        """The processor's time of the daemon and everything that came from it so far."""
        family = [self._process, *self._process.children(recursive=True)]
        return sum(sum(one.cpu_times()[:4]) for one in family)

    def memory_mb(self, before_s: float) -> float:
        """What the daemon and those of its children that began before then share with nobody."""
        family = [self._process, *self._process.children(recursive=True)]
        old = [one for one in family if one.create_time() < before_s]
        return sum(one.memory_full_info().uss for one in old) / 1e6

    def _wait(self, before: int, count: int) -> list[dg.RunRecord]:
        limit_s = LIMIT_S + LIMIT_EACH_S * count
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s:
            records = self._instance.get_run_records(limit=count)
            new = self._instance.get_runs_count() - before
            if new >= count and all(record.dagster_run.is_finished for record in records):
                bad = [one for one in records if not one.dagster_run.is_success]
                if bad:
                    raise SystemExit(f"{len(bad)} runs failed")
                return list(records)
            time.sleep(0.5)
        raise SystemExit(f"{count} runs did not end within {limit_s:g} s")


def run_s(record: dg.RunRecord) -> float:
    """From the start of a run to its end."""
    return (record.end_time or 0.0) - (record.start_time or 0.0)


def request_s(record: dg.RunRecord) -> float:
    """From the request of a run to its end."""
    return (record.end_time or 0.0) - record.create_timestamp.timestamp()


class Measurement:
    """Drops files into one location's inbox and gathers what became of them."""

    def __init__(self, location: str, bench: Bench) -> None:
        self._location = location
        self._bench = bench
        self._ones: list[dg.RunRecord] = []
        self._starts: list[float] = []
        self._crowd: list[dg.RunRecord] = []
        self._crowd_s = 0.0
        self._crowd_cpu_s = 0.0
        self._memory_mb: list[float] = []
        self._stills_run_s = 0.0
        bench.drop("warm", 1, ".mp4")

    def drop_one(self, number: int) -> None:
        """A single file at a random moment."""
        time.sleep(random.uniform(0, 2))
        dropped_s = time.time()
        (record,) = self._bench.drop(f"one{number}", 1, ".mp4")
        self._ones.append(record)
        self._starts.append((record.start_time or 0.0) - dropped_s)

    def drop_many(self, number: int, count: int) -> None:
        """Many files at once, each an intake."""
        cpu_s, began_s = self._bench.cpu_s(), time.time()
        crowd = self._bench.drop(f"many{number}", count, ".mp4")
        self._crowd_cpu_s += self._bench.cpu_s() - cpu_s
        begun_s = min(record.start_time or 0.0 for record in crowd)
        self._crowd_s += max(record.end_time or 0.0 for record in crowd) - begun_s
        self._crowd += crowd
        self._memory_mb.append(self._bench.memory_mb(began_s))

    def drop_stills(self) -> None:
        """One batch."""
        (stills,) = self._bench.drop("stills", STILLS, ".png")
        self._stills_run_s = run_s(stills)

    def row(self) -> Row:
        """What it comes to."""
        many = len(self._crowd)
        return Row(
            location=self._location,
            one_s=statistics.median(map(request_s, self._ones)),
            one_run_s=statistics.median(map(run_s, self._ones)),
            many=many,
            many_per_intake_s=self._crowd_s / many,
            many_run_s=statistics.median(map(run_s, self._crowd)),
            many_cpu_s=self._crowd_cpu_s / many,
            stills_run_s=self._stills_run_s,
            start_s=sorted(self._starts),
            memory_mb=self._memory_mb,
        )


def measure(singles: int, many: int, rounds: int) -> list[Row]:
    """Takes turns, so that other work on the machine weighs on both alike."""
    with ExitStack() as stack:
        both = []
        for location in LOCATIONS:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            both.append(Measurement(location, stack.enter_context(daemon(folder, location))))
        for number in range(singles):
            for one in both:
                one.drop_one(number)
        for number in range(rounds):
            for one in both:
                one.drop_many(number, many // rounds)
        for one in both:
            one.drop_stills()
        return [one.row() for one in both]


@contextmanager
def daemon(folder: Path, location: str) -> Iterator[Bench]:
    """A daemon over a throw-away home, ended with everything that came from it."""
    home = Home.create(folder / "home")
    prepare_dagster_home(home)
    module = ("dagster._daemon", "run")
    with running(home, location, *module) as process, open_instance(home) as instance:
        yield Bench(home, instance, process)


def show(ours: Row, bare: Row) -> None:
    """Prints both side by side."""
    table = Table("what", "ours", "bare", "ratio", "wanted", title="Orchestration")
    lines = [
        ("one intake: from request to end (s)", ours.one_s, bare.one_s),
        (f"{ours.many} intakes: each (s)", ours.many_per_intake_s, bare.many_per_intake_s),
        (f"{ours.many} intakes: processor, each (s)", ours.many_cpu_s, bare.many_cpu_s),
    ]
    for name, mine, other in lines:
        table.add_row(name, f"{mine:.2f}", f"{other:.2f}", f"{mine / other:.2f}", "<= 1.5")
    alone = f"{ours.one_run_s:.2f}", f"{bare.one_run_s:.2f}"
    table.add_row("one intake: inside its process (s)", *alone, "", "")
    table.add_row(f"each of {STILLS} stills (ms)", f"{ours.per_still_ms:.1f}", "", "", "<= 20")
    middle, last = statistics.median(ours.start_s), ours.start_s[-1]
    table.add_row("dropped to started, p50 (s)", f"{middle:.1f}", "", "", "<= 6")
    table.add_row("dropped to started, slowest (s)", f"{last:.1f}", "", "", "")
    for name, place in (("first", 0), ("last", -1)):
        cells = (f"{row.memory_mb[place]:.0f}" for row in (ours, bare))
        table.add_row(f"memory after the {name} round (MB)", *cells, "", "")
    Console().print(table)


def main() -> None:
    """Measures both locations in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--singles", type=int, default=10)
    parser.add_argument("--many", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5, help="in which the many are dropped")
    options = parser.parse_args()
    ours, bare = measure(options.singles, options.many, options.rounds)
    show(ours, bare)
    rows = [asdict(row) | {"per_still_ms": row.per_still_ms} for row in (ours, bare)]
    print(write_results("orchestration", rows))


if __name__ == "__main__":
    main()
