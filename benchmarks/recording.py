"""What recording a live stream costs and loses, and how soon it goes on after a break.

Everything is measured on the command itself, `supervisor-assets record`, against drawn streams on
loopback, and its processor's time beside `streamlink -o file` of the same stream at the same time.
`python -m benchmarks.recording` does all; parts can be named: cpu, rotations, breaks, defaults,
memory.
"""

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.live import Broadcast, Cable, Repeated, coded, noisy, numbered, numbers_in
from benchmarks.results import FOLDER, write_results

BIN = Path(sys.executable).parent
CPU_S, WARM_S = 60.0, 15.0  # the first look at a picture starts the decoder, after 10 s
ROTATIONS, GROUP, RATE = 1000, 10, 25
REPEATS, STALL_S = 10, 3.0
STALLS = ("SIGSTOP", "frozen playlist", "cut network")
HOURS = 24
QUIET_S = 2.5  # longer than media ever stay away while all is well
LIMIT_S = 200.0


@dataclass
class Row:
    """One line of the table."""

    what: str
    value: str
    goal: str = ""


class Command:
    """`supervisor-assets record` under way."""

    def __init__(self, url: str, folder: Path, *more: str, **settings: str) -> None:
        ours = {f"SUPERVISOR_{name.upper()}": value for name, value in settings.items()}
        command = [str(BIN / "supervisor-assets"), "record", url, "--output", str(folder), "--json"]
        self.folder = folder
        self.process = subprocess.Popen(
            [*command, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **ours},
        )
        self._told = ThreadPoolExecutor(1).submit(self.process.stdout.read)  # type: ignore[union-attr]

    def size_bytes(self) -> int:
        """What lies in the folder."""
        total = 0
        for path in self.folder.glob("*.ts*"):
            with suppress(FileNotFoundError):
                total += path.stat().st_size
        return total

    def source(self) -> int | None:
        """The process that fetches the stream at this moment."""
        with suppress(psutil.Error):
            for child in psutil.Process(self.process.pid).children():
                with suppress(psutil.Error):
                    if any("source_child" in word for word in child.cmdline()):
                        return int(child.pid)
        return None

    def signal(self, number: int) -> None:
        """Sends a signal to the source."""
        pid = self.source()
        if pid is None:
            raise RuntimeError("no source")
        os.kill(pid, number)

    def said(self) -> dict[str, Any]:
        """What it says once it has ended."""
        return dict(json.loads(self._told.result(LIMIT_S)))


@contextmanager
def recording(url: str, folder: Path, *more: str, **settings: str) -> Iterator[Command]:
    """Records in a process of its own, which is gone after the block."""
    command = Command(url, folder, *more, **settings)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                command.process.wait(30)
        command.process.kill()
        command.process.wait()


def wait_for(true: Callable[[], bool], limit_s: float = LIMIT_S) -> float:
    """The moment at which something becomes true."""
    until = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.01)
    return time.monotonic()


def cpu_of(pid: int) -> float:
    """Processor's seconds of a process and of all that came from it and lives."""
    total = 0.0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in [process, *process.children(recursive=True)]:
            with suppress(OSError):
                total += time.clock_gettime((~one.pid << 3) | 2)  # exact, not in ticks of 10 ms
    return total


def measure_cpu(folder: Path) -> Iterator[Row]:
    """One 720p stream, at the pace of life, by both at the same time."""
    groups = list(coded((noisy(number) for number in range(250)), RATE, 50, crf="29"))
    mbit = sum(map(len, groups)) * 8 / 10 / 1e6
    segments = Repeated(groups, 2.0, 60)
    with Broadcast(segments, 2.0).open() as live, recording(live.url, folder / "ours") as ours:
        output = folder / "streamlink.ts"
        words = ["--loglevel", "error", "-o", str(output), f"hls://{live.url}", "best"]
        with subprocess.Popen([str(BIN / "streamlink"), *words]) as theirs:
            wait_for(lambda: output.exists() and output.stat().st_size > 0 < ours.size_bytes())
            time.sleep(WARM_S)
            parts = (ours.process.pid, ours.source() or 0, theirs.pid)
            before = [cpu_of(pid) for pid in parts]
            time.sleep(CPU_S)
            after = [cpu_of(pid) for pid in parts]
            theirs.terminate()
        told, decoding_s = _end_and_count(ours)
    mine, source, streamlinks = ((b - a) / CPU_S for a, b in zip(before, after, strict=True))
    media_s = sum(segment["last_s"] - segment["first_s"] for segment in told["segments"])
    decoding = decoding_s / media_s
    yield Row(f"one recording, 720p25, {mbit:.1f} Mbit/s", f"{mine:.2%} of a core")
    yield Row("of that the process that fetches", f"{source:.2%} of a core")
    yield Row("streamlink -o file, the same, beside it", f"{streamlinks:.2%} of a core")
    yield Row("ratio", f"{mine / streamlinks:.2f}x", "1.3x")
    yield Row("decoding the closed segments, in addition", f"{decoding:.2%} of a core")
    yield Row(
        "streams a core, without decoding / with it",
        f"{1 / mine:.0f} / {1 / (mine + decoding):.0f}",
    )


