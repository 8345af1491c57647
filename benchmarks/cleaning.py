"""What cleaning a video costs beside a plain transcode of the same clip, in the same run.

The floor is what any cleaned copy needs: decode every frame, encode it with the same settings. The
ratio says what looking at every frame, reading, painting and verifying add to it.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.table import Table

from benchmarks.results import write_results
from supervisor_core.cleaning.engine import detector, reader, second_detector
from supervisor_core.cleaning.job import Job, Level
from supervisor_core.cleaning.ladder import clean, verify
from supervisor_core.demo_clip import draw_demo_clip
from supervisor_core.media.encode import VideoWriter
from supervisor_core.media.frames import VideoFrames
from supervisor_core.media.kinds import identify
from supervisor_core.media.policy import AudioPolicy, MaskPolicy

SHARED = Path(__file__).parents[1].parent / "shared" / "data"
CLIPS = (
    "medical/overlay_laparoscopy_derived.mp4",
    "medical/laparoscopy_rvim_endo.mp4",
    "general/bbb_720p.mp4",
    "general/bikes.mp4",
    "general/smpte_timecode.mp4",
    "sports_people/asl_walk.mkv",
)


@dataclass(frozen=True)
class Row:
    """The times of one clip in seconds; ratios are to `transcode_s`."""

    clip: str
    width: int
    height: int
    frames: int
    regions: int
    coverage: float
    copied: bool
    verified: bool
    decode_s: float
    transcode_s: float
    clean_s: float
    verify_s: float

    @property
    def ratio(self) -> float:
        """Cleaning and verifying together, to the plain transcode."""
        return (self.clean_s + self.verify_s) / self.transcode_s


def measure(clip: Path, folder: Path) -> Row:
    """Decodes, transcodes, cleans and verifies one clip, one after the other."""
    decode_s = _timed(lambda: sum(1 for _ in VideoFrames(clip)))
    transcode_s = _timed(lambda: _transcode(clip, folder / "plain.mp4"))
    job = Job(
        source=clip,
        destination=folder / "clean.mp4",
        container=identify(clip, clip.name),
        level=Level.FRAME_LEVEL,
        mask=MaskPolicy.ALL_TEXT,
        audio=AudioPolicy.DROP,
    )
    report = clean(job)
    verdict = verify(job, report)
    return Row(
        clip=clip.stem,
        width=report.width,
        height=report.height,
        frames=report.frames,
        regions=report.regions,
        coverage=round(report.coverage, 4),
        copied=report.copied,
        verified=verdict.verified,
        decode_s=decode_s,
        transcode_s=transcode_s,
        clean_s=report.seconds,
        verify_s=verdict.seconds,
    )


def _timed(work) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _transcode(clip: Path, path: Path) -> None:
    source = VideoFrames(clip)
    frames = iter(source)
    first = next(frames)
    with VideoWriter(
        path, time_base=source.time_base, rate=source.rate, colour=source.colour
    ) as writer:
        writer.write(first)
        for frame in frames:
            writer.write(frame)


def main() -> None:
    """Prints a table and writes benchmarks/results/cleaning.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", type=Path)
    clips = parser.parse_args().clips or [
        path for name in CLIPS if (path := SHARED / name).exists()
    ]
    detector(), second_detector(), reader()
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "drawn_examination.mp4"
        draw_demo_clip(drawn)
        rows = [measure(clip, Path(folder)) for clip in [drawn, *clips]]
    Console(width=120).print(_table(rows))
    write_results("cleaning", [vars(row) | {"ratio": row.ratio} for row in rows])


def _table(rows: list[Row]) -> Table:
    table = Table(title="Cleaning beside a plain transcode (x264 veryfast, crf 18)")
    columns = "clip size frames regions masked decode transcode clean verify ratio"
    for name in columns.split():
        table.add_column(name, justify="left" if name == "clip" else "right")
    for row in rows:
        table.add_row(
            row.clip,
            f"{row.width}x{row.height}",
            str(row.frames),
            str(row.regions),
            f"{row.coverage:.1%}",
            *(f"{s:.2f} s" for s in (row.decode_s, row.transcode_s, row.clean_s, row.verify_s)),
            f"{row.ratio:.1f}x" + (" copied" if row.copied else ""),
        )
    return table


if __name__ == "__main__":
    main()
