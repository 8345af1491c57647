"""The sensor of alerts over real events: of checks and runs that fail and then pass again."""

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from alert_house import defs
from alert_receivers import Webhook, webhook
from daemon import daemon, wait_for
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from rehearsal import House as Rehearsal

from resources import NotifierResource
from sensors.alerts import alerts
from supervisor_assets.failures import REASON_TAG
from supervisor_assets.instance import open_instance
from supervisor_assets.requests import PARTITION_TAG
from supervisor_core.home import Home
from supervisor_core.store import alerts as table

INTAKE = "20260504_ABCDEFGH23"


@dg.op
def breaks(context: dg.OpExecutionContext) -> None:
    if reason := context.run.tags.get("breaks"):
        context.instance.add_run_tags(context.run.run_id, {REASON_TAG: reason})
        raise dg.Failure("it breaks")


@dg.job
def work() -> None:
    breaks()


class House:
    """A home that a webhook is told of, and whatever Dagster knows of it."""

    def __init__(self, home: Home, instance: dg.DagsterInstance) -> None:
        self.home, self.instance = home, instance
        self.repository: Any = None

    def tick(self) -> str:
        context = dg.build_sensor_context(
            instance=self.instance,
            repository_def=self.repository,
            resources={"notifier": NotifierResource(home=str(self.home.root))},
        )
        skipped = alerts(context)
        assert isinstance(skipped, dg.SkipReason)
        return skipped.skip_message or ""

    def check(self, passed: bool, partition: str | None = None, **facts: Any) -> None:
        report(self.instance, passed, partition, **facts)

    def run(self, reason: str = "", partition: str = INTAKE) -> None:
        tags = {"breaks": reason, PARTITION_TAG: partition}
        work.execute_in_process(instance=self.instance, tags=tags, raise_on_error=False)


def report(
    instance: dg.DagsterInstance, passed: bool, partition: str | None = None, **facts: Any
) -> None:
    """An evaluation as a sensor reports it; `facts` are metadata, or its severity."""
    severity = facts.pop("severity", dg.AssetCheckSeverity.ERROR)
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("films"),
            check_name="whole",
            passed=passed,
            severity=severity,
            partition=partition,
            metadata=facts,
        )
    )


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with webhook() as hook:
        monkeypatch.setenv("SUPERVISOR_ALERT_WEBHOOK_URL", hook.url)
        monkeypatch.setenv("SUPERVISOR_ALERT_HOSTS", "127.0.0.1")
        monkeypatch.setenv("SUPERVISOR_ALERT_GATHER_S", "0")
        yield hook


@pytest.fixture
def house(tmp_path: Path, hook: Webhook) -> Iterator[House]:
    with dg.DagsterInstance.ephemeral() as instance:
        house = House(Home.create(tmp_path / "home"), instance)
        house.tick()
        yield house


def test_a_check_that_fails_is_told_once_and_so_is_that_it_passes(
    house: House, hook: Webhook
) -> None:
    house.check(False, percent=12.5, names="Erika Mustermann")
    house.tick()
    house.check(False)
    house.tick()
    house.check(True)
    house.tick()
    house.tick()
    first, last = hook.received
    assert first["causes"][0]["check"] == "whole"
    assert first["causes"][0]["figures"] == {"percent": 12.5}
    assert (last["causes"][0]["state"], last["passing"]) == ("passing", 1)
    assert "Erika" not in str(hook.received)


def test_two_hundred_intakes_are_one_message_with_a_count(house: House, hook: Webhook) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    for number in range(200):
        key = f"20260504_AAAAAAAA{alphabet[number // 32]}{alphabet[number % 32]}"
        house.check(False, key)
    house.check(False, "Erika Mustermann")
    house.tick()
    (message,) = hook.received
    assert (len(message["causes"]), message["causes"][0]["intakes"]) == (1, 201)
    assert "Erika" not in str(message)


def test_runs_that_fail_are_told_with_their_reason_and_pass_when_the_same_intake_does(
    house: House, hook: Webhook
) -> None:
    house.run("DISK_FULL")
    house.run("ITEM_BUSY")  # another run has it: it goes on by itself
    house.tick()
    (message,) = hook.received
    (cause,) = message["causes"]
    assert (cause["job"], cause["cause"], cause["first_intakes"]) == ("work", "DISK_FULL", [INTAKE])
    assert cause["next_step"]
    house.run(partition="20260504_BBBBBBBBBB")
    house.tick()
    assert len(hook.received) == 1
    house.run()
    house.tick()
    assert hook.received[-1]["passing"] == 1


