"""Removes runs of long ago that nothing rests on any more.

Dagster keeps whether a partition is there in the events of the run that made it: `delete_run` takes
them along, and the partition would be missing again. So a run stays while it is the last word on
anything: the last that made, planned, observed or failed to make an asset's partition, the last
judgement of a check, the last run of a job for its partition, and what such a run is a retry of.

Dagster's `delete_run` leaves three things behind, which go here too: the run's own event database,
what it has printed, and its rows among the executions of checks.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import sqlalchemy as db
from dagster._core.events import DagsterEventType
from dagster._core.storage.compute_log_manager import ComputeLogManager
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG

_OVER = tuple(
    status.value
    for status in (
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.CANCELED,
    )
)
_WORDS = tuple(
    kind.value
    for kind in (
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        DagsterEventType.ASSET_OBSERVATION,
        DagsterEventType.ASSET_FAILED_TO_MATERIALIZE,
    )
)
_AT_ONCE = 25
_LOGS = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True)
class Removed:
    """How many runs went or would go, how many old ones stay, and how many wait for next time."""

    runs: int
    kept: int
    waiting: int
    seconds: float


def remove_old_runs(
    instance: dg.DagsterInstance, before_s: float, limit: int | None = None, *, dry_run: bool
) -> Removed:
    """Removes runs that ended before this moment (Unix): at most `limit`, the oldest first."""
    begun_s = time.monotonic()
    runs, events = instance.run_storage, instance.event_log_storage
    if not (isinstance(runs, SqlRunStorage) and isinstance(events, SqlEventLogStorage)):
        return Removed(0, 0, 0, 0.0)
    old = _ended_before(runs, before_s)
    needed = _last_words(runs, events)
    going = [run for run in old if run not in needed]
    chosen = going[:limit]
    if not dry_run:
        for start in range(0, len(chosen), _AT_ONCE):
            _remove(instance, events, chosen[start : start + _AT_ONCE])
        _sweep(events, runs, before_s, limit)
    seconds = time.monotonic() - begun_s
    return Removed(len(chosen), len(old) - len(going), len(going) - len(chosen), seconds)


def _ended_before(runs: SqlRunStorage, before_s: float) -> list[str]:
    """The runs that were over by then, the oldest first."""
    ended = db.func.coalesce(RunsTable.c.end_time, _unix(RunsTable.c.update_timestamp, runs))
    query = (
        db.select(RunsTable.c.run_id)
        .where(RunsTable.c.status.in_(_OVER), ended < before_s)
        .order_by(RunsTable.c.id)
    )
    with runs.connect() as connection:
        return [str(row[0]) for row in connection.execute(query)]


def _unix(column: "db.ColumnElement[object]", runs: SqlRunStorage) -> "db.ColumnElement[float]":
    """A moment as seconds; a run that was cancelled in the queue has no other end."""
    with runs.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        return db.cast(db.func.strftime("%s", column), db.Float)
    return db.cast(db.extract("epoch", column), db.Float)


def _last_words(runs: SqlRunStorage, events: SqlEventLogStorage) -> set[str]:
    """The runs on which something rests."""
    table, checks = SqlEventLogStorageTable, AssetCheckExecutionsTable
    said = (
        db.select(db.func.max(table.c.id))
        .where(table.c.asset_key.is_not(None), table.c.dagster_event_type.in_(_WORDS))
        .group_by(table.c.asset_key, table.c.dagster_event_type, table.c.partition)
    )
    judged = db.select(db.func.max(checks.c.id)).group_by(
        checks.c.asset_key, checks.c.check_name, checks.c.partition
    )
    last = db.select(db.func.max(RunsTable.c.id)).group_by(
        RunsTable.c.pipeline_name, RunsTable.c.partition
    )
    with events.index_connection() as connection:
        found = set(_runs(connection, db.select(table.c.run_id).where(table.c.id.in_(said))))
        found |= set(_runs(connection, db.select(checks.c.run_id).where(checks.c.id.in_(judged))))
    with runs.connect() as connection:
        found |= set(
            _runs(connection, db.select(RunsTable.c.run_id).where(RunsTable.c.id.in_(last)))
        )
        tags = db.select(RunTagsTable.c.run_id, RunTagsTable.c.value).where(
            RunTagsTable.c.key.in_((ROOT_RUN_ID_TAG, PARENT_RUN_ID_TAG))
        )
        pairs = connection.execute(tags).fetchall()
    return found | {str(former) for run, former in pairs if run in found}


def _runs(connection: db.Connection, query: "db.Select[tuple[str]]") -> Iterator[str]:
    return (str(row[0]) for row in connection.execute(query.distinct()))


def _remove(instance: dg.DagsterInstance, events: SqlEventLogStorage, gone: list[str]) -> None:
    """What `delete_run` does, but for the run's own database: to open one takes 50 ms each.

    Where runs have none of their own, it does it. Few runs go at once, so nobody waits for long.
    """
    checks = AssetCheckExecutionsTable
    sharded = isinstance(events, SqliteEventLogStorage)
    for run in gone:
        if sharded:
            instance.run_storage.delete_run(run)
            if events.supports_global_concurrency_limits:
                events.free_concurrency_slots_for_run(run)
        else:
            instance.delete_run(run)
    with events.index_connection() as connection:
        for run in gone:
            if sharded:
                events.delete_events_for_run(connection, run)
            connection.execute(checks.delete().where(checks.c.run_id == run))
    logs = instance.compute_log_manager
    for run in gone:
        if isinstance(logs, ComputeLogManager):
            logs.delete_logs(prefix=[run])
        _remove_shard(events, run)


def _remove_shard(events: SqlEventLogStorage, run: str) -> None:
    """The file of the run's own events, where each has one."""
    if isinstance(events, SqliteEventLogStorage):
        for log in _LOGS:
            Path(f"{events.path_for_shard(run)}{log}").unlink(missing_ok=True)


def _sweep(
    events: SqlEventLogStorage, runs: SqlRunStorage, before_s: float, limit: int | None
) -> None:
    """Removes event databases whose run is gone: a kill or a restored backup has left them."""
    if not isinstance(events, SqliteEventLogStorage):
        return
    folder = Path(events.path_for_shard(INDEX_SHARD_NAME)).parent
    shards = {path.stem: path for path in folder.glob("?*.db") if path.stem != INDEX_SHARD_NAME}
    with runs.connect() as connection:
        known = set(_runs(connection, db.select(RunsTable.c.run_id)))
    left = [run for run in shards.keys() - known if shards[run].stat().st_mtime < before_s]
    for run in left[:limit]:
        _remove_shard(events, run)
