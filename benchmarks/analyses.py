"""What an analysis costs beside the model: choosing frames, asking, judging, the store.

The model server is one that speaks Ollama's wire and answers at once, so what is left is ours. Each
clip is analysed several times, as when another prompt has come; cleaning is left out by a profile
that asks for none. Beside it stands reading every frame of the clip, which choosing can't do
without.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.results import write_results
from supervisor_core.deadline import Worker
from supervisor_core.inbox.look import Memory, look
from supervisor_core.media.frames import VideoFrames
from supervisor_core.pipeline import Pipeline
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.owners import this_process
from supervisor_core.store.rows import fetch

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
CLIPS = ("general/bbb_720p.mp4", "general/bikes.mp4", "sports_people/asl_walk.mkv")
TIMES = 5
PROFILE = 'mask = "none"\nanalysis = "general"\n'


@dataclass(frozen=True)
class Row:
    """Median seconds of one clip: its analysis, that less the server's own, and reading it."""

    clip: str
    frames: int
    analysis_s: float
    without_model_s: float
    reading_s: float


@contextmanager
def model_server() -> Iterator[str]:
    """A server that answers at once; gives its address."""
    command = [sys.executable, "-m", "tests.ollama_server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield str(json.loads(process.stdout.readline())["url"])  # type: ignore[union-attr]
        finally:
            process.kill()


def measure(clip: Path, url: str, worker: Worker, folder: Path) -> Row:
    """Takes a clip in and analyses it again and again."""
    settings = Settings(home=folder / clip.stem, ollama_url=url, settle_s=0)
    home = settings.open_home()
    (home.root / "profiles").mkdir()
    (home.root / "profiles" / "bench.toml").write_text(PROFILE)
    (home.inbox / "bench").mkdir()
    (home.inbox / "bench" / clip.name).write_bytes(clip.read_bytes())
    store = Store(home, settings)
    (intake,) = look(lambda: store, home, settings, Memory(), time.time() + 60).intakes
    work = Pipeline(store, home, settings, worker, this_process("bench"))
    work.import_items(intake)
    work.mask(intake, "frame_level")
    for number in range(TIMES):
        with store.write() as connection:
            connection.execute("UPDATE work SET key = ?", [str(number)])
        work.analyse(intake)
    with store.read() as connection:
        rows = fetch(connection, "SELECT seconds, model_seconds, media FROM analysis")
        frames = fetch(connection, "SELECT frames FROM media")[0]["frames"]
    started_s = time.perf_counter()
    count = sum(1 for _ in VideoFrames(clip))
    reading_s = time.perf_counter() - started_s
    return Row(
        clip=clip.stem,
        frames=int(str(frames or count)),
        analysis_s=statistics.median(float(str(row["seconds"])) for row in rows),
        without_model_s=statistics.median(
            float(str(row["seconds"])) - float(str(row["model_seconds"])) for row in rows
        ),
        reading_s=reading_s,
    )


def main() -> None:
    """Prints a table and writes benchmarks/results/analyses.json."""
    clips = [SHARED / name for name in CLIPS if (SHARED / name).exists()]
    with tempfile.TemporaryDirectory() as name, model_server() as url, Worker() as worker:
        rows = [measure(clip, url, worker, Path(name)) for clip in clips]
    table = Table(title="An analysis, seconds (median)")
    for column in ("clip", "frames", "analysis", "without the model", "reading every frame"):
        table.add_column(column, justify="left" if column == "clip" else "right")
    for row in rows:
        seconds = (row.analysis_s, row.without_model_s, row.reading_s)
        table.add_row(row.clip, str(row.frames), *(f"{one:.2f}" for one in seconds))
    Console(width=110).print(table)
    write_results("analyses", {"clips": [asdict(row) for row in rows]})


if __name__ == "__main__":
    main()
