"""What cleaning a video costs beside a plain transcode of the same clip, in the same run.

The floor is what any cleaned copy needs: decode every frame, encode it with the same settings. The
ratio says what looking at every frame, reading, painting and verifying add to it. Beside it stand
two other ways to look: the detector on every frame (measured on every fourth), and on 24 frames
only, which is cheap and misses whatever stands on the others.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time

from rich.console import Console
from rich.table import Table

from benchmarks.results import write_results
from leakset.draw import cases
from supervisor_core.cleaning.engine import detector, inspector, reader, second_inspector
from supervisor_core.cleaning.inspection import Inspector
from supervisor_core.cleaning.job import Job, Level
from supervisor_core.cleaning.ladder import clean, verify
from supervisor_core.cleaning.strokes import Eyes, StrokeTest
from supervisor_core.demo_clip import draw_demo_clip
from supervisor_core.media.encode import VideoWriter
from supervisor_core.media.frames import Frame, VideoFrames
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
DRAWN = ("static_panel", "inside_picture", "patient_switch", "full_hd", "control_bird")
SAMPLES, EVERY = 24, 4
LONGER = 10


@dataclass(frozen=True)
class Row:
    """The times of one clip in seconds; those that end in `_cpu_ms` are per frame, over all cores.

    `calls` and `area` are the detector's calls and the frames' worth of picture it was given, both
    for 100 frames of masking and as many of verification.
    """

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
    decode_cpu_ms: float
    strokes_cpu_ms: float
    look_cpu_ms: float
    verify_look_cpu_ms: float
    transcode_cpu_ms: float
    calls: float
    area: float
    every_frame_s: float
    samples_s: float

    @property
    def ratio(self) -> float:
        """Cleaning and verifying together, to the plain transcode."""
        return (self.clean_s + self.verify_s) / self.transcode_s


def measure(clip: Path, folder: Path) -> Row:
    """Decodes, transcodes, cleans and verifies one clip, one after the other."""
    decode_s, decode_cpu_s = _timed(lambda: sum(1 for _ in VideoFrames(clip)))
    transcode_s, transcode_cpu_s = _timed(lambda: _transcode(clip, folder / "plain.mp4"))
    job = _job(clip, folder)
    report = clean(job)
    verdict = verify(job, report)
    frames = report.frames
    strokes_cpu_s = _strokes(clip)
    first, second = inspector(), second_inspector()
    look_cpu_s = _timed(lambda: first.inspect(VideoFrames(clip)))[1] - decode_cpu_s
    output = job.destination
    verify_cpu_s = _timed(lambda: second.inspect(VideoFrames(output)))[1]
    return Row(
        clip=clip.stem,
        width=report.width,
        height=report.height,
        frames=frames,
        regions=report.regions,
        coverage=round(report.coverage, 4),
        copied=report.copied,
        verified=verdict.verified,
        decode_s=decode_s,
        transcode_s=transcode_s,
        clean_s=report.seconds,
        verify_s=verdict.seconds,
        decode_cpu_ms=1e3 * decode_cpu_s / frames,
        strokes_cpu_ms=1e3 * strokes_cpu_s / frames,
        look_cpu_ms=1e3 * (look_cpu_s - strokes_cpu_s) / frames,
        verify_look_cpu_ms=1e3 * verify_cpu_s / frames,
        transcode_cpu_ms=1e3 * transcode_cpu_s / frames,
        calls=_hundred(first, second, frames, "calls"),
        area=_hundred(first, second, frames, "frames"),
        every_frame_s=transcode_s + EVERY * _detecting(clip, EVERY),
        samples_s=transcode_s + _detecting(clip, max(1, frames // SAMPLES)),
    )


def _job(clip: Path, folder: Path) -> Job:
    return Job(
        source=clip,
        destination=folder / "clean.mp4",
        container=identify(clip, clip.name),
        level=Level.FRAME_LEVEL,
        mask=MaskPolicy.ALL_TEXT,
        audio=AudioPolicy.DROP,
    )


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock, and of all cores together."""
    started_s, started_cpu_s = perf_counter(), process_time()
    work()
    return perf_counter() - started_s, process_time() - started_cpu_s


def _strokes(clip: Path) -> float:
    """Seconds of all cores that the stroke test takes, decoding left out."""
    test, seconds = StrokeTest(Eyes()), 0.0
    for frame in VideoFrames(clip):
        started_s = process_time()
        test.measure(frame)
        seconds += process_time() - started_s
    return seconds


