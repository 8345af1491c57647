"""How the runs of a backfill stand: each counts once, however often it was tried.

A run whose process died is followed by another that carries the same backfill; so is one that a
person starts again meanwhile. Only the last of them says how the intake stands.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import dagster as dg
from dagster._core.storage.tags import BACKFILL_ID_TAG, PARENT_RUN_ID_TAG, WILL_RETRY_TAG

_GROUPS = {
    "waiting": (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.QUEUED),
    "running": (
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ),
    "succeeded": (dg.DagsterRunStatus.SUCCESS,),
    "failed": (dg.DagsterRunStatus.FAILURE,),
    "cancelled": (dg.DagsterRunStatus.CANCELED,),
}
_ENDED = ("succeeded", "failed", "cancelled")
_LATE = 50
_AT_ONCE = 1000  # values in one query


@dataclass(frozen=True)
class Tally:
    """How many runs stand how, and when the last ones ended, in seconds since the epoch."""

    runs: Mapping[str, int]
    last_ends_s: Sequence[float] = ()

    @property
    def ended(self) -> int:
        """How many runs are at their end."""
        return sum(self.runs[name] for name in _ENDED)


def tally(instance: dg.DagsterInstance, backfill: str, *, over: bool) -> Tally:
    """Counts the runs; while the backfill is not over, what Dagster will try again still waits."""
    followed = {one.run_id: one for one in _followed(instance, backfill)}
    failed = [] if over else _tried_again(instance, backfill)
    again = {one.run_id: one for one in failed if one.run_id not in followed}
    former = followed | again
    runs = {}
    for name, states in _GROUPS.items():
        count = instance.get_runs_count(_of(backfill, states))
        runs[name] = count - sum(one.status in states for one in former.values())
    runs["waiting"] += len(again)
    return Tally(runs, _last_ends(instance, backfill, former.keys()))


def _tried_again(instance: dg.DagsterInstance, backfill: str) -> list[dg.DagsterRun]:
    """Runs that failed and will be followed by another, which is not there yet."""
    found = instance.get_runs(_of(backfill, _GROUPS["failed"], **{WILL_RETRY_TAG: "true"}))
    return [one for one in found if one.is_complete_and_waiting_to_retry]


def _followed(instance: dg.DagsterInstance, backfill: str) -> Iterator[dg.DagsterRun]:
    """Runs that another one of the same backfill has followed; few, since few processes die."""
    parents = sorted({one for _, ids in instance.get_run_tags([PARENT_RUN_ID_TAG]) for one in ids})
    for first in range(0, len(parents), _AT_ONCE):
        some = parents[first : first + _AT_ONCE]
        later = instance.get_runs(_of(backfill, (), **{PARENT_RUN_ID_TAG: some}))
        if ids := {one.parent_run_id for one in later if one.parent_run_id}:
            yield from instance.get_runs(dg.RunsFilter(run_ids=sorted(ids)))


def _last_ends(instance: dg.DagsterInstance, backfill: str, without: Set[str]) -> list[float]:
    states = [one for name in _ENDED for one in _GROUPS[name]]
    records = instance.get_run_records(
        _of(backfill, states), limit=_LATE + len(without), order_by="end_time"
    )
    return [
        one.end_time for one in records if one.end_time and one.dagster_run.run_id not in without
    ][:_LATE]


def _of(
    backfill: str, states: Sequence[dg.DagsterRunStatus], **tags: str | Sequence[str]
) -> dg.RunsFilter:
    return dg.RunsFilter(tags={BACKFILL_ID_TAG: backfill, **tags}, statuses=list(states))
