"""Copies what was cleaned and verified to a bucket of the operator's.

Reading, hashing and sending happen in the worker's child, which is ended at its limit and is given
addresses that are signed for these very bytes; what takes credentials happens here. Nothing of the
raw media leaves the house: neither what needs no cleaning by its profile, nor what lies aside.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.pipeline.context import Context, Progress, item_progress
from supervisor_core.pipeline.places import failed_from
from supervisor_core.pipeline.tasks import TaskReport, Tasks, Terms
from supervisor_core.pipeline.uncopied import task_of
from supervisor_core.pipeline.uploading import Uploading, require_cleaned_still
from supervisor_core.reasons import Class, Failed, Reason
from supervisor_core.remote.bucket_folder import BucketFolder, StoredObject
from supervisor_core.remote.destination import Destination
from supervisor_core.remote.fetch_order import Limits
from supervisor_core.remote.s3 import Storage
from supervisor_core.states import Cleaning, Work
from supervisor_core.store import copies, gate, work
from supervisor_core.store import media as media_table
from supervisor_core.store.attempts import Attempt, Step
from supervisor_core.store.copies import Copy
from supervisor_core.store.gate import Readable
from supervisor_core.store.work import Task

_LONGEST_WAIT_S = 3600.0
_ASKING_S = 900.0  # for all that is asked of the storage about one file
# What is not proven any more waits until it is; it is no lasting fault of the file.
_AGAIN = frozenset({Reason.CANCELLED, Reason.NOT_VERIFIED})


@dataclass(frozen=True)
class CopyReport(TaskReport):
    """What became of an intake's copies; `wanted` is False where no bucket is set.

    `unchanged` lay there before; `raw` were left out because nobody has cleaned them.
    """

    wanted: bool = True
    copied: int = 0
    size_bytes: int = 0
    unchanged: int = 0
    raw: int = 0


def copy_out(context: Context, intake: IntakeKey) -> CopyReport:
    """Copies what passed the gate; see `Pipeline.copy_out`."""
    destination = Destination.of(context.settings)
    if destination is None:
        return CopyReport(intake, wanted=False)
    step = _Copying(context, intake, destination)
    step.run()
    return step.report()


class _Copying:
    """One call of the step."""

    def __init__(self, context: Context, intake: IntakeKey, destination: Destination) -> None:
        self._context = context
        self._intake = intake
        self._destination = destination
        self._limits = Limits.of(context.settings)
        terms = Terms(context.settings.copy_tries, _LONGEST_WAIT_S, again=_AGAIN)
        self._tasks = Tasks(context, Step.COPY, intake, terms)
        self._task = task_of(destination)
        self._unchanged = self._copied = self._size_bytes = self._raw = 0

    def run(self) -> None:
        with self._context.store.read() as connection:
            files = gate.cleaned_of(connection, self._intake)
            members = media_table.of_intake(connection, self._intake)
        self._raw = sum(one.cleaning is Cleaning.NOT_REQUIRED for one in members)
        for index, file in enumerate(files):
            progress = item_progress(self._context.on_progress, index, len(files))
            limit_s = 2 * self._limits.total_s(None) + _ASKING_S
            claim = self._tasks.take(
                self._task, file.media, self._key(file), self._destination.bucket, limit_s
            )
            put = self._one(file, *claim, progress) if claim else None
            if put is not None and self._hold_back(put, files[index + 1 :]):
                return

    def report(self) -> CopyReport:
        """The counts so far."""
        tally = self._tasks.tally
        return tally.report(
            CopyReport,
            self._intake,
            copied=self._copied,
            size_bytes=self._size_bytes,
            unchanged=self._unchanged + tally.skipped,
            raw=self._raw,
        )

    def _hold_back(self, put: Task, rest: Sequence[Readable]) -> bool:
        """Has the rest wait for what is not one file's fault, and says whether it is so."""
        reason = put.reason
        if reason is None or (
            reason is not Reason.STORAGE_UNREACHABLE and reason.class_ is not Class.CONFIG
        ):
            return False
        keys: dict[MediaKey, str | None] = {file.media: self._key(file) for file in rest}
        state = Work.WAITING if put.not_before else Work.BLOCKED
        if put.not_before is None and state is not put.state:
            return True  # the last try failed: the next one begins with the next call
        self._tasks.hold_back(self._task, keys, state, reason, put.not_before)
        return True

    def _one(
        self, file: Readable, held: Task, attempt: Attempt, progress: Progress | None
    ) -> Task | None:
        started_s = time.monotonic()
        end: Work | Failed = Work.DONE
        try:
            self._copy(file, held, progress)
        except Failed as failed:
            end = failed
        except OSError as error:
            end = failed_from(error)
        except BaseException:
            self._end(file, held, attempt, Failed(Reason.CANCELLED))
            raise
        tried = replace(attempt, seconds=time.monotonic() - started_s)
        put = self._end(file, held, tried, end)
        if isinstance(end, Failed) and end.reason is Reason.CANCELLED:
            raise end
        return put

    def _copy(self, file: Readable, held: Task, progress: Progress | None) -> None:
        """Has the file lie there, writes that it does, and removes what it takes the place of."""
        key = self._destination.key(file.sha256, PurePosixPath(file.path).suffix[1:])
        stored, sent = self._uploading.place(file, key, progress)
        with self._context.store.write() as connection:
            work.require_ours(connection, held)
            copies.save(connection, [self._row(file, key, stored)])
        if sent:
            self._copied += 1
            self._size_bytes += stored.size_bytes
        else:
            self._unchanged += 1
        if self._context.settings.s3_write_delete_former:
            self._remove_former(file)

    def _remove_former(self, file: Readable) -> None:
        bucket = self._destination.bucket
        with self._context.store.read() as connection:
            former = copies.former(connection, file.media, bucket, file.sha256)
        for copy in former:
            self._folder.remove(copy.key)
            with self._context.store.write() as connection:
                copies.bury(connection, copy, self._context.now())

    def _row(self, file: Readable, key: str, stored: StoredObject) -> Copy:
        return Copy(
            media=file.media,
            output=file.sha256,
            bucket=self._destination.bucket,
            key=key,
            size_bytes=stored.size_bytes,
            checksum=stored.checksum or "",
            etag=stored.etag,
            version=stored.version,
            created=self._context.now(),
        )

    def _end(self, file: Readable, held: Task, attempt: Attempt, end: Work | Failed) -> Task | None:
        """Writes how it ended; None when another has taken it over meanwhile."""
        try:
            with self._context.store.write() as connection:
                return self._tasks.end(connection, held, attempt, end, self._key(file))
        except Failed as failed:
            if failed.reason is not Reason.LEASE_LOST:
                raise
            self._tasks.tally.busy += 1
            return None

    def _key(self, file: Readable) -> str:
        """What a copy rests on; `store.copies` reads it too."""
        return f"{file.sha256} {self._destination.place}"

    @cached_property
    def _folder(self) -> BucketFolder:
        folder = BucketFolder(Storage(self._context.settings), self._destination, self._limits)
        folder.sweep(self._context.now())
        return folder

    @cached_property
    def _uploading(self) -> Uploading:
        return Uploading(self._context, self._folder, require_cleaned_still(self._context))