def test_a_failure_and_its_end_between_two_looks_are_not_told(house: House, hook: Webhook) -> None:
    house.run("DISK_FULL")
    house.run()
    house.check(False)
    house.check(True)
    house.tick()
    assert hook.received == []


def test_a_canary_that_stays_away_is_told_once_it_had_time_to_come_back(
    house: House, hook: Webhook
) -> None:
    def turn(old: FreshnessState, new: FreshnessState) -> None:
        house.instance._report_runless_asset_event(
            FreshnessStateChange(
                key=dg.AssetKey("canary"),
                previous_state=old,
                new_state=new,
                state_change_timestamp=time.time(),
            )
        )

    turn(FreshnessState.PASS, FreshnessState.FAIL)
    house.tick()
    with Rehearsal(house.home, house.instance).store.read() as connection:
        assert [one.key for one in table.causes(connection)] == [("fresh:canary", "STALE")]
    assert hook.received == []
    turn(FreshnessState.FAIL, FreshnessState.PASS)
    house.tick()
    with Rehearsal(house.home, house.instance).store.read() as connection:
        assert table.causes(connection) == []


def test_warnings_are_silent_where_only_errors_are_wanted(
    house: House, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPERVISOR_ALERT_LEVEL", "error")
    house.check(False, severity=dg.AssetCheckSeverity.WARN)
    house.tick()
    assert hook.received == []
    house.check(False)
    house.tick()
    assert hook.received[0]["causes"][0]["cause"] == "ERROR"


def test_a_check_that_was_removed_is_not_told_for_ever(house: House, hook: Webhook) -> None:
    house.check(False)
    house.tick()
    house.repository = dg.Definitions(assets=[dg.AssetSpec("films")]).get_repository_def()
    house.check(False)
    house.tick()
    with Rehearsal(house.home, house.instance).store.read() as connection:
        assert table.causes(connection) == []
    assert len(hook.received) == 1


def test_an_evaluation_that_was_planned_long_before_others_is_not_passed_over(
    house: House, hook: Webhook
) -> None:
    """Its execution has a lower number than those that ended while its run still went on."""
    seen = []

    @dg.asset
    def films() -> None: ...

    @dg.asset_check(asset=films)
    def whole(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        house.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey("other"), check_name="quick", passed=False, metadata={}
            )
        )
        house.tick()
        seen.extend(hook.received)
        return dg.AssetCheckResult(passed=False)

    dg.materialize([films, whole], instance=house.instance)
    house.tick()
    checks = [one["causes"][0]["check"] for one in hook.received]
    assert [one["causes"][0]["check"] for one in seen] == ["quick"]
    assert checks == ["quick", "whole"]


def test_another_database_of_dagster_is_read_from_its_beginning(
    tmp_path: Path, hook: Webhook
) -> None:
    home = Home.create(tmp_path / "home")
    with dg.DagsterInstance.ephemeral() as old:
        house = House(home, old)
        for _ in range(5):
            house.check(True)
        house.tick()
        house.check(True)
        house.tick()
    with dg.DagsterInstance.ephemeral() as new:
        house = House(home, new)
        house.check(False)
        house.tick()
    assert len(hook.received) == 1


def test_what_failed_long_before_the_first_look_is_not_told(tmp_path: Path, hook: Webhook) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        house = House(Home.create(tmp_path / "home"), instance)
        house.check(False)
        with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
            raw = connection.connection.dbapi_connection
            assert isinstance(raw, sqlite3.Connection)
            raw.execute("UPDATE event_logs SET event = replace(event, ?, '1.5')", [stamp(raw)])
        house.tick()
        assert hook.received == []


def stamp(raw: sqlite3.Connection) -> str:
    """The moment of the one event, as it is written there."""
    (event,) = raw.execute("SELECT event FROM event_logs").fetchone()
    return str(json.loads(event)["timestamp"])


@pytest.mark.campaign
def test_a_real_daemon_tells_once_over_a_restart_and_what_happened_meanwhile(
    tmp_path: Path, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.create(tmp_path / "home")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    assert defs.get_repository_def().sensor_defs
    with open_instance(home) as instance:
        report(instance, False)
        with daemon(home, module="alert_house"):
            wait_for(lambda: hook.received or None, 60)
            report(instance, False)
        report(instance, True)
        with daemon(home, module="alert_house"):
            wait_for(lambda: len(hook.received) > 1 or None, 60)
    assert [one["subject"] for one in hook.received] == [
        "Supervisor: 1 fails", "Supervisor: 1 passes again",
    ]  # fmt: skip
