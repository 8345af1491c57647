"""What the one door costs beside boto3's own `download_file`, from a storage on this machine.

Both fetch the same objects in turns from the same server, so that other work weighs on both alike.
Ours also works out the SHA-256 and compares the checksum that the storage knows, which boto3 does
not do for what it fetches in parts.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.results import write_results
from supervisor_core.deadline import Worker
from supervisor_core.media.ref import S3Object
from supervisor_core.remote.door import Door
from supervisor_core.remote.s3 import Storage
from supervisor_core.settings import Settings

BUCKET = "benchmark"
MEGABYTE = 2**20
SIZES_MB = {0.25: 20, 8: 9, 64: 5}
"""Size of an object, and how often it is fetched."""
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True)
class Row:
    """Median seconds for one object, and how many times as fast as boto3 the door is."""

    size_mb: float
    boto3_s: float
    door_s: float

    @property
    def throughput(self) -> float:
        """1 is as fast as boto3, more is faster."""
        return self.boto3_s / self.door_s


@contextmanager
def storage() -> Iterator[Storage]:
    """A storage in a process of its own, with an empty bucket."""
    os.environ.update(CREDENTIALS)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        found = Storage(Settings(s3_endpoint=f"http://127.0.0.1:{port}"))
        found.client.create_bucket(Bucket=BUCKET)
        yield found
    finally:
        server.kill()
        server.wait()


def _wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the storage did not start")


def measure(found: Storage, worker: Worker, folder: Path, size_mb: float, times: int) -> Row:
    """Fetches one object by both in turns."""
    found.client.put_object(Bucket=BUCKET, Key="a", Body=os.urandom(int(size_mb * MEGABYTE)))
    door = Door(folder, found.settings, worker)

    def ours() -> None:
        with door.localize(S3Object(BUCKET, "a")):
            pass

    def theirs() -> None:
        target = folder / "theirs"
        found.client.download_file(BUCKET, "a", str(target))
        target.unlink()

    ours(), theirs()  # connections, imports, caches
    pairs = [(_timed(theirs), _timed(ours)) for _ in range(times)]
    boto3_s, door_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Row(size_mb, boto3_s, door_s)


def _timed(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main() -> None:
    """Prints a table and writes benchmarks/results/localize.json."""
    with tempfile.TemporaryDirectory() as name, storage() as found, Worker() as worker:
        rows = [measure(found, worker, Path(name), *size) for size in SIZES_MB.items()]
    table = Table(title="Fetching one object beside boto3's download_file")
    for column in ("size", "boto3", "the door", "throughput"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            f"{row.size_mb:g} MB",
            f"{1000 * row.boto3_s:.1f} ms",
            f"{1000 * row.door_s:.1f} ms",
            f"{row.throughput:.2f}x",
        )
    Console().print(table)
    write_results("localize", [asdict(row) | {"throughput": row.throughput} for row in rows])


if __name__ == "__main__":
    main()
