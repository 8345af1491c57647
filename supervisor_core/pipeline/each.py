"""Work on the readable files of an intake one by one, each in hand, with its own limit and tries.

The gate is asked again in the transaction that writes a result: what may no longer be read, or is
another file by now, leaves nothing behind.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.media.info import MediaInfo
from supervisor_core.pipeline.context import Context, Progress, item_progress
from supervisor_core.pipeline.places import attempt_folder, failed_from, remove_folder
from supervisor_core.pipeline.rules import Profiles
from supervisor_core.pipeline.tasks import Tally, Tasks, Terms
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Work
from supervisor_core.store import Connection, gate
from supervisor_core.store import media as media_table
from supervisor_core.store.arrivals import find_intake
from supervisor_core.store.attempts import Attempt, Step
from supervisor_core.store.gate import Readable
from supervisor_core.store.work import Task, require_ours

LONGEST_WAIT_S = 600.0
# What is not proven any more waits until it is; it is no lasting fault of the file.
AGAIN = frozenset({Reason.CANCELLED, Reason.NOT_VERIFIED})
_SLACK_S = 120.0

T = TypeVar("T")


@dataclass(frozen=True)
class File:
    """A file that may be read, and what is known of its media."""

    readable: Readable
    info: MediaInfo

    @property
    def media(self) -> MediaKey:
        """Its media."""
        return self.readable.media

    @property
    def sha256(self) -> str:
        """The hash that it should have."""
        return self.readable.sha256


class Doing(ABC, Generic[T]):
    """What is done with each file, and how its result is written."""

    step: Step
    task: str
    terms: Terms

    @abstractmethod
    def key(self, file: File) -> str:
        """What a result rests on: an ended task is open again when it is another."""

    @abstractmethod
    def limit_s(self, file: File) -> float:
        """The limit of one attempt."""

    @abstractmethod
    def do(self, file: File, folder: Path, on_progress: Progress | None) -> T:
        """The work itself, outside of any transaction; `folder` is made by whoever needs it."""

    @abstractmethod
    def write(self, connection: Connection, file: File, attempt: Attempt, value: T) -> None:
        """Writes a result."""

    def given_up(
        self, connection: Connection, file: File, attempt: Attempt, reason: Reason
    ) -> None:
        """Writes what there is to say of a file that nobody will try again by itself."""

    def befalls_all(self, reason: Reason) -> bool:  # noqa: ARG002
        """True for a cause that the other files would meet as well: they wait with it."""
        return False


def files_of(context: Context, intake: IntakeKey) -> list[File]:
    """The files of an intake that may be read, if its profile asks for fingerprints.

    Raises `Failed(UNKNOWN_PROFILE)`.
    """
    with context.store.read() as connection:
        header = find_intake(connection, intake)
    if header is None or not Profiles(context.profiles_folder()).named(header.profile).looked_at:
        return []
    with context.store.read() as connection:
        readable = gate.readable_of(connection, intake)
        known = media_table.load(connection, [one.media for one in readable])
    return [File(one, known[one.media].info) for one in readable]


def work_through(
    context: Context, intake: IntakeKey, files: Sequence[File], doing: Doing[T]
) -> Tally:
    """Does it with every file whose task is open and due, and counts how the tasks stand."""
    return _Through(context, intake, doing).run(files)


class _Through(Generic[T]):
    def __init__(self, context: Context, intake: IntakeKey, doing: Doing[T]) -> None:
        self._context = context
        self._doing = doing
        self._tasks = Tasks(context, doing.step, intake, doing.terms)

    def run(self, files: Sequence[File]) -> Tally:
        doing = self._doing
        for index, file in enumerate(files):
            progress = item_progress(self._context.on_progress, index, len(files))
            longest_s = doing.limit_s(file) + _SLACK_S
            claim = self._tasks.take(doing.task, file.media, doing.key(file), "", longest_s)
            put = self._one(file, *claim, progress) if claim else None
            if put and put.reason and doing.befalls_all(put.reason):
                self._hold_back(put, files[index + 1 :])
                break
        return self._tasks.tally

    def _hold_back(self, put: Task, rest: Sequence[File]) -> None:
        keys: dict[MediaKey, str | None] = {one.media: self._doing.key(one) for one in rest}
        reason = put.reason or Reason.INTERNAL_ERROR
        state = Work.WAITING if put.not_before else Work.BLOCKED
        self._tasks.hold_back(put.task, keys, state, reason, put.not_before)

    def _one(
        self, file: File, held: Task, attempt: Attempt, progress: Progress | None
    ) -> Task | None:
        started_s = time.monotonic()
        folder = attempt_folder(self._context.home, attempt.id)
        value: T | Failed
        try:
            value = self._doing.do(file, folder, progress)
        except Failed as failed:
            value = failed
        except OSError as error:
            value = failed_from(error)
        except BaseException as error:
            # What nobody has foreseen would happen again: it is not queued anew.
            ours = isinstance(error, Exception)
            reason = Reason.INTERNAL_ERROR if ours else Reason.CANCELLED
            self._end(file, held, attempt, Failed(reason), folder)
            raise
        tried = replace(attempt, seconds=time.monotonic() - started_s)
        put = self._end(file, held, tried, value, folder)
        if isinstance(value, Failed) and value.reason is Reason.CANCELLED:
            raise value
        return put

    def _end(
        self, file: File, held: Task, attempt: Attempt, value: T | Failed, folder: Path
    ) -> Task | None:
        """Writes how it ended; None when another has taken it over meanwhile."""
        try:
            with self._context.store.write() as connection:
                end = self._result(connection, file, held, attempt, value)
                put = self._tasks.end(connection, held, attempt, end, self._doing.key(file))
                if put.reason and put.state in (Work.ERROR, Work.DEAD):
                    self._doing.given_up(connection, file, attempt, put.reason)
                return put
        except Failed as failed:
            if failed.reason is not Reason.LEASE_LOST:
                raise
            self._tasks.tally.busy += 1
            return None
        finally:
            remove_folder(folder)

    def _result(
        self,
        connection: Connection,
        file: File,
        held: Task,
        attempt: Attempt,
        value: T | Failed,
    ) -> Work | Failed:
        try:
            now = gate.require_verified(connection, file.media)
        except Failed as failed:
            return failed
        if now.sha256 != file.sha256:
            return Failed(Reason.NOT_VERIFIED)
        if isinstance(value, Failed):
            return value
        require_ours(connection, held)
        self._doing.write(connection, file, attempt, value)
        return Work.DONE


def limit_by_length(info: MediaInfo, base_s: float, rate: float) -> float:
    """A base, and a rate for each second of media at 1280x720; larger pictures get more."""
    shown_s = max(info.seconds or 0.0, (info.frames or 1) / 25)
    return base_s + rate * shown_s * max(1.0, info.width * info.height / (1280 * 720))
