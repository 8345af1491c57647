"""Runs of long ago go, and no partition forgets by that what it is."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from command import run
from dagster._core.storage.partition_status_cache import AssetPartitionStatus
from dagster._core.storage.runs.schema import RunsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG
from pipeline_parts import House

from supervisor_assets.instance import open_instance
from supervisor_assets.retention.runs import remove_old_runs
from supervisor_core.care.records import forget_records
from supervisor_core.store import requests
from supervisor_core.store.requests import Verb

DAY_S = 86_400.0
MADE, FAILED = AssetPartitionStatus.MATERIALIZED, AssetPartitionStatus.FAILED
parts = dg.DynamicPartitionsDefinition(name="intake")


class Word(dg.Config):
    fails: bool = False


@dg.asset(partitions_def=parts)
def film(context: dg.AssetExecutionContext, config: Word) -> None:
    print("something for the console")
    if config.fails:
        raise dg.Failure("no")


@dg.asset_check(asset=film, partitions_def=parts)
def good() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset
def bird() -> None: ...


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def instance(house: House) -> Iterator[dg.DagsterInstance]:
    with open_instance(house.home) as instance:
        instance.add_dynamic_partitions("intake", ["a", "b"])
        yield instance


def make(
    instance: dg.DagsterInstance, part: str | None, *, fails: bool = False, **tags: str
) -> str:
    ran = dg.materialize(
        [film, good] if part else [bird],
        instance=instance,
        partition_key=part,
        tags=tags,
        raise_on_error=False,
        run_config=dg.RunConfig({"film": Word(fails=fails)}) if part else None,
    )
    return ran.run_id


def age(instance: dg.DagsterInstance, *runs: str, days: float = 100) -> None:
    storage = instance.run_storage
    assert isinstance(storage, SqlRunStorage)
    ended = time.time() - days * DAY_S
    change = RunsTable.update().where(RunsTable.c.run_id.in_(runs)).values(end_time=ended)
    with storage.connect() as connection:
        connection.execute(change)


def left(instance: dg.DagsterInstance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


def status(instance: dg.DagsterInstance) -> dict[str, AssetPartitionStatus | None]:
    """As the pages show it, computed anew and not from what was remembered."""
    instance.event_log_storage.wipe_asset_cached_status(film.key)
    found = instance.get_status_by_partition(film.key, ["a", "b"], parts)
    return dict(found or {})


def remove(instance: dg.DagsterInstance, limit: int | None = None, *, dry: bool = False) -> int:
    return remove_old_runs(instance, time.time() - 30 * DAY_S, limit, dry_run=dry).runs


def test_what_was_made_stays_made_and_what_failed_stays_failed(
    house: House, instance: dg.DagsterInstance
) -> None:
    first, last = make(instance, "a"), make(instance, "a")
    made, again, failed = make(instance, "b"), make(instance, "b"), make(instance, "b", fails=True)
    flights = [make(instance, None) for _ in range(2)]
    age(instance, *left(instance))
    before = status(instance)
    assert before == {"a": MADE, "b": FAILED}
    checks = dg.AssetCheckKey(film.key, "good")
    shown = instance.event_log_storage.get_latest_asset_check_execution_by_key([checks])
    assert remove(instance, dry=True) == 3
    assert len(left(instance)) == 7
    assert remove(instance) == 3
    assert left(instance) == {last, again, failed, flights[-1]}
    assert status(instance) == before
    assert instance.get_materialized_partitions(film.key) == {"a", "b"}
    assert instance.get_latest_materialization_event(bird.key).run_id == flights[-1]  # type: ignore[union-attr]
    assert instance.event_log_storage.get_latest_asset_check_execution_by_key([checks]) == shown
    # Nothing of them is left on the disk, and of the others everything.
    for run_id in (first, made, *flights[:-1]):
        assert not list(house.home.dagster.rglob(f"{run_id}*"))
    assert instance.all_logs(last)
    assert remove(instance) == 0


def test_delete_run_alone_would_have_made_a_partition_missing(
    instance: dg.DagsterInstance,
) -> None:
    """Why runs are chosen at all: should Dagster change this one day, we may be bolder."""
    instance.delete_run(make(instance, "a"))
    assert status(instance)["a"] is None


@pytest.mark.campaign
def test_what_is_young_unfinished_or_tried_again_stays(instance: dg.DagsterInstance) -> None:
    root = make(instance, "a", fails=True)
    middle = make(instance, "a", **{ROOT_RUN_ID_TAG: root, PARENT_RUN_ID_TAG: root})
    old, young = make(instance, "b"), make(instance, "b")
    last = make(instance, "b")
    waiting = instance.create_run_for_job(
        dg.define_asset_job("one", [bird]).resolve(
            asset_graph=dg.Definitions([bird]).resolve_asset_graph()
        )
    ).run_id
    age(instance, root, middle, old, last, waiting)
    assert remove(instance) == 1
    assert left(instance) == {root, middle, young, last, waiting}


@pytest.mark.campaign
def test_a_tick_takes_so_many_and_the_oldest_first(instance: dg.DagsterInstance) -> None:
    flights = [make(instance, None) for _ in range(4)]
    age(instance, *flights)
    assert remove(instance, 2) == 2
    assert left(instance) == set(flights[2:])
    assert [remove(instance, 2) for _ in range(2)] == [1, 0]


@pytest.mark.campaign
def test_events_of_runs_that_are_gone_are_swept(house: House, instance: dg.DagsterInstance) -> None:
    flights = [make(instance, None) for _ in range(2)]
    folder = house.home.dagster / "history" / "runs"
    names = {path.name for path in folder.iterdir()}
    instance.run_storage.delete_run(flights[0])
    remove(instance)
    assert {path.name for path in folder.iterdir()} == names
    long_ago = time.time() - 100 * DAY_S
    os.utime(folder / f"{flights[0]}.db", (long_ago, long_ago))
    remove(instance)
    assert {flights[0], flights[1]} - {path.stem for path in folder.glob("*.db")} == {flights[0]}
    assert instance.all_logs(flights[1])


@pytest.mark.campaign
def test_the_command_counts_and_then_removes(house: House, instance: dg.DagsterInstance) -> None:
    flights = [make(instance, None) for _ in range(3)]
    age(instance, *flights)
    counted = run("prune", "--runs", "--json", home=house.home.root)
    assert (counted.json["runs"], counted.json["kept"], counted.json["applied"]) == (2, 1, False)
    assert left(instance) == set(flights)
    assert run("prune", "--runs", "--apply", home=house.home.root).code == 0
    assert left(instance) == {flights[-1]}
    assert run("prune", "--runs", "--records", home=house.home.root).code == 2


# Rows of our own store


def days_from_now(house: House, days: float) -> None:
    """The disk knows the machine's time, so the clock is turned from there."""
    house.clock.time = datetime.fromtimestamp(time.time() + days * DAY_S, UTC)


