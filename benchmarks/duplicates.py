"""How well duplicates are found, and how fast one is among 100,000.

The limit for bits is chosen on one half of the pictures and judged on the other; edits and their
strengths are drawn from seeds that the halves do not share. Real duplicates stand beside them.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.drawn_edits import EDITS, HARD, Pixels, panel, shapes
from benchmarks.results import write_results
from supervisor_core.deadline import Worker
from supervisor_core.enrichment.duplicates import near_groups
from supervisor_core.enrichment.near import NEAR_MAX, columns_of, distances, near_pairs
from supervisor_core.enrichment.pdq import Fingerprint, fingerprint_of
from supervisor_core.keys import MediaKey
from supervisor_core.media.frames import VideoFrames
from supervisor_core.media.kinds import Kind, identify
from supervisor_core.media.stills import read_still
from supervisor_core.pipeline.comparing import compare
from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Failed
from supervisor_core.settings import Settings
from supervisor_core.store import Store, fingerprints
from supervisor_core.store.fingerprints import StoredFingerprint

SHARED = Path(__file__).parents[2] / "shared" / "data"
DRAWN = 120
LIMITS = range(16, 104, 4)
PRECISION = 0.999
STORED = 100_000
# Files of one scene, which are right to be found; `rotation` is turned by 25 degrees.
SAME_SCENE = (
    ("ukbench00120", "ukbench00120_hflip", "ukbench00120_resize", "ukbench00120_rotation"),
    ("landscape_3", "landscape_6"),
    ("automatic1111_cropped", "automatic1111_cropped"),
    ("asl_book", "asl_walk"),
)


@dataclass(frozen=True)
class Row:
    """How many pairs of one kind were found at a limit, of how many there are."""

    edit: str
    pairs: int
    found: int
    median_bits: float


@dataclass
class Half:
    """Pictures with their fingerprints: scene and edit of each."""

    scenes: list[str]
    edits: list[str]
    prints: list[Fingerprint]

    def bits(self) -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
        """How far each is from each, the nearer of upright and mirrored."""
        hashes = np.frombuffer(b"".join(one.hash for one in self.prints), np.uint8)
        columns = columns_of(hashes.reshape(-1, 32))
        rows = [
            np.minimum(distances(columns, one.hash), distances(columns, one.mirror))
            for one in self.prints
        ]
        return np.stack(rows)


def sources(seed: int) -> Iterator[tuple[str, Pixels]]:
    """The untouched pictures of one half: drawn ones, and every second of the real ones."""
    for number in range(DRAWN):
        drawn = shapes(2 * number + seed) if number % 3 else panel(2 * number + seed)
        yield f"drawn {2 * number + seed}", drawn
    for number, (name, picture) in enumerate(real()):
        if number % 2 == seed:
            yield name, picture


def real() -> Iterator[tuple[str, Pixels]]:
    """One picture of each scene in the shared data: stills, and first frames of films."""
    seen: set[str] = set()
    for path in sorted(SHARED.rglob("*")):
        scene = _scene(path.stem)
        if (
            not path.is_file()
            or scene in seen
            or "corrupt" in path.parts
            or path.stem == "one_pixel"
        ):
            continue
        try:
            picture = _first(path)
        except Failed:
            continue
        seen.add(scene)
        yield scene, picture


def _scene(stem: str) -> str:
    return next((group[0] for group in SAME_SCENE if stem in group), stem)


def _first(path: Path) -> Pixels:
    if identify(path, name="").kind is Kind.VIDEO:
        return next(iter(VideoFrames(path))).bgr()
    return read_still(path)


def half(seed: int) -> Half:
    """All pictures of one half with all their edits."""
    made = Half([], [], [])
    for number, (scene, picture) in enumerate(sources(seed)):
        rng = np.random.default_rng([seed, number])
        edited = {"": picture} | {
            name: edit(picture, rng) for name, edit in {**EDITS, **HARD}.items()
        }
        for name, pixels in edited.items():
            found = fingerprint_of(np.ascontiguousarray(pixels))
            if found.usable:
                made.scenes.append(scene)
                made.edits.append(name)
                made.prints.append(found)
    return made


def chosen(pictures: Half) -> int:
    """The limit that finds the most at a precision that may be relied on."""
    scores = {limit: judged(pictures, limit) for limit in LIMITS}
    good = {
        limit: recall for limit, (precision, recall) in scores.items() if precision >= PRECISION
    }
    return max(good, key=lambda limit: (good[limit], -limit))


def judged(pictures: Half, limit: int) -> tuple[float, float]:
    """Precision and recall over all pairs of pictures with an edit that should be found."""
    bits, same, wanted = pictures.bits(), _same(pictures), _wanted(pictures)
    upper = np.triu(np.ones_like(same), 1) & wanted
    found = (bits <= limit) & upper
    right = found & same
    return float(right.sum() / max(1, found.sum())), float(right.sum() / (same & upper).sum())


def by_edit(pictures: Half, limit: int) -> list[Row]:
    """How many of each edit are found from the picture they were made of."""
    bits, first = pictures.bits(), {}
    for number, (scene, edit) in enumerate(zip(pictures.scenes, pictures.edits, strict=True)):
        if not edit:
            first[scene] = number
    rows = []
    for name in {**EDITS, **HARD}:
        apart = [
            int(bits[number, first[scene]])
            for number, (scene, edit) in enumerate(
                zip(pictures.scenes, pictures.edits, strict=True)
            )
            if edit == name and scene in first
        ]
        found = sum(one <= limit for one in apart)
        rows.append(Row(name, len(apart), found, float(np.median(apart))))
    return rows


def _same(pictures: Half) -> "np.ndarray[tuple[int, int], np.dtype[np.bool]]":
    scenes = np.array(pictures.scenes)
    return np.asarray(scenes[:, None] == scenes[None, :])


def _wanted(pictures: Half) -> "np.ndarray[tuple[int, int], np.dtype[np.bool]]":
    """Pairs of which one is untouched; two edits of one picture may well be too far apart."""
    edits = np.array(pictures.edits)
    easy = ~np.isin(edits, list(HARD))
    return (easy[:, None] & easy[None, :]) & ((edits == "")[:, None] | (edits == "")[None, :])


def real_duplicates() -> tuple[int, int, int]:
    """Of the real duplicates: pairs there are, pairs that are found, pairs found wrongly."""
    prints = {
        path.stem: fingerprint_of(read_still(path))
        for path in sorted((SHARED / "images" / "dups").iterdir())
    }
    found = {frozenset((key, near.key)) for key, near in near_pairs(prints)}
    group = SAME_SCENE[0]
    true = {frozenset((a, b)) for a in group for b in group if a != b}
    groups = near_groups(near_pairs(prints), sorted(prints))
    assert len(groups) <= 1, "one group at most"
    return len(true), len(found & true), len(found - true)


def one_among_many() -> Mapping[str, float]:
    """Seconds to compare a new picture with 100,000 in the store, all loading included."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home")
        home = settings.open_home()
        context = Context(Store(home, settings), home, settings, Worker(), "benchmark")
        _fill(context, 0, STORED)
        return {
            "one": min(_timed(context, STORED + number, 1) for number in range(5)),
            "256 at once": _timed(context, STORED + 1000, 256),
        }


