"""From what was counted to the values of the metrics."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from supervisor_core.canary.outcome import Health
from supervisor_core.metrics import catalogue as names
from supervisor_core.metrics.catalogue import Metric
from supervisor_core.metrics.counted import LIMITS_S, MOST_SESSIONS, Counted, OpenSession
from supervisor_core.model.breaker import Phase
from supervisor_core.reasons import Reason
from supervisor_core.states import (
    Arrival,
    Cleaning,
    Recording,
    Review,
    Verification,
    Work,
)
from supervisor_core.store.attempts import Outcome, Step
from supervisor_core.store.published import Published
from supervisor_core.store.publishing import Taken
from supervisor_core.store.rates import Measured, Unit

AXES = {
    "arrival": Arrival,
    "cleaning": Cleaning,
    "verification": Verification,
    "review": Review,
    "work": Work,
    "recording": Recording,
}
KINDS = ("analysis", "enrichment", "copy", "upscales", "release")
QUEUES = ("import", "cleaning", "requests", "recordings")
OTHER = "other"
_TIMEOUTS = (Reason.TIMEOUT, Reason.VERIFICATION_TIMEOUT)
_REASONS = frozenset(Reason)


@dataclass(frozen=True)
class Sample:
    """One value of one metric; of a histogram the buckets as well, each for itself."""

    metric: Metric
    labels: tuple[str, ...]
    value: float
    buckets: tuple[float, ...] = ()


@dataclass(frozen=True)
class PartState:
    """How a part of `up` is; `silent_s` is how long ago it said so."""

    running: bool
    ends: int
    silent_s: float | None


class Copying(Protocol):
    """How publishing goes in this process."""

    copies: int

    @property
    def failures(self) -> Mapping[Reason, int]:
        """How often it failed for which reason."""

    @property
    def last(self) -> Taken | None:
        """What the last copy cost."""


def of_store(counted: Counted, now: datetime) -> Iterator[Sample]:
    """All that the published copy tells."""
    yield from _tries(counted)
    yield from _standing(counted, now)
    shown = counted.sessions[:MOST_SESSIONS]
    yield Sample(names.SESSIONS_LEFT_OUT, (), len(counted.sessions) - len(shown))
    for session in shown:
        yield from _session(session, now)
    for reason, (number, seconds) in counted.gaps.items():
        yield Sample(names.GAPS, (_reason(reason),), number)
        yield Sample(names.GAP_SECONDS, (_reason(reason),), seconds)
    for model, phase in counted.breakers.items():
        for one in Phase:
            yield Sample(names.BREAKER, (model, one), one is phase)
    yield from _canary(counted, now)
    yield Sample(names.UNSENT, ("waiting",), counted.unsent.waiting)
    yield Sample(names.UNSENT, ("given_up",), counted.unsent.given_up)
    yield Sample(names.UNSENT_AGE, (), _age_s(counted.unsent.oldest, now))
    for figure in counted.figures:
        yield from _figure(figure)


def _tries(counted: Counted) -> Iterator[Sample]:
    """What is not there yet is there with 0: else its first rise could not be seen."""
    for step in Step:
        yield Sample(names.ATTEMPTS, (step, Outcome.DONE, ""), 0)
        yield Sample(names.TIMEOUTS, (step,), 0)
        yield Sample(names.DURATION, (step,), 0, (0.0,) * (len(LIMITS_S) + 1))
    for level in (Cleaning.ROI_MASK, Cleaning.RAW_ASIDE):
        yield Sample(names.FALLBACKS, (level,), 0)
    for tries in counted.tries:
        reason = _reason(tries.reason)
        yield Sample(names.ATTEMPTS, (tries.step, tries.outcome, reason), tries.count)
        if reason in _TIMEOUTS:
            yield Sample(names.TIMEOUTS, (tries.step,), tries.count)
        if tries.level == Cleaning.ROI_MASK and tries.outcome == Outcome.DONE:
            yield Sample(names.FALLBACKS, (Cleaning.ROI_MASK,), tries.count)
        if tries.bucket is not None:
            buckets = [0.0] * (len(LIMITS_S) + 1)
            buckets[tries.bucket] = tries.count
            yield Sample(names.DURATION, (tries.step,), tries.seconds, tuple(buckets))
    yield Sample(names.FALLBACKS, (Cleaning.RAW_ASIDE,), counted.set_aside)


def _standing(counted: Counted, now: datetime) -> Iterator[Sample]:
    for axis, states in AXES.items():
        for state in states:
            yield Sample(names.ITEMS, (axis, state), counted.items.get((axis, state), 0))
    for kind in KINDS:
        for state in Work:
            yield Sample(names.TASKS, (kind, state), 0)
    for (word, task_state), number in counted.tasks.items():
        yield Sample(names.TASKS, (_kind(word), task_state), number)
    found: dict[tuple[str, str], float] = {(queue, "waiting"): 0.0 for queue in QUEUES}
    found |= {(kind, how): 0.0 for kind in KINDS for how in ("waiting", "blocked")}
    for (queue, how), since in counted.oldest.items():
        place = (queue if queue in QUEUES else _kind(queue), how)
        found[place] = max(found.get(place, 0.0), _age_s(since, now))
    for place, age_s in found.items():
        yield Sample(names.OLDEST, place, age_s)


def _session(session: OpenSession, now: datetime) -> Iterator[Sample]:
    label = (session.intake,)
    yield Sample(names.LAG, label, _age_s(session.quiet_since, now))
    yield Sample(names.PATIENCE, label, session.limit_s)
    yield Sample(names.MISSING, label, session.missing_s)
    if session.state is Recording.RUNNING:
        yield Sample(names.BEAT, label, _age_s(session.beat, now))


def _canary(counted: Counted, now: datetime) -> Iterator[Sample]:
    if counted.flight is None:
        return
    yield Sample(names.CANARY_AGE, (), _age_s(counted.flight.started, now))
    yield Sample(names.CANARY_SECONDS, (), counted.flight.seconds)
    for health in Health:
        yield Sample(names.CANARY_HEALTH, (health,), health == counted.flight.health)


def _figure(found: Measured) -> Iterator[Sample]:
    name = (found.figure.name,)
    yield Sample(names.FIGURE_CASES, name, found.whole)
    yield Sample(names.FIGURE_MINIMUM, name, found.minimum)
    yield Sample(names.FIGURE_WINDOW, name, found.window_s)
    if found.figure.unit is Unit.SECONDS:
        limit = names.SECONDS_UPPER
        yield Sample(names.FIGURE_SECONDS, name, found.value or 0.0)
    else:
        share = names.SHARE_LOWER if found.figure.more_is_better else names.SHARE_UPPER
        limit = share if found.figure.unit is Unit.SHARE else names.COUNT_UPPER
        yield Sample(names.FIGURE_HITS, name, found.part or 0)
    yield Sample(limit, (*name, "warn"), found.warn)
    yield Sample(limit, (*name, "error"), found.error)


def of_copy(found: Published | None, now_s: float, *, readable: bool) -> Iterator[Sample]:
    """How the copy itself is."""
    yield Sample(names.COPY_READABLE, (), readable)
    if found is not None:
        yield Sample(names.COPY_AGE, (), found.age_s(now_s))
        yield Sample(names.COPY_SIZE, (), found.size_bytes)


def of_copying(copying: Copying) -> Iterator[Sample]:
    """How publishing goes."""
    yield Sample(names.COPIES, (), copying.copies)
    for reason in (Reason.STORE_BUSY, Reason.DISK_FULL):
        yield Sample(names.COPY_FAILURES, (reason,), 0)
    for reason, number in list(copying.failures.items()):
        yield Sample(names.COPY_FAILURES, (reason,), number)
    if copying.last is not None:
        yield Sample(names.COPY_LOCK, (), copying.last.held_s)


def of_parts(parts: Mapping[str, PartState]) -> Iterator[Sample]:
    """How the parts of `up` are."""
    for name, part in parts.items():
        yield Sample(names.PART_RUNNING, (name,), part.running)
        yield Sample(names.PART_ENDS, (name,), part.ends)
        if part.silent_s is not None:
            yield Sample(names.PART_BEAT, (name,), part.silent_s)


def of_disk(folder: Path) -> Iterable[Sample]:
    """The disk of the home, unless it is gone."""
    try:
        space = os.statvfs(folder)
    except OSError:
        return
    yield Sample(names.DISK_FREE, (), space.f_bavail * space.f_frsize)
    yield Sample(names.DISK_USED, (), (space.f_blocks - space.f_bfree) * space.f_frsize)


def _age_s(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since is not None else 0.0


def _kind(word: str) -> str:
    return word if word in KINDS else OTHER


def _reason(code: str) -> str:
    """One of ours, whatever an older or newer store holds."""
    return code if code in _REASONS or not code else OTHER
