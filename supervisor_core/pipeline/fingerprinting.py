"""Says what every readable file looks like, and compares what is new with all that came before."""

from dataclasses import dataclass
from pathlib import Path

from supervisor_core.enrichment import child
from supervisor_core.enrichment.child import Taken
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.comparing import compare
from supervisor_core.pipeline.context import Context, Progress
from supervisor_core.pipeline.each import (
    AGAIN,
    LONGEST_WAIT_S,
    Doing,
    File,
    files_of,
    limit_by_length,
    work_through,
)
from supervisor_core.pipeline.places import readable_file
from supervisor_core.pipeline.tasks import TaskReport, Terms
from supervisor_core.store import Connection, fingerprints
from supervisor_core.store.attempts import Attempt, Step
from supervisor_core.store.fingerprints import QUALITY_MIN, VERSION, Kind, StoredFingerprint

TASK = f"fingerprints/{VERSION}"


@dataclass(frozen=True)
class FingerprintReport(TaskReport):
    """What became of an intake's files in this call.

    `taken` are new, `unchanged` were there; `pairs` is how many likenesses the new ones have.
    """

    files: int = 0
    taken: int = 0
    unchanged: int = 0
    pairs: int = 0


def take_fingerprints(context: Context, intake: IntakeKey) -> FingerprintReport:
    """Takes what is missing, and compares what is new; see `Pipeline.take_fingerprints`."""
    files = files_of(context, intake)
    with context.store.read() as connection:
        made_of = fingerprints.made_of(connection, [one.media for one in files])
    missing = [one for one in files if made_of.get(one.media) != one.sha256]
    doing = _Taking(context)
    tally = work_through(context, intake, missing, doing)
    pairs = compare(context, [one.media for one in files])
    return tally.report(
        FingerprintReport,
        intake,
        files=len(files),
        taken=doing.taken,
        unchanged=len(files) - len(missing) + tally.skipped,
        pairs=pairs,
    )


@dataclass(frozen=True)
class Coverage:
    """How many of an intake's readable files were compared, and how many are too plain for it."""

    files: int
    compared: int
    plain: int


def coverage(context: Context, intake: IntakeKey) -> Coverage:
    """How far the intake's files were compared with all others."""
    wanted = {one.media: one.sha256 for one in files_of(context, intake)}
    with context.store.read() as connection:
        known = fingerprints.of(connection, wanted)
        open_ones = {one.media for one in fingerprints.uncompared(connection, wanted)}
    done = [
        one
        for key, one in known.items()
        if (one.output, one.version) == (wanted[key], VERSION) and key not in open_ones
    ]
    plain = sum(max(one.qualities, default=0) < QUALITY_MIN for one in done)
    return Coverage(len(wanted), len(done), plain)


class _Taking(Doing[Taken]):
    step = Step.FINGERPRINT
    task = TASK

    def __init__(self, context: Context) -> None:
        self.taken = 0
        self.terms = Terms(context.settings.fingerprint_tries, LONGEST_WAIT_S, again=AGAIN)
        self._context = context

    def key(self, file: File) -> str:
        return f"{file.sha256} {VERSION}"

    def limit_s(self, file: File) -> float:
        settings = self._context.settings
        return limit_by_length(file.info, settings.fingerprint_base_s, settings.fingerprint_rate)

    def do(self, file: File, folder: Path, on_progress: Progress | None) -> Taken:  # noqa: ARG002
        context = self._context
        return context.worker.call(
            child.fingerprint_file,
            readable_file(context.home, file.readable),
            limit_s=self.limit_s(file),
            on_progress=on_progress,
        )

    def write(self, connection: Connection, file: File, attempt: Attempt, value: Taken) -> None:  # noqa: ARG002
        row = StoredFingerprint(
            media=file.media,
            output=file.sha256,
            hashes=value.hashes,
            qualities=value.qualities,
            created=self._context.now(),
            kind=Kind.STILL if value.times_s is None else Kind.VIDEO,
            mirrors=value.mirrors,
            times_s=value.times_s,
        )
        fingerprints.put(connection, [row])
        self.taken += 1
