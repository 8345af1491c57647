"""Decides which intakes need another run: a pure function over what the store and the runs say.

What falls between: a request that was recorded but never became a run, a run that died, a store
that was locked or a disk that was full, an item whose cause has passed since, a run that waited in
vain for another one with the same content and so could not tell its checks. A permanent refusal
is an end and is never tried again. A run that somebody has stopped is followed too, so that nothing
is forgotten, but only after a wait in which that person can do as they please.

Runs that fail are followed after longer and longer waits, and in the end no more. One that has
succeeded is no reason to give up, and does not count against those that fail after it. For what is
new since then, the waits begin anew: else an intake that grows would wait longer for each part.
For what the run itself has left (blocked by a setting, say) they grow as well, but never end.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from supervisor_core.keys import IntakeKey

GRACE_S = 20.0
FIRST_WAIT_S = 30.0
CANCELLED_WAIT_S = 600.0
LONGEST_WAIT_S = 6 * 3600.0
MAX_ATTEMPTS = 24
SLOWEST = 12
"""From this attempt on every wait is the longest."""
REPAIRS = 20
RENEWALS = 5
CONSIDERED = 100


class Cause(StrEnum):
    """Why an intake is not at its end; earlier ones come first. NEW is what no run has come to."""

    UNFINISHED = "unfinished"
    RUN_FAILED = "run_failed"
    NEW = "new"
    CAUSE_PASSED = "cause_passed"
    OLD_CODE = "old_code"


_SOONEST = (Cause.CAUSE_PASSED, Cause.NEW, Cause.UNFINISHED, Cause.RUN_FAILED, Cause.OLD_CODE)


@dataclass(frozen=True)
class OpenIntake:
    """An intake with work left, and since when nothing has happened to it."""

    intake: IntakeKey
    cause: Cause
    since_s: float


@dataclass(frozen=True)
class LastRun:
    """The newest run of an intake; `attempt` counts the runs, anew where what came is new.

    `succeeded` says that it ended without an error, which need not mean that nothing is left;
    `gave_up` that it waited in vain for another run, `cancelled` that somebody stopped it.
    """

    run_id: str
    attempt: int
    active: bool
    ended_s: float
    succeeded: bool = False
    cancelled: bool = False
    gave_up: bool = False


@dataclass(frozen=True)
class Repair:
    """One run to request; the key says which run it follows, so it can be requested only once."""

    intake: IntakeKey
    cause: Cause
    attempt: int
    follows: str = ""

    @property
    def run_key(self) -> str:
        """Unique for this intake, attempt and predecessor."""
        return f"{self.intake}#{self.attempt}" + (f"@{self.follows}" if self.follows else "")


def plan_repairs(
    open_intakes: Iterable[OpenIntake],
    runs: Mapping[IntakeKey, LastRun],
    now_s: float,
    limit: int = REPAIRS,
) -> list[Repair]:
    """Chooses at most `limit` runs; what broke comes before what would merely be better.

    Of the latter (old code) there are only a few at once, so that a new version of the cleaning
    does not flood the queue with a whole library.
    """
    holding = [intake for intake in open_intakes if _holds(intake, runs.get(intake.intake))]
    first = {intake.intake: intake for intake in sorted(holding, key=_urgency, reverse=True)}
    urgent = sorted(first.values(), key=_urgency)
    found = (_repair(intake, runs.get(intake.intake), now_s) for intake in urgent)
    repairs = [repair for repair in found if repair is not None]
    broken = [repair for repair in repairs if repair.cause is not Cause.OLD_CODE]
    return (broken + [one for one in repairs if one not in broken][:RENEWALS])[:limit]


def by_intake(found: Iterable[tuple[IntakeKey, Cause]]) -> list[OpenIntake]:
    """One for each intake, with the cause that lets it go on soonest; they have no other age."""
    causes: dict[IntakeKey, Cause] = {}
    for intake, cause in found:
        causes[intake] = min(causes.get(intake, cause), cause, key=_SOONEST.index)
    return [OpenIntake(intake, cause, 0.0) for intake, cause in causes.items()]


def consider(
    open_intakes: Iterable[OpenIntake], after: str, limit: int = CONSIDERED
) -> tuple[list[OpenIntake], str]:
    """The intakes to look at this time, and where to go on next time.

    Each costs a question to Dagster, so a tick looks at a part and starts behind the last one.
    """
    ordered = sorted(open_intakes, key=lambda one: (one.intake <= after, one.intake))
    keys = list(dict.fromkeys(one.intake for one in ordered))[:limit]
    chosen = set(keys)
    return [one for one in ordered if one.intake in chosen], (keys[-1] if keys else "")


def wait_s(attempt: int, *, cancelled: bool = False) -> float:
    """How long to wait before an attempt: doubling from 30 s (10 min, if cancelled) to 6 h."""
    first_s = CANCELLED_WAIT_S if cancelled else FIRST_WAIT_S
    return float(min(first_s * 2 ** max(attempt - 2, 0), LONGEST_WAIT_S))


def _urgency(intake: OpenIntake) -> tuple[int, float]:
    return list(Cause).index(intake.cause), intake.since_s


def _holds(intake: OpenIntake, run: LastRun | None) -> bool:
    """False for a failed run that another one has followed meanwhile."""
    return intake.cause is not Cause.RUN_FAILED or bool(run and run.gave_up)


def _repair(intake: OpenIntake, run: LastRun | None, now_s: float) -> Repair | None:
    if run is None:
        waited = now_s - intake.since_s >= GRACE_S
        return Repair(intake.intake, intake.cause, 1) if waited else None
    if run.active or not _due(intake, run, now_s):
        return None
    return Repair(intake.intake, intake.cause, _attempt(intake, run), run.run_id[:8])


def _due(intake: OpenIntake, run: LastRun, now_s: float) -> bool:
    attempt = _attempt(intake, run)
    waited = now_s - run.ended_s >= wait_s(attempt, cancelled=run.cancelled)
    # Where the store itself says when (not_before), its growing waits are the limit.
    if intake.cause is Cause.CAUSE_PASSED:
        return waited or not run.cancelled
    return waited and attempt <= MAX_ATTEMPTS


def _attempt(intake: OpenIntake, run: LastRun) -> int:
    """Which attempt the next run is; better code is no news, and its renewals do have an end."""
    if not run.succeeded or intake.cause is Cause.OLD_CODE:
        return run.attempt + 1
    if intake.cause is Cause.NEW or intake.since_s > run.ended_s:
        return 1
    return min(run.attempt + 1, SLOWEST)