def test_records_of_long_ago_go_and_the_last_word_stays(tmp_path: Path) -> None:
    house = House(tmp_path, changes={"trash_kept_days": 10.0})
    old = house.home.trash / "old"
    old.mkdir()
    (old / "one").write_text("x")
    with house.store.write() as connection:
        for number in range(3):
            requests.ask(connection, Verb.RETRY, str(number), "cli", house.store.now())
        connection.execute("UPDATE request SET state = 'done' WHERE subject <> '0'")
        for number in range(2):
            connection.execute(
                "INSERT INTO scan_results SELECT ?, 'x', ?, ?, 0, 0, 0, 0, 0, 0, 0, NULL",
                [str(number), house.store.now(), house.store.now()],
            )
            connection.execute(
                "INSERT INTO import_log BY NAME SELECT 'x' AS source, 'f' AS fingerprint,"
                " 'new' AS event, ?::TIMESTAMPTZ AS happened",
                [house.store.now()],
            )
            connection.execute(
                "INSERT INTO consistency_look VALUES (?, ?, 0, 0, 0, 0, 1)",
                [str(number), house.store.now()],
            )
            connection.execute(
                "INSERT INTO consistency_log VALUES (?, 'f', 's', NULL)", [str(number)]
            )
    assert sum(vars(house.pipeline.do(forget_records, dry_run=False)).values()) == 0
    house.clock.time = house.clock.time.fromtimestamp(
        time.time() + 100 * DAY_S, house.clock.time.tzinfo
    )
    counted = house.pipeline.do(forget_records, dry_run=True)
    assert vars(counted) == {"requests": 2, "scans": 1, "events": 1, "looks": 1, "trash": 1}
    assert (old / "one").exists()
    assert house.pipeline.do(forget_records, dry_run=False) == counted
    assert not old.exists()
    with house.store.read() as connection:
        tables = ("request", "scan_results", "import_log", "consistency_look", "consistency_log")
        counts = [connection.execute(f"SELECT count(*) FROM {one}").fetchone() for one in tables]
    assert counts == [(1,)] * 5


def test_trash_stays_for_ever_unless_somebody_says_so(house: House) -> None:
    (house.home.trash / "one").write_text("x")
    house.clock.time = house.clock.time.fromtimestamp(
        time.time() + 9_999 * DAY_S, house.clock.time.tzinfo
    )
    assert house.pipeline.do(forget_records, dry_run=False).trash == 0
    assert (house.home.trash / "one").exists()
