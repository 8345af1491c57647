"""What it costs to import a library where it lies, beside reading the same files.

The floor is `sha256sum` over all files and then decoding each with the same decoder (Pillow), in as
many processes as import. Everything the import makes of a still comes on top: facts, small picture,
fingerprint, EXIF, prompt, link, and the store. The three take turns, 256 files each, so that they
meet the same load of the machine, and the files of each turn are read once before, so that no disk
is in it; the first turn of a process is not counted. Dagster's own time is not in it (about 1.3 s a
run of 256 stills, see `benchmarks.orchestration`).
"""

import argparse
import multiprocessing
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.results import write_results
from supervisor_core.deadline import Worker
from supervisor_core.home import Home
from supervisor_core.inbox.plan import BATCH
from supervisor_core.keys import IntakeKey
from supervisor_core.libraries.roots import Root, enter_root, roots_file
from supervisor_core.libraries.scanning import Wish, scan
from supervisor_core.pipeline import Pipeline
from supervisor_core.settings import Settings
from supervisor_core.states import Cleaning
from supervisor_core.store import Store
from supervisor_core.store.owners import this_process

SIZES = ((1152, 896), (1216, 832), (1024, 1024), (1536, 1024), (1600, 1200), (1920, 1080))
BASES = 60
LISTED = 100_000


@dataclass(frozen=True)
class Row:
    """Seconds of one kind of file in so many processes; `cpu_s` are the processor's."""

    files: str
    count: int
    megabytes: float
    processes: int
    sha256sum_s: float
    decode_s: float
    import_s: float
    floor_cpu_s: float
    import_cpu_s: float

    @property
    def ratio(self) -> float:
        """The import beside the floor."""
        return self.import_s / (self.sha256sum_s + self.decode_s)

    @property
    def cpu_ratio(self) -> float:
        """The same of the processor's time, which other work hardly moves."""
        return self.import_cpu_s / self.floor_cpu_s


def base(number: int, suffix: str) -> bytes:
    """A picture as they are drawn or taken: soft and hard shapes, and some grain."""
    rng = np.random.default_rng(number)
    width, height = SIZES[number % len(SIZES)]
    coarse = rng.integers(0, 255, (9, 12, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(60):
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        colour = tuple(int(part) for part in rng.integers(0, 255, 3))
        cv2.circle(picture, centre, int(rng.integers(4, 120)), colour, -1, cv2.LINE_AA)
    grain = rng.normal(0, 3, (height, width, 1))
    picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, 90] if suffix == ".jpg" else []
    return bytes(cv2.imencode(suffix, picture, options)[1])


def own(content: bytes, number: int) -> bytes:
    """The same picture as a file of its own: with a comment that no other has."""
    word = f"number {number}".encode()
    if content[:2] == b"\xff\xd8":
        return content[:2] + b"\xff\xfe" + struct.pack(">H", len(word) + 2) + word + content[2:]
    data = b"tEXtComment\0" + word
    chunk = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return content[:33] + chunk + content[33:]


def draw(root: Path, count: int, suffixes: Sequence[str]) -> float:
    """Fills a root and returns its megabytes."""
    bases = [base(number, suffixes[number % len(suffixes)]) for number in range(BASES)]
    size = 0
    for number in range(count):
        content = own(bases[number % BASES], number)
        suffix = suffixes[number % BASES % len(suffixes)]
        path = root / f"{number // 500:03d}" / f"{number:06d}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        size += len(content)
    return size / 1e6


def hash_all(paths: Sequence[str]) -> None:
    """`sha256sum`, as a user would run it."""
    names = "\0".join(paths).encode()
    command = ["xargs", "-0", "-n", "512", "sha256sum"]
    subprocess.run(command, input=names, stdout=subprocess.DEVNULL, check=True)


def decode_all(paths: Sequence[str]) -> None:
    """Every picture to its last pixel."""
    for path in paths:
        with Image.open(path) as image:
            image.load()


@dataclass
class Spent:
    """Seconds, and the processor's seconds, of one kind of work."""

    s: float = 0.0
    cpu_s: float = 0.0


@dataclass(frozen=True)
class Share:
    """What one process works on: intakes, and the files of each."""

    home: Path
    intakes: Sequence[tuple[IntakeKey, Sequence[str]]]


class Bench:
    """Hashes, decodes and imports in turn, so that all three meet the same load of the machine."""

    def __init__(self, share: Share, worker: Worker) -> None:
        settings = Settings(home=share.home)
        home = settings.open_home()
        self._worker = worker
        store, owner = Store(home, settings), this_process("bench")
        self._work = Pipeline(store, home, settings, worker, owner)

    def run(self, key: IntakeKey, paths: Sequence[str]) -> tuple[Spent, Spent, Spent]:
        """One intake: what `sha256sum`, decoding and importing have taken."""
        hash_all(paths)  # from here on they are in memory, for all three
        return (
            self._spent(partial(hash_all, paths)),
            self._spent(partial(decode_all, paths)),
            self._spent(partial(self._import, key)),
        )

    def _import(self, key: IntakeKey) -> None:
        """All steps, as the job makes them."""
        self._work.import_items(key)
        for level in (Cleaning.FRAME_LEVEL, Cleaning.ROI_MASK):
            self._work.mask(key, level)
            self._work.verify(key, level)
        self._work.set_aside(key)
        self._work.thumbnails(key)

    def _spent(self, deed: Callable[[], None]) -> Spent:
        start_s, start_cpu_s = time.monotonic(), self._cpu_s()
        deed()
        return Spent(time.monotonic() - start_s, self._cpu_s() - start_cpu_s)

    def _cpu_s(self) -> float:
        """Of this process, of those that it has waited for, and of the worker's child."""
        kinds = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        own = sum(used.ru_utime + used.ru_stime for used in kinds)
        return own + self._worker.call(time.process_time, limit_s=60)


def work_through(share: Share) -> list[Spent]:
    """All intakes of a share; the first only warms up and is not counted."""
    totals = [Spent(), Spent(), Spent()]
    with Worker() as worker:
        bench = Bench(share, worker)
        for number, (key, paths) in enumerate(share.intakes):
            for total, one in zip(totals, bench.run(key, paths), strict=True):
                total.s += one.s if number else 0.0
                total.cpu_s += one.cpu_s if number else 0.0
    return totals


def measure(folder: Path, files: str, suffixes: Sequence[str], count: int, processes: int) -> Row:
    """Draws a root, and times floor and import of it."""
    root = folder / "root"
    megabytes = draw(root, count, suffixes)
    os.sync()
    names = sorted(str(path) for path in root.rglob("*.*"))
    home, keys = prepare(folder / "home", root)
    parts = [names[start : start + BATCH] for start in range(0, count, BATCH)]
    pairs = list(zip(keys, parts, strict=True))
    shares = [Share(home.root, pairs[number::processes]) for number in range(processes)]
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawning) as pool:
        found = list(pool.map(work_through, shares))
    check(home, count)
    counted = sum(len(paths) for share in shares for _, paths in share.intakes[1:])
    hashed, decoded, imported = (
        Spent(sum(one.s for one in kind) / processes, sum(one.cpu_s for one in kind))
        for kind in zip(*found, strict=True)
    )
    return Row(
        files,
        counted,
        round(megabytes * counted / count, 1),
        processes,
        round(hashed.s, 3),
        round(decoded.s, 3),
        round(imported.s, 3),
        round(hashed.cpu_s + decoded.cpu_s, 3),
        round(imported.cpu_s, 3),
    )