def _end_and_count(ours: Command) -> tuple[dict[str, Any], float]:
    """Ends a recording; what its last segment costs to be decoded is in the second."""
    worker = [
        child.pid
        for child in psutil.Process(ours.process.pid).children()
        if child.pid != ours.source()
    ]
    before, spent = sum(map(cpu_of, worker)), 0.0
    ours.process.send_signal(signal.SIGINT)
    while ours.process.poll() is None:
        spent = max(spent, sum(map(cpu_of, worker)) - before)
        time.sleep(0.02)
    return ours.said(), spent


def measure_rotations(folder: Path) -> Iterator[Row]:
    """A cut at every key frame, and every number has to be there once."""
    frames = (ROTATIONS + 4) * GROUP  # the first three are out before it begins
    groups = list(coded(map(numbered, range(frames)), RATE, GROUP))
    started = time.monotonic()
    with Broadcast(groups, GROUP / RATE, pace=40.0).open() as live:
        words = ("--segment-length", str(GROUP / RATE))
        with recording(live.url, folder, *words) as command:
            told = command.said()
    numbers = Counter(
        number for row in told["segments"] for number in numbers_in(folder / row["file"])
    )
    first = min(numbers)
    lost = sum(number not in numbers for number in range(first, frames))
    doubled = sum(count - 1 for count in numbers.values())
    yield Row(f"rotations, {frames - first} frames", f"{len(told['segments']) - 1}", "1000")
    yield Row("frames lost, doubled", f"{lost}, {doubled}", "0, 0")
    yield Row("seconds for them", f"{time.monotonic() - started:.0f}")


@dataclass
class Break:
    """One way to break a source, and what is to be mended once it is opened again."""

    name: str
    strike: Callable[[Command], None]
    mend: Callable[[], None] = lambda: None


def measure_breaks(folder: Path) -> Iterator[Row]:
    """How long after each break the next new byte lies in the folder; stalls are seen sooner."""
    quick = {"recording_stall_s": str(STALL_S)}
    jobs = [("kill -9", REPEATS, {}), *((name, REPEATS, quick) for name in STALLS)]
    with ThreadPoolExecutor(2) as pool:
        yield from _breaks(folder, jobs, pool)


def measure_defaults(folder: Path) -> Iterator[Row]:
    """The same once with the settings as they come; all three mostly wait."""
    with ThreadPoolExecutor(len(STALLS)) as pool:
        yield from _breaks(folder, [(name, 1, {}) for name in STALLS], pool)


