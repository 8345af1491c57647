"""What an analysis has done in the worker's child: `worker.call(prepare, ..., limit_s=...)`."""

from pathlib import Path

from supervisor_core.analysis.choosing import Chosen, choose


def prepare(source: Path, folder: Path, count: int, side: int) -> Chosen:
    """Chooses the frames of one file; see `choosing.choose`."""
    return choose(source, count, folder, side)
