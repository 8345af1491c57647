"""Puts out what a person has let out, and takes away what is let out no more.

row      says that a file may lie there, before it can
stage    copied or sent while it is hashed; other bytes than the released ones end it
ask      the store once more: what was taken back meanwhile is not put out
finish   the file has its name, and its row says so if it is let out still

Taking away is not tried again so and so often, but until it has succeeded.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

from supervisor_core.faults import fault
from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.pipeline.context import Context, Progress, item_progress
from supervisor_core.pipeline.places import failed_from
from supervisor_core.pipeline.release_names import name_of, start_of
from supervisor_core.pipeline.release_places import Place, Put, place_named, place_of
from supervisor_core.pipeline.tasks import TaskReport, Tasks, Terms
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.fetch_order import Limits
from supervisor_core.states import Work
from supervisor_core.store import exports, reviews, work
from supervisor_core.store.attempts import Attempt, Step
from supervisor_core.store.exports import AWAY, OUT, Export, Member
from supervisor_core.store.gate import Readable
from supervisor_core.store.work import Task

_ASKING_S = 900.0
_LONGEST_WAIT_S = 3600.0
_SOON_S = 60.0
_FOR_EVER = 1_000_000_000
_BAD = (Work.ERROR, Work.DEAD)
_AGAIN = frozenset({Reason.CANCELLED, Reason.NOT_VERIFIED, Reason.NOT_RELEASED})


@dataclass(frozen=True)
class ReleaseReport(TaskReport):
    """What became of an intake's released files; `released` are let out at the end of this call.

    `unchanged` lay there before; of `taken_away` none lies there any more.
    """

    released: int = 0
    put_out: int = 0
    size_bytes: int = 0
    unchanged: int = 0
    taken_away: int = 0


def put_out(context: Context, intake: IntakeKey) -> ReleaseReport:
    """Has just those files of an intake lie outside that are let out.

    Raises `Failed(BAD_CONFIGURATION)` where no place may be used.
    """
    step = _Releasing(context, intake)
    step.take_away()
    step.put_out()
    step.take_away()  # what was taken back while it was put out
    return step.report()


@dataclass(frozen=True)
class _Wanted:
    """A released file, and the row that says where it lies or is to."""

    file: Readable
    row: Export


class _Releasing:
    """One call of the step."""

    def __init__(self, context: Context, intake: IntakeKey) -> None:
        self._context, self._intake = context, intake
        self._limits = Limits.of(context.settings)
        again = Terms(context.settings.copy_tries, _LONGEST_WAIT_S, again=_AGAIN)
        self._out = Tasks(context, Step.RELEASE, intake, again)
        self._away = Tasks(context, Step.TAKE_AWAY, intake, Terms(_FOR_EVER, _SOON_S))
        self._put: list[Put] = []
        self._tried: list[Export] = []
        self._lay_there = self._taken = 0

    def take_away(self) -> None:
        """Takes away what of this intake lies anywhere and is let out no more."""
        with self._context.store.read() as connection:
            lying = exports.lying(connection, self._intake)
            found = exports.unreleased(connection, lying)
        going = [row for row in found if row not in self._tried]
        self._tried += going
        self._reopen(AWAY, [row.media for row in going])
        for row in going:
            key = f"{row.output} {row.place} {row.name}"
            claim = self._take_hand(self._away, AWAY, row, key)
            if claim:
                self._try(self._away, *claim, key, partial(self._take, row))

    def put_out(self) -> None:
        """Puts out what is let out and does not lie in the place that is set."""
        place = place_of(self._context)
        wanted = self._wanted(place)
        self._reopen(OUT, [one.row.media for one in wanted], only=Work.DONE)
        for index, one in enumerate(wanted):
            progress = item_progress(self._context.on_progress, index, len(wanted))
            key = f"{one.row.output} {one.row.place}"
            claim = self._take_hand(self._out, OUT, one.row, key)
            if claim:
                lay = partial(self._lay, place, one, progress)
                self._try(self._out, *claim, key, lay)

    def report(self) -> ReleaseReport:
        """What has come of both."""
        out, away = self._out.tally, self._away.tally
        with self._context.store.read() as connection:
            released = reviews.released_of(connection, self._intake)
        sent = [one for one in self._put if one.sent]
        waiting = Counter(out.reasons(Work.WAITING, Work.QUEUED))
        return ReleaseReport(
            intake=self._intake,
            busy=out.busy + away.busy,
            blocked=Counter(out.reasons(Work.BLOCKED)) + Counter(away.reasons(Work.BLOCKED)),
            waiting=waiting + Counter(away.reasons(Work.WAITING, Work.QUEUED)),
            failed=Counter(out.reasons(*_BAD)) + Counter(away.reasons(*_BAD)),
            released=len(released),
            put_out=len(sent),
            size_bytes=sum(one.size_bytes for one in sent),
            unchanged=self._lay_there + len(self._put) - len(sent),
            taken_away=self._taken,
        )

    def _wanted(self, place: Place) -> list[_Wanted]:
        """What is to be put there; not before what its media had there formerly is gone."""
        with self._context.store.read() as connection:
            members = exports.members(connection, self._intake)
            files = {
                one.media: one
                for one in reviews.released(connection, [member.media for member in members])
            }
            lying = exports.lying(connection, self._intake)
            former = {one.media for one in exports.unreleased(connection, lying)}
        rows = {(one.media, one.output): one for one in lying if one.place == place.text}
        free = [one for one in members if one.media in files and one.media not in former]
        wanted = []
        there = _there(place, free) if rows else set()
        for member in free:
            file = files[member.media]
            row = rows.get((file.media, file.sha256)) or self._row(member, file, place)
            if row.created and (there is None or row.name in there):
                self._lay_there += 1
            else:
                wanted.append(_Wanted(file, replace(row, created=None)))
        return wanted

    def _row(self, member: Member, file: Readable, place: Place) -> Export:
        name = name_of(member, PurePosixPath(file.path).suffix[1:])
        size_bytes = file.size_bytes or 0
        return Export(
            file.media, file.sha256, place.text, place.named(name), self._intake, size_bytes
        )

    def _reopen(self, task: str, media: Iterable[MediaKey], only: Work | None = None) -> None:
        """Has tasks begin anew that have come to their end: there is something to do again."""
        wanted = list(media)
        if not wanted:
            return
        now = self._context.now()
        with self._context.store.write() as connection:
            ended = [one for one in work.load(connection, task, wanted).values() if one.ended]
            again = [one.reopened() for one in ended if only in (None, one.state)]
            work.save(connection, again, now)

    def _take_hand(
        self, tasks: Tasks, task: str, row: Export, key: str
    ) -> tuple[Task, Attempt] | None:
        limit_s = 2 * self._limits.total_s(row.size_bytes or None) + _ASKING_S
        return tasks.take(task, row.media, key, row.place.partition(":")[0], limit_s)

    def _lay(self, place: Place, one: _Wanted, progress: Progress | None, held: Task) -> None:
        row = one.row
        with self._context.store.write() as connection:
            work.require_ours(connection, held)
            exports.save(connection, [row])
        fault("release.intended")
        put = place.put(one.file, row.name, partial(self._ask, row), progress)
        fault("release.placed")
        with self._context.store.write() as connection:
            work.require_ours(connection, held)
            reviews.require_released(connection, row.media, row.output)
            now = self._context.now()
            there = replace(
                row, size_bytes=put.size_bytes, checksum=put.checksum, created=now, gone=None
            )
            exports.save(connection, [there])
        self._put.append(put)

    def _ask(self, row: Export) -> None:
        with self._context.store.read() as connection:
            reviews.require_released(connection, row.media, row.output)

    def _take(self, row: Export, held: Task) -> None:
        place_named(self._context, row.place).take(row)
        fault("release.taken")
        with self._context.store.write() as connection:
            work.require_ours(connection, held)
            exports.bury(connection, row, self._context.now())
        self._taken += 1

    def _try(
        self, tasks: Tasks, held: Task, attempt: Attempt, key: str, do: Callable[[Task], None]
    ) -> None:
        started_s = time.monotonic()
        end: Work | Failed = Work.DONE
        try:
            do(held)
        except Failed as failed:
            end = failed
        except OSError as error:
            end = failed_from(error)
        except BaseException:
            self._end(tasks, held, attempt, Failed(Reason.CANCELLED), key)
            raise
        tried = replace(attempt, seconds=time.monotonic() - started_s)
        self._end(tasks, held, tried, end, key)
        if isinstance(end, Failed) and end.reason is Reason.CANCELLED:
            raise end

    def _end(
        self, tasks: Tasks, held: Task, attempt: Attempt, end: Work | Failed, key: str
    ) -> None:
        """Writes how it ended, unless another has taken it over meanwhile."""
        try:
            with self._context.store.write() as connection:
                tasks.end(connection, held, attempt, end, key)
        except Failed as failed:
            if failed.reason is not Reason.LEASE_LOST:
                raise
            tasks.tally.busy += 1


def _there(place: Place, members: Iterable[Member]) -> set[str] | None:
    """The names that lie there of these; None where nobody can say now: then the rows say it."""
    found: set[str] = set()
    try:
        for folder, start in sorted({start_of(one.source, one.intake) for one in members}):
            found.update(place.names(place.named(folder), start))
    except (Failed, OSError):
        return None
    return found