def _fill(context: Context, start: int, count: int) -> list[MediaKey]:
    now, rng = datetime.now(UTC), np.random.default_rng(start)
    keys = [MediaKey(f"{number:064x}") for number in range(start, start + count)]
    rows = [
        StoredFingerprint(key, key, rng.bytes(32), bytes([90]), now, mirrors=rng.bytes(32))
        for key in keys
    ]
    with context.store.write() as connection:
        fingerprints.put(connection, rows)
    return keys


def _timed(context: Context, start: int, count: int) -> float:
    keys = _fill(context, start, count)
    began = time.perf_counter()
    compare(context, keys)
    return time.perf_counter() - began


def main() -> None:
    """Prints what was chosen and how it does on the half it was not chosen on."""
    choosing, judging = half(0), half(1)
    limit = chosen(choosing)
    console = Console()
    table = Table("limit", "precision", "recall", title="Pairs of pictures, by bits of 256")
    scores = {}
    for name, bits in {
        "chosen on the other half": limit,
        "in use": NEAR_MAX,
        "PDQ's own": 31,
    }.items():
        precision, recall = judged(judging, bits)
        scores[name] = {"bits": bits, "precision": precision, "recall": recall}
        table.add_row(f"{bits} ({name})", f"{precision:.4f}", f"{recall:.4f}")
    console.print(table)
    edits = by_edit(judging, NEAR_MAX)
    table = Table("edit", "pictures", "found", "median bits", title=f"By edit, at {NEAR_MAX} bits")
    for row in edits:
        table.add_row(
            row.edit, str(row.pairs), f"{row.found / row.pairs:.1%}", f"{row.median_bits:g}"
        )
    console.print(table)
    pairs, found, wrong = real_duplicates()
    console.print(f"images/dups: {found} of {pairs} pairs found, {wrong} wrong")
    seconds = one_among_many()
    console.print({name: f"{value * 1000:.0f} ms" for name, value in seconds.items()})
    results = {
        "scores": scores,
        "edits": [asdict(row) for row in edits],
        "dups": {"pairs": pairs, "found": found, "wrong": wrong},
        "among_100000_s": seconds,
    }
    write_results("duplicates", results)


if __name__ == "__main__":
    main()
