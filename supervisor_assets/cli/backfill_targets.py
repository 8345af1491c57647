"""Which intakes a backfill makes again, and which backfills under way have the same ones.

Two that make the same again would make it twice, and their runs would wait for each other's items
until some of them give up.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.execution.backfill import (
    BulkActionsFilter,
    BulkActionStatus,
    PartitionBackfill,
)

from supervisor_assets.jobs import ASSETS_OF
from supervisor_core.reasons import Failed
from supervisor_core.redo import Redo


@dataclass(frozen=True)
class Beside:
    """A backfill under way that makes the same assets of some of the same intakes.

    `same` says that it does so for the same reason.
    """

    id: str
    intakes: int
    same: bool


def beside(
    instance: dg.DagsterInstance, redo: Redo, wanted: Mapping[str, Sequence[str]]
) -> list[Beside]:
    """The backfills under way, whoever has launched them, that have some of these already."""
    under_way = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])
    found = []
    for one in instance.get_backfills(filters=under_way):
        theirs = targets(instance, one)
        shared = {
            key for asset, keys in wanted.items() for key in theirs.get(asset, set()) & {*keys}
        }
        if shared:
            found.append(Beside(one.backfill_id, len(shared), _redo_of(one) == redo))
    return found


def targets(instance: dg.DagsterInstance, backfill: PartitionBackfill) -> Mapping[str, set[str]]:
    """The intakes that a backfill makes of each asset, or of its job where that is none of ours."""
    if not backfill.is_asset_backfill:
        job = backfill.job_name or ""
        assets = [one.to_user_string() for one in ASSETS_OF.get(job, ())] or [job]
        return {asset: set(backfill.partition_names or ()) for asset in assets}
    data = backfill.asset_backfill_data
    subsets = data.target_subset.partitions_subsets_by_asset_key if data else {}
    with partition_loading_context(dynamic_partitions_store=instance):
        return {
            asset.to_user_string(): set(subset.get_partition_keys())
            for asset, subset in subsets.items()
        }


def _redo_of(backfill: PartitionBackfill) -> Redo | None:
    """What it makes again; None for tags that nobody understands."""
    with suppress(Failed):
        return Redo.of_tags(backfill.tags or {})
    return None
