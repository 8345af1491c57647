"""What it costs to import a library where it lies, beside reading the same files.

The floor is `sha256sum` over all files and then decoding each with the same decoder (Pillow), in as
many processes as import. Everything the import makes of a still comes on top: facts, small picture,
fingerprint, EXIF, prompt, link, and the store. Dagster's own time is not in it (about 1.3 s a run
of 256 stills, see `benchmarks.orchestration`).
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
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.results import write_results
from supervisor_core.deadline import Worker
from supervisor_core.home import Home
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
Deed = Callable[[Sequence[str]], None]


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


def import_all(words: Sequence[str]) -> None:
    """All steps of these intakes, as the job makes them; the first word is the home."""
    settings = Settings(home=Path(words[0]))
    home = settings.open_home()
    store = Store(home, settings)
    with Worker() as worker:
        work = Pipeline(store, home, settings, worker, this_process("bench"))
        for key in map(IntakeKey, words[1:]):
            work.import_items(key)
            for level in (Cleaning.FRAME_LEVEL, Cleaning.ROI_MASK):
                work.mask(key, level)
                work.verify(key, level)
            work.set_aside(key)
            work.thumbnails(key)


def _timed(
    deed: Deed, words: Sequence[str], ready: "multiprocessing.synchronize.Barrier", told: "Told"
) -> None:
    ready.wait()
    start_s = time.monotonic()
    deed(words)
    cpu_s = sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    told.put((start_s, time.monotonic(), cpu_s))


Told = "multiprocessing.Queue[tuple[float, float, float]]"


def side_by_side(deed: Deed, parts: Sequence[Sequence[str]]) -> tuple[float, float]:
    """Runs a deed in one process for each part; returns seconds and processor's seconds."""
    spawning = multiprocessing.get_context("spawn")
    ready, told = spawning.Barrier(len(parts)), spawning.Queue()
    running = [spawning.Process(target=_timed, args=(deed, one, ready, told)) for one in parts]
    for one in running:
        one.start()
    times = [told.get() for _ in parts]
    for one in running:
        one.join()
    starts, ends, cpu = zip(*times, strict=True)
    return max(ends) - min(starts), sum(cpu)


def measure(folder: Path, files: str, suffixes: Sequence[str], count: int, processes: int) -> Row:
    """Draws a root, and times floor and import of it."""
    root = folder / "root"
    megabytes = draw(root, count, suffixes)
    os.sync()
    names = sorted(str(path) for path in root.rglob("*.*"))
    parts = [names[number::processes] for number in range(processes)]
    hash_all(names)  # from here on all of it is in memory, for everybody
    hash_s, hash_cpu = side_by_side(hash_all, parts)
    decode_s, decode_cpu = side_by_side(decode_all, parts)
    home, keys = prepare(folder / "home", root)
    shares = [[str(home.root), *keys[number::processes]] for number in range(processes)]
    import_s, import_cpu = side_by_side(import_all, shares)
    check(home, count)
    return Row(
        files,
        count,
        round(megabytes, 1),
        processes,
        round(hash_s, 3),
        round(decode_s, 3),
        round(import_s, 3),
        round(hash_cpu + decode_cpu, 3),
        round(import_cpu, 3),
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


def scans(folder: Path, count: int) -> list[dict[str, float]]:
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
                share = wish.count if len(suffixes) > 1 else max(wish.count // 5, 1)
                rows.append(measure(Path(folder), files, suffixes, share, processes))
                show(rows[-1:])
    listed = []
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
