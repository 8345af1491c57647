"""The frames that an analysis sends: spread over the whole recording, sharp, and no two alike.

Nothing heavy is imported here until `choose` runs, which is in the worker's child.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SIDE = 1024


@dataclass(frozen=True)
class ChosenFrame:
    """One frame of a video (or the only one of a still), by its place from 0 on.

    `time_s` is counted from the start of the video; `sha256` is that of the JPEG at `path`.
    """

    index: int
    time_s: float
    path: Path
    sha256: str


@dataclass(frozen=True)
class Chosen:
    """The frames to send in order of time, how many frames there are, and what was passed over.

    `rejected` counts the candidates that were black, blurred or the same as a chosen frame.
    """

    frames: tuple[ChosenFrame, ...]
    seen: int
    rejected: Mapping[str, int] = field(default_factory=dict)


def choose(path: Path, count: int, folder: Path, side: int = SIDE) -> Chosen:
    """Writes up to `count` frames of a video or still into a folder, as JPEGs named by their place.

    No side of them is longer than `side` pixels. The same file gives the same frames. Raises
    `Failed(NO_USABLE_FRAME)` when all are black, and what reading the file raises.
    """
    from supervisor_core.analysis.sampling import sample
    from supervisor_core.analysis.selecting import select, write

    sampled = sample(path, count, side)
    chosen, rejected = select(sampled, count)
    frames = tuple(write(one, folder) for one in chosen)
    return Chosen(frames, sampled.seen, rejected)
