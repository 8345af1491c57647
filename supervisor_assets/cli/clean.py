"""`clean`: one file in, one proven file out, without a store and without Dagster."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import typer

from supervisor_assets.cli import clean_child, destination, say
from supervisor_assets.cli.climb import Climb, Climbed
from supervisor_assets.cli.codes import Code
from supervisor_assets.cli.edge import warn
from supervisor_core.cleaning.job import Job, Level
from supervisor_core.deadline import Worker
from supervisor_core.media.kinds import Container
from supervisor_core.media.policy import MaskPolicy, Profile, load_profile
from supervisor_core.pipeline.falls import PASSING, STOPPING
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings

# Nothing is kept of the file, so the level has the name that says: not anonymized.
_NO_LEVEL_HELPED = "raw_aside"


@dataclass(frozen=True)
class Wish:
    """What was asked for on the command line."""

    source: Path
    out: Path
    profile: Profile
    settings: Settings

    @property
    def masks(self) -> Path:
        """The operator's own device masks."""
        return self.settings.masks_folder or self.settings.home.absolute() / "masks"

    @property
    def names(self) -> Path:
        """The operator's own list of names."""
        return self.settings.names_file or self.settings.home.absolute() / "names.txt"


@dataclass(frozen=True)
class Result:
    """What became of the file: refused, or how far it came on the ladder."""

    output: Container | None = None
    refused: Failed | None = None
    climbed: Climbed = field(default_factory=Climbed)

    @property
    def verified(self) -> bool:
        """True when there is a proven file at OUT."""
        return self.climbed.verified

    @property
    def level(self) -> str | None:
        """The level that helped; none for a refused file."""
        if self.refused is not None:
            return None
        return self.climbed.attempts[-1].level.value if self.verified else _NO_LEVEL_HELPED

    @property
    def reason(self) -> Reason | None:
        """Why it was refused, or why the last level above did not succeed."""
        return self.refused.reason if self.refused else self.climbed.reason


def run(
    source: Path, out: Path, device: str | None, profile: str, *, force: bool, as_json: bool
) -> None:
    """Cleans the file and prints what became of it; ends with exit code 4 when nothing did."""
    started = time.monotonic()
    settings = Settings.load()
    folder = settings.profiles_folder or settings.home / "profiles"
    rules = load_profile(profile, folder)
    wish = Wish(
        source.absolute(), out.absolute(), replace(rules, device=device or rules.device), settings
    )
    if rules.mask is MaskPolicy.NONE:
        raise Failed(Reason.CLEANING_NOT_REQUIRED)
    destination.check_place(wish.source, wish.out, force=force)
    with say.progress("Looking at the file") as bar, Worker(grace_s=settings.grace_s) as worker:
        result = _clean(wish, worker, bar)
    _print(result, wish, time.monotonic() - started, as_json=as_json)
    if not result.verified:
        raise typer.Exit(Code.NOT_CLEANED)


def _clean(wish: Wish, worker: Worker, bar: say.Bar) -> Result:
    try:
        looked = _look(wish, worker)
    except Failed as failed:
        if failed.reason in STOPPING | PASSING:
            raise
        destination.clear_place(wish.out)
        return Result(refused=failed)
    advice = destination.check_suffix(wish.out, looked.output)
    destination.clear_place(wish.out)
    if advice:
        say.note(advice)
    with destination.staging(wish.out) as folder:
        job = Job(
            source=wish.source,
            destination=folder / "output.part",
            container=looked.info.container,
            level=Level.FRAME_LEVEL,
            mask=wish.profile.mask,
            audio=wish.profile.audio,
            device=wish.profile.device,
            masks=wish.masks,
            names=wish.names,
            frames_expected=looked.info.frames or 0,
        )
        climbed = Climb(worker, wish.settings, folder, bar).run(job, looked.info)
        if climbed.verified:
            destination.deliver(job.destination, wish.out)
    return Result(looked.output, climbed=climbed)


def _look(wish: Wish, worker: Worker) -> clean_child.Looked:
    settings = wish.settings
    gigabytes = wish.source.lstat().st_size / 1e9 if wish.source.is_file() else 0.0
    limit_s = settings.import_base_s + settings.import_s_per_gb * gigabytes
    return worker.call(clean_child.look, wish.source, wish.profile, wish.masks, limit_s=limit_s)


def report(result: Result, out: Path, seconds: float) -> dict[str, Any]:
    """The object that `--json` prints; `seconds` is what the whole command took."""
    cleaned, proof, reason = result.climbed.cleaned, result.climbed.proof, result.reason
    return {
        "level": result.level,
        "verified": result.verified,
        "frames": cleaned.frames if cleaned else None,
        "frames_inspected": cleaned.frames_inspected if cleaned else None,
        "regions": cleaned.regions if cleaned else None,
        "coverage": round(cleaned.coverage, 6) if cleaned else None,
        "copied": cleaned.copied if cleaned else None,
        "seconds": round(seconds, 3),
        "reason": reason.value if reason else None,
        "message": _message(result),
        "next_step": reason.next_step if reason else None,
        "output": str(out) if result.verified else None,
        "format": result.output.value if result.verified and result.output else None,
        "sha256": proof.sha256 if proof and result.verified else None,
        "attempts": [
            {
                "level": attempt.level.value,
                "step": attempt.step,
                "reason": attempt.reason.value if attempt.reason else None,
                "seconds": round(attempt.seconds, 3),
            }
            for attempt in result.climbed.attempts
        ],
    }


def _message(result: Result) -> str | None:
    if result.refused:
        return str(result.refused).removeprefix(f"{result.refused.reason}: ")
    return result.reason.sentence if result.reason else None


def _print(result: Result, wish: Wish, seconds: float, *, as_json: bool) -> None:
    told = report(result, wish.out, seconds)
    if as_json:
        say.data_json(told)
    elif result.verified:
        masked = f"{told['regions']} regions masked ({100 * told['coverage']:.2f} % of the picture)"
        looked = f"{told['frames_inspected']} of {told['frames']} frames inspected"
        say.data(say.shown(wish.out))
        say.note(f"verified at {result.level}: {looked}, {masked}, {seconds:.1f} s")
    if result.reason:
        fate = f"cleaned by {result.level} instead" if result.verified else "nothing was written"
        warn(result.reason, f"{result.reason}: {told['message']} ({fate})")
