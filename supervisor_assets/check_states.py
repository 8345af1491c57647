"""The states of a check in all intakes, in a time that grows with their number and no faster.

Dagster asks its database for each partition by itself whether it still exists, and copies all that
it has gathered for each further one: with thousands of intakes every page with checks waits for it.
Here all are asked for at once and gathered once. What comes out is the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from typing import Any, TypeAlias

import dagster as dg
from dagster._core.asset_graph_view.serializable_entity_subset import SerializableEntitySubset
from dagster._core.storage import asset_check_state
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus,
    AssetCheckExecutionResolvedStatus,
    AssetCheckPartitionInfo,
)
from dagster._core.storage.dagster_run import FINISHED_STATUSES, DagsterRunStatus

Subset: TypeAlias = SerializableEntitySubset[dg.AssetCheckKey]
Subsets: TypeAlias = Mapping[AssetCheckExecutionResolvedStatus, Subset]
Runs: TypeAlias = Mapping[str, Subset]
Partitions: TypeAlias = dg.PartitionsDefinition[Any] | None

_RECORDS, _RUNS = "_process_partition_records", "_resolve_in_progress_subsets"
_PLANNED = AssetCheckExecutionRecordStatus.PLANNED
_IN_PROGRESS = AssetCheckExecutionResolvedStatus.IN_PROGRESS
DAGSTERS = dict(vars(asset_check_state))
"""What Dagster itself does, by name."""


def gather_records(
    key: dg.AssetCheckKey,
    partitions_def: Partitions,
    subsets: Subsets,
    in_progress_runs: Runs,
    partition_infos: Sequence[AssetCheckPartitionInfo],
) -> tuple[Subsets, Runs]:
    """The partitions of each state, and of each run that has yet to judge some."""
    if not isinstance(partitions_def, dg.DynamicPartitionsDefinition):
        found: tuple[Subsets, Runs] = DAGSTERS[_RECORDS](
            key, partitions_def, subsets, in_progress_runs, partition_infos
        )
        return found
    states, runs, outdated = _sorted(_existing(partitions_def, partition_infos))

    def subset(names: Iterable[str]) -> Subset:
        return SerializableEntitySubset.from_coercible_value(key, list(names), partitions_def)

    gone, nothing = subset(outdated), subset(())
    return (
        {
            state: known.compute_difference(gone).compute_union(subset(states[state]))
            for state, known in subsets.items()
        },
        {
            **in_progress_runs,
            **{
                run: in_progress_runs.get(run, nothing).compute_union(subset(names))
                for run, names in runs.items()
            },
        },
    )


def _existing(
    partitions_def: dg.DynamicPartitionsDefinition, infos: Sequence[AssetCheckPartitionInfo]
) -> Iterable[tuple[str, AssetCheckPartitionInfo]]:
    named = [(info.partition_key, info) for info in infos if info.partition_key is not None]
    names = partitions_def.filter_valid_partition_keys({name for name, _ in named})
    return [(name, info) for name, info in named if name in names]


def _sorted(
    infos: Iterable[tuple[str, AssetCheckPartitionInfo]],
) -> tuple[Mapping[AssetCheckExecutionResolvedStatus, set[str]], Mapping[str, set[str]], set[str]]:
    states: dict[AssetCheckExecutionResolvedStatus, set[str]] = defaultdict(set)
    runs: dict[str, set[str]] = defaultdict(set)
    outdated: set[str] = set()
    for name, info in infos:
        if info.latest_execution_status is _PLANNED:
            states[_IN_PROGRESS].add(name)
            runs[info.latest_planned_run_id].add(name)
        elif info.is_current:
            states[AssetCheckExecutionResolvedStatus[info.latest_execution_status.name]].add(name)
        else:
            outdated.add(name)
    return states, runs, outdated


def gather_runs(
    key: dg.AssetCheckKey,
    partitions_def: Partitions,
    in_progress_runs: Runs,
    run_statuses: Mapping[str, DagsterRunStatus],
) -> tuple[Subset, Subset, set[str]]:
    """What runs that ended did not judge, what those that failed did not, and all these runs."""
    if not isinstance(partitions_def, dg.DynamicPartitionsDefinition):
        found: tuple[Subset, Subset, set[str]] = DAGSTERS[_RUNS](
            key, partitions_def, in_progress_runs, run_statuses
        )
        return found
    skipped: set[str] = set()
    failed: set[str] = set()
    ended = {
        run
        for run, status in run_statuses.items()
        if status in FINISHED_STATUSES and run in in_progress_runs
    }
    for run in ended:
        names = failed if run_statuses[run] is DagsterRunStatus.FAILURE else skipped
        names.update(in_progress_runs[run].subset_value.get_partition_keys())
    both = [
        SerializableEntitySubset.from_coercible_value(key, list(names), partitions_def)
        for names in (skipped, failed)
    ]
    return both[0], both[1], ended


def gather_at_once() -> None:
    """Has Dagster's pages use these, as long as Dagster still asks for them in the same way."""
    for name, ours in ((_RECORDS, gather_records), (_RUNS, gather_runs)):
        known = DAGSTERS.get(name)
        if known and list(signature(known).parameters) == list(signature(ours).parameters):
            vars(asset_check_state)[name] = ours