def _detecting(clip: Path, every: int) -> float:
    """Seconds that the detector takes on every so many frames, decoding left out."""
    seconds = 0.0
    for frame in islice(VideoFrames(clip), 0, None, every):
        started_s = perf_counter()
        detector().find(frame.bgr())
        seconds += perf_counter() - started_s
    return seconds


def _hundred(first: Inspector, second: Inspector, frames: int, what: str) -> float:
    return 100 * sum(getattr(one.effort, what) for one in (first, second)) / frames


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


# How cost and memory grow with length


def lengthened(clip: Path, path: Path, times: int) -> None:
    """The clip played several times, forth and back, as one video."""
    source = VideoFrames(clip)
    frames = list(source)
    step = frames[1].time - frames[0].time
    with VideoWriter(
        path, time_base=source.time_base, rate=source.rate, colour=source.colour
    ) as writer:
        for number in range(times * len(frames)):
            turn, place = divmod(number, len(frames))
            frame = frames[place if turn % 2 == 0 else -1 - place]
            writer.write(Frame(number, number * step, *frame.planes))


def alone(clip: Path) -> dict[str, float]:
    """Cleans and verifies a clip in a process of its own: milliseconds a frame, and peak memory."""
    command = [sys.executable, "-m", "benchmarks.cleaning", "--alone", str(clip)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


def _alone(clip: Path) -> None:
    detector(), reader()
    with tempfile.TemporaryDirectory() as folder:
        job = _job(clip, Path(folder))
        report = clean(job)
        seconds = report.seconds + verify(job, report).seconds
    # Linux counts the peak of the program that started this one into ru_maxrss.
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"ms_a_frame": 1e3 * seconds / report.frames, "peak_mb": peak}))


def measure_length(clip: Path, folder: Path) -> dict[str, dict[str, float]]:
    """The same clip once and ten times."""
    once, often = folder / "once.mp4", folder / "often.mp4"
    lengthened(clip, once, 1)
    lengthened(clip, often, LONGER)
    return {"1x": alone(once), f"{LONGER}x": alone(often)}


def main() -> None:
    """Prints tables and writes benchmarks/results/cleaning.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        _alone(given.clips[0])
    else:
        _compare(given.clips)


def _compare(chosen: list[Path]) -> None:
    detector(), reader(), second_inspector()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = chosen or list(_all_clips(folder))
        rows = [measure(clip, folder) for clip in clips]
        length = measure_length(clips[0], folder)
    console = Console(width=150)
    console.print(_table(rows))
    console.print(_stages(rows))
    console.print(f"one clip, once and {LONGER} times as long: {length}")
    told = [asdict(row) | {"ratio": row.ratio} for row in rows]
    write_results("cleaning", {"clips": told, "length": length})


def _all_clips(folder: Path) -> Iterator[Path]:
    drawn = folder / "drawn_examination.mp4"
    draw_demo_clip(drawn)
    yield drawn
    yield from (path for name in CLIPS if (path := SHARED / name).exists())
    yield from (case.write(folder).path for case in cases() if case.name in DRAWN)


def _table(rows: list[Row]) -> Table:
    title = "Cleaning beside a plain transcode (x264 veryfast, crf 18)"
    columns = "clip size frames texts masked decode transcode clean verify ratio every-frame 24"
    return _filled(title, columns, rows, _times)


def _times(row: Row) -> Iterator[str]:
    yield from (f"{row.width}x{row.height}", str(row.frames), str(row.regions))
    yield f"{row.coverage:.1%}"
    yield from (f"{s:.2f} s" for s in (row.decode_s, row.transcode_s, row.clean_s, row.verify_s))
    yield f"{row.ratio:.1f}x" + (" copied" if row.copied else "")
    yield from (f"{s / row.transcode_s:.1f}x" for s in (row.every_frame_s, row.samples_s))


def _stages(rows: list[Row]) -> Table:
    title = "Processor time of a frame in ms, and the detector's work per 100 frames"
    return _filled(title, "clip decode strokes look verify transcode calls area", rows, _work)


def _work(row: Row) -> Iterator[str]:
    yield from (f"{ms:.1f}" for ms in (row.decode_cpu_ms, row.strokes_cpu_ms, row.look_cpu_ms))
    yield from (f"{ms:.1f}" for ms in (row.verify_look_cpu_ms, row.transcode_cpu_ms))
    yield from (f"{row.calls:.0f}", f"{row.area:.1f}")


def _filled(
    title: str, columns: str, rows: list[Row], cells: Callable[[Row], Iterable[str]]
) -> Table:
    table = Table(title=title)
    for name in columns.split():
        table.add_column(name, justify="left" if name == "clip" else "right")
    for row in rows:
        table.add_row(row.clip, *cells(row))
    return table


if __name__ == "__main__":
    main()
