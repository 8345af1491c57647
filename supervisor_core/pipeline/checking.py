"""Reads every readable file as a whole and writes whether it is what it should be.

That a file is broken is a result, not a failure: the attempt is done, and the row says why. What
may pass (a disk that stumbles, a decoder that hangs) is tried again first; what stays so is written
as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from supervisor_core.enrichment import child
from supervisor_core.keys import IntakeKey, MediaKey
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
from supervisor_core.reasons import Class, Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Connection, integrity
from supervisor_core.store.attempts import Attempt, Step
from supervisor_core.store.integrity import VERSION, Integrity
from supervisor_core.store.unlooked import key_of

TASK = f"integrity/{VERSION}"
BROKEN_AGAIN = timedelta(days=1)


@dataclass(frozen=True)
class IntegrityReport(TaskReport):
    """What became of an intake's files in this call; `unchanged` were known to be right.

    `checked` were read in this call, `broken` are those of all that are not right, by reason.
    """

    files: int = 0
    checked: int = 0
    unchanged: int = 0
    broken: Mapping[Reason, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Soundness:
    """How many of an intake's readable files are right, broken (by reason) or not read yet."""

    files: int
    right: int
    broken: Mapping[Reason, int]

    @property
    def unknown(self) -> int:
        """Those that nobody has read yet."""
        return self.files - self.right - sum(self.broken.values())


def check_integrity(context: Context, intake: IntakeKey) -> IntegrityReport:
    """Reads what was not read yet, or too long ago; see `Pipeline.check_integrity`."""
    files = files_of(context, intake)
    known = _known(context, files)
    now = context.now()
    due = [one for one in files if is_due(known.get(one.media), one.sha256, context.settings, now)]
    doing = _Checking(context, known)
    tally = work_through(context, intake, due, doing)
    report = tally.report(
        IntegrityReport,
        intake,
        files=len(files),
        checked=doing.checked,
        unchanged=len(files) - len(due) + tally.skipped,
    )
    return replace(report, broken=soundness(context, intake).broken)


def soundness(context: Context, intake: IntakeKey) -> Soundness:
    """How the intake's readable files stood when they were last read."""
    files = files_of(context, intake)
    found = _known(context, files)
    current = [
        known for one in files if (known := found.get(one.media)) and known.output == one.sha256
    ]
    broken: dict[Reason, int] = {}
    for known in current:
        if known.code is not None:
            broken[known.code] = broken.get(known.code, 0) + 1
    return Soundness(len(files), sum(known.ok for known in current), broken)


def is_due(known: Integrity | None, sha256: str, settings: Settings, now: datetime) -> bool:
    """True for a file that this version has not read yet, or so long ago that it may have rotted.

    One that was not right is read again a day later: somebody may have put it right.
    """
    if known is None or (known.output, known.version) != (sha256, VERSION):
        return True
    if not known.ok:
        return now - known.checked >= BROKEN_AGAIN
    return 0 < settings.integrity_days * 86400 <= (now - known.checked).total_seconds()


def _may_pass(reason: Reason) -> bool:
    """True for what says nothing yet about the file. One that was written since it came in will
    not become what it was.
    """
    if reason is Reason.FILE_CHANGED:
        return False
    return reason.class_ in (Class.TRANSIENT, Class.BUG) or reason is Reason.DEPENDENCY_MISSING


def _known(context: Context, files: Sequence[File]) -> dict[MediaKey, Integrity]:
    with context.store.read() as connection:
        return integrity.of(connection, [one.media for one in files])


class _Checking(Doing[int | Reason]):
    """A number of frames that decoded, or why the file is not right."""

    step = Step.INTEGRITY
    task = TASK

    def __init__(self, context: Context, known: Mapping[MediaKey, Integrity]) -> None:
        self.checked = 0
        self.terms = Terms(context.settings.integrity_tries, LONGEST_WAIT_S, again=AGAIN)
        self._context = context
        self._known = known

    def key(self, file: File) -> str:
        known = self._known.get(file.media)
        return key_of(file.sha256, known.checked if known else None)

    def limit_s(self, file: File) -> float:
        settings = self._context.settings
        hashing_s = settings.import_s_per_gb * file.info.size_bytes / 1e9
        length_s = limit_by_length(file.info, settings.integrity_base_s, settings.integrity_rate)
        return hashing_s + length_s

    def do(self, file: File, folder: Path, on_progress: Progress | None) -> int | Reason:  # noqa: ARG002
        context = self._context
        try:
            return context.worker.call(
                child.check_file,
                readable_file(context.home, file.readable),
                file.sha256,
                limit_s=self.limit_s(file),
                on_progress=on_progress,
            )
        except Failed as failed:
            if _may_pass(failed.reason):
                raise
            return failed.reason

    def write(
        self, connection: Connection, file: File, attempt: Attempt, value: int | Reason
    ) -> None:
        code = value if isinstance(value, Reason) else None
        frames = None if isinstance(value, Reason) else value
        self._put(connection, file, attempt, code, frames)
        self.checked += 1

    def given_up(
        self, connection: Connection, file: File, attempt: Attempt, reason: Reason
    ) -> None:
        self._put(connection, file, attempt, reason, None)

    def _put(
        self,
        connection: Connection,
        file: File,
        attempt: Attempt,
        code: Reason | None,
        frames: int | None,
    ) -> None:
        now, took_s = self._context.now(), attempt.seconds or 0.0
        row = Integrity(file.media, file.sha256, now, code, frames, took_s)
        integrity.put(connection, [row])