def _breaks(
    folder: Path, jobs: list[tuple[str, int, dict[str, str]]], pool: ThreadPoolExecutor
) -> Iterator[Row]:
    groups = list(coded(map(numbered, range(10_000)), RATE, GROUP))
    running = [
        pool.submit(_break, folder / str(number), groups, *job) for number, job in enumerate(jobs)
    ]
    for (name, count, settings), one in zip(jobs, running, strict=True):
        seconds = sorted(one.result())
        p95 = seconds[max(0, -(-95 * count // 100) - 1)]
        stall_s = settings.get("recording_stall_s")
        said = f"stall after {stall_s} s" if stall_s else "default settings"
        value = f"{statistics.median(seconds):.1f} s, {p95:.1f} s"
        yield Row(f"{name} ({said}, n={count}), p50 and p95", value)


def _break(
    folder: Path, groups: list[bytes], name: str, count: int, settings: dict[str, str]
) -> list[float]:
    with Broadcast(groups, GROUP / RATE).open() as live:
        cable = Cable(live.url)
        ways = {
            "kill -9": Break(name, lambda one: one.signal(signal.SIGKILL)),
            "SIGSTOP": Break(name, lambda one: one.signal(signal.SIGSTOP)),
            "frozen playlist": Break(name, lambda _: live.freeze(), live.thaw),
            "cut network": Break(name, lambda _: cable.cut()),
        }
        url = cable.url if name == "cut network" else live.url
        with recording(url, folder, **settings) as command:
            return [_recover(command, ways[name]) for _ in range(count)]


def _recover(command: Command, way: Break) -> float:
    """Breaks a source that runs well and waits for the next new byte."""
    start = command.size_bytes()
    wait_for(lambda: command.size_bytes() > start)
    time.sleep(random.uniform(2.0, 4.0))
    wait_for(lambda: command.source() is not None)
    broken = command.source()
    way.strike(command)
    struck = grown = time.monotonic()
    size = command.size_bytes()
    while True:
        now, present, source = time.monotonic(), command.size_bytes(), command.source()
        if source not in (None, broken):
            way.mend()
        if present > size and source is not None:  # without one, a segment is being closed
            if source != broken or now - grown > QUIET_S:
                return now - struck
            grown = now
        size = present
        if now - struck > LIMIT_S:
            raise TimeoutError(way.name)
        time.sleep(0.01)


def measure_memory(folder: Path) -> Iterator[Row]:
    """A day of a stream's time at full speed, its clock wrapping at noon."""
    start_s = 2**33 / 90_000 - HOURS * 1800
    pictures = map(numbered, range(HOURS * 3600))
    pieces = coded(pictures, 1, 2, start_s % (2**33 / 90_000))
    segments = [b"".join(piece) for piece in _batches(list(pieces), 30)]
    peaks: dict[str, list[float]] = {"recorder": [], "source": [], "decoder": []}
    with (
        Broadcast(segments, 60.0, pace=1200.0).open() as live,
        recording(live.url, folder, "--segment-length", "3600") as command,
    ):
        done = threading.Event()
        watch = threading.Thread(target=_watch, args=(command, peaks, done))
        watch.start()
        told = command.said()
        done.set()
        watch.join()
    frames = sum(row["frames"] for row in told["segments"])
    yield Row(
        "media recorded at full speed", f"{frames / 3600:.1f} h in {len(told['segments'])} segments"
    )
    for name, samples in peaks.items():
        quarter = len(samples) // 4
        early, late = (
            statistics.median(part) for part in (samples[quarter : 2 * quarter], samples[-quarter:])
        )
        yield Row(
            f"memory of the {name}: 2nd quarter, last quarter",
            f"{early:.0f} MB, {late:.0f} MB",
            "flat",
        )


def _watch(command: Command, peaks: dict[str, list[float]], done: threading.Event) -> None:
    while not done.wait(0.2):
        source = command.source()
        with suppress(psutil.Error):
            process = psutil.Process(command.process.pid)
            others = [one for one in process.children() if one.pid != source]
            deeper = [inner for one in others for inner in one.children(recursive=True)]
            groups = {"recorder": [process], "source": [psutil.Process(source)] if source else []}
            groups["decoder"] = deeper
            for name, members in groups.items():
                if members:
                    peaks[name].append(sum(one.memory_info().rss for one in members) / 2**20)


def _batches(pieces: list[bytes], size: int) -> Iterator[list[bytes]]:
    for at in range(0, len(pieces), size):
        yield pieces[at : at + size]


PARTS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "cpu": measure_cpu,
    "rotations": measure_rotations,
    "breaks": measure_breaks,
    "defaults": measure_defaults,
    "memory": measure_memory,
}


def main() -> None:
    """Measures, prints the table and writes the results, which keep parts not named now."""
    wanted = sys.argv[1:] or list(PARTS)
    before = FOLDER / "recording.json"
    rows = json.loads(before.read_text())["rows"] if before.exists() else {}
    table = Table("what", "measured", "goal", title="Recording a live stream")
    for name in wanted:
        rows[name] = []
        with tempfile.TemporaryDirectory() as folder:
            for row in PARTS[name](Path(folder)):
                print(row.what, row.value, sep=": ", file=sys.stderr, flush=True)
                rows[name].append(asdict(row))
                table.add_row(row.what, row.value, row.goal)
    Console().print(table)
    write_results("recording", rows)


if __name__ == "__main__":
    main()