def prepare(place: Path, root: Path) -> tuple[Home, list[IntakeKey]]:
    """A home that has scanned the root, and the intakes of it."""
    settings = Settings(home=place)
    home = settings.open_home()
    enter_root(roots_file(home, settings), "bench", Root(path=root))
    found = scan(Store(home, settings), home, settings, "bench", Root(path=root), Wish())
    return home, list(found.intakes)


def check(home: Home, count: int) -> None:
    """Ends with an error unless everything came in, with its small picture."""
    store = Store(home, Settings(home=home.root))
    with store.read() as connection:
        sql = "SELECT count(*) FROM media WHERE cleaning = 'not_required'"
        found = connection.execute(sql).fetchone()
    drawn = sum(1 for _ in home.thumbnails.rglob("*.jpg"))
    if not found or (int(found[0]), drawn) != (count, count):
        sys.exit(f"only {found} of {count} came in, {drawn} drawn")


def scans(folder: Path, count: int) -> list[dict[str, float | int | str]]:
    """Seconds of the first scan of so many files, and of two more with nothing changed."""
    root, settings = folder / "root", Settings(home=folder / "home")
    for number in range(count):
        path = root / f"{number // 500:04d}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    home = settings.open_home()
    store = Store(home, settings)
    rows = []
    for which in ("first", "again", "again"):
        start_s = time.monotonic()
        found = scan(store, home, settings, "bench", Root(path=root), Wish())
        seconds = round(time.monotonic() - start_s, 3)
        rows.append({"scan": which, "files": count, "intakes": len(found.intakes), "s": seconds})
    return rows


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="stills to import")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--folder", type=Path, default=None, help="where there is room")
    wish = parser.parse_args()
    mixes = {"JPEG and PNG": (".jpg", ".png"), "JPEG": (".jpg",), "PNG": (".png",)}
    rows = []
    for files, suffixes in mixes.items():
        for processes in wish.processes:
            with tempfile.TemporaryDirectory(dir=wish.folder) as folder:
                share = wish.count if len(suffixes) > 1 else max(wish.count // 5, 1024)
                rows.append(measure(Path(folder), files, suffixes, share, processes))
                show(rows[-1:])
    listed: list[dict[str, float | int | str]] = []
    for count in (wish.count, LISTED):
        with tempfile.TemporaryDirectory(dir=wish.folder) as folder:
            listed += scans(Path(folder), count)
    table = Table("scan", "files", "intakes", "s")
    for one in listed:
        table.add_row(*(str(value) for value in one.values()))
    Console().print(table)
    told = [asdict(row) | {"ratio": row.ratio, "cpu_ratio": row.cpu_ratio} for row in rows]
    write_results("library", {"import": told, "scan": listed})


def show(rows: Sequence[Row]) -> None:
    """Prints rows as they are measured."""
    names = ("files", "count", "MB", "processes", "sha256sum", "decode", "import")
    table = Table(*names, "ms a file", "ratio", "ratio of CPU")
    for row in rows:
        cells = (row.files, row.count, row.megabytes, row.processes)
        times = (row.sha256sum_s, row.decode_s, row.import_s)
        each = f"{1000 * row.import_s / row.count:.1f}"
        table.add_row(*map(str, (*cells, *times)), each, f"{row.ratio:.2f}", f"{row.cpu_ratio:.2f}")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
