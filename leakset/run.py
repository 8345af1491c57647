"""Runs the whole leak set: draws every case, has it cleaned, and lets the judge look at the result.

    python -m leakset.run [--only NAME]... [--quick] [--seed N] [--json FILE] [--keep FOLDER]

The product is used as a user would: `supervisor-assets clean IN --output OUT --json`, one process a
clip. Exit code 0 when every case passed, 1 when one did not, 2 for wrong arguments, 5 when the
command is missing.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from leakset.draw import Case, cases
from leakset.judge import Verdict, judge

QUICK = (
    "static_panel", "flash_1", "flash_last", "moving_fast", "fading", "translucent_35", "small_13",
    "turned_90", "patient_switch", "flag_90", "control_laparoscopy", "control_bird",
)  # fmt: skip
CLIP_LIMIT_S = 900.0
COMMAND = shlex.join([str(Path(sys.executable).parent / "supervisor-assets"), "clean"])

Cleaner = Callable[[Path, Path], dict]
"""Cleans a clip into a file and returns what `clean --json` printed."""


@dataclass(frozen=True)
class Row:
    """One case's outcome; `verdict` is None when there is no cleaned file to judge."""

    case: str
    level: str
    reason: str
    seconds: float
    verdict: Verdict | None

    @property
    def passed(self) -> bool:
        """True when a cleaned file exists and the judge has nothing against it."""
        return self.verdict is not None and self.verdict.passed


def clean_clip(path: Path, out: Path, command: str = COMMAND) -> dict:
    """Runs the product on one clip; {"reason": ...} when it printed nothing that can be read."""
    arguments = [*shlex.split(command), str(path), "--output", str(out), "--json"]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            printed, _ = process.communicate(timeout=CLIP_LIMIT_S)
        except BaseException as stop:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(stop, subprocess.TimeoutExpired):
                return {"reason": "campaign limit"}
            raise
    try:
        return dict(json.loads(printed))
    except ValueError:
        return {"reason": f"exit code {process.returncode}, nothing printed"}


def run_case(case: Case, folder: Path, clean: Cleaner) -> Row:
    """Draws, cleans and judges one case."""
    clip = case.write(folder)
    out = folder / f"{case.name}.cleaned.mp4"
    out.unlink(missing_ok=True)  # one of an earlier run must not be judged as this one's
    started = time.monotonic()
    report = clean(clip.path, out)
    seconds = round(time.monotonic() - started, 1)
    level, reason = str(report.get("level") or "-"), str(report.get("reason") or "")
    verdict = judge(clip.truth, out) if out.is_file() else None
    return Row(case.name, level, reason, seconds, verdict)


HEADINGS = (
    f"{'case':22} {'level':11} {'frames':>7} {'leaked':>6} {'faint':>6} {'over %':>6} "
    f"{'likeness':>8} {'step':>5} {'seconds':>7}  result"
)


def line(row: Row) -> str:
    """One row of the table: counts of the cleaned file, the strongest trace left, the result."""
    head = f"{row.case:22} {row.level:11} "
    if row.verdict is None:
        return f"{head}{'':53} {row.seconds:7.1f}  NOT CLEANED {row.reason}".rstrip()
    verdict = row.verdict
    count = f"{len(verdict.leaked_frames)}/{verdict.readable_frames}"
    return (
        f"{head}{verdict.frames:7} {count:>6} {len(verdict.faint_frames):6} "
        f"{100 * verdict.overmasked_fraction:6.2f} {verdict.worst.likeness:8.2f} "
        f"{verdict.worst.step:5.1f} {row.seconds:7.1f}  {_result(verdict)}"
    )


def _result(verdict: Verdict) -> str:
    wrong = {
        f"LEAK on {_spans(verdict.leaked_frames)} ({verdict.worst_kind})": verdict.leaked_frames,
        f"FRAMES {verdict.frames} of {verdict.frames_expected}": not verdict.frames_equal,
        "TIMES": not verdict.times_equal,
        "SIZE": not verdict.size_equal,
        f"STREAMS +{verdict.stray_streams}": verdict.stray_streams,
    }
    said = [text for text, is_wrong in wrong.items() if is_wrong]
    if not said and not verdict.passed:
        said = ["OVERMASKED"]
    return ", ".join(said) or "ok"


def _spans(indices: Sequence[int]) -> str:
    """Frame indices as runs: 3-7 9."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return " ".join(f"{a}-{b}" if a != b else f"{a}" for a, b in runs)


def run(chosen: Sequence[Case], folder: Path, clean: Cleaner, *, keep: bool = False) -> list[Row]:
    """Runs the cases one after the other and prints the table as it goes."""
    print(HEADINGS, flush=True)
    rows = []
    for case in chosen:
        rows.append(run_case(case, folder, clean))
        print(line(rows[-1]), flush=True)
        if not keep:
            for path in folder.glob(f"{case.name}.*"):
                path.unlink()
    failed = [row.case for row in rows if not row.passed]
    leaked = sum(len(row.verdict.leaked_frames) for row in rows if row.verdict)
    print(f"{len(rows)} cases, {leaked} leaked frames, {len(failed)} failed: {' '.join(failed)}")
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the arguments, runs the cases, returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m leakset.run", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="a dozen cases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave all clips there")
    parser.add_argument("--command", default=COMMAND, help="another cleaner, same arguments")
    options = parser.parse_args(arguments)
    known = {case.name: case for case in cases(options.seed)}
    if unknown := [name for name in options.only if name not in known]:
        parser.error(f"no such case: {' '.join(unknown)}; there are: {' '.join(known)}")
    if shutil.which(shlex.split(options.command)[0]) is None:
        print("The cleaning command is not installed: run make setup.", file=sys.stderr)
        return 5
    names = options.only or (QUICK if options.quick else tuple(known))
    with tempfile.TemporaryDirectory(prefix="leakset-") as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        rows = run(
            [known[name] for name in names],
            folder,
            lambda path, out: clean_clip(path, out, options.command),
            keep=bool(options.keep),
        )
    if options.json:
        found = [asdict(row) | {"passed": row.passed} for row in rows]
        options.json.write_text(json.dumps({"seed": options.seed, "cases": found}, indent=1) + "\n")
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
