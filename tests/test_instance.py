"""Dagster's home: written once, left alone where an operator changed it, safe to make together."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.instance.config import PoolGranularity
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from supervisor_assets import instance as module
from supervisor_assets.definitions import defs
from supervisor_assets.instance import (
    BACKFILL_LOOP_S,
    RUN_LOG_LEVEL,
    SENSOR_LOOP_S,
    PromptScheduler,
    forget_idle_ticks,
    open_instance,
    prepare_dagster_home,
)
from supervisor_assets.pools import make_places, places
from supervisor_core.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.create(tmp_path / "home")


def test_the_instance_runs_one_intake_a_core_and_reports_to_nobody(home: Home) -> None:
    with open_instance(home) as instance:
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs > sum(places(os.cpu_count() or 2).values()) - 1
        granularity = instance.get_concurrency_config().pool_config.pool_granularity
        assert granularity is PoolGranularity.RUN
        assert instance.run_coordinator.dequeue_interval_seconds == 1
        assert isinstance(instance.scheduler, PromptScheduler)
        assert instance.run_retries_enabled
        assert not instance.get_settings("run_retries")["retry_on_asset_or_op_failure"]
        assert instance.get_tick_retention_settings is not None
    assert (home.dagster / "history").is_dir()


def test_a_copy_of_ours_is_brought_up_to_date(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    target = prepare_dagster_home(home) / "dagster.yaml"
    monkeypatch.setattr(module, "_shipped", lambda: "telemetry:\n  enabled: false\n")
    before = target.read_text("utf-8")
    prepare_dagster_home(home)
    assert target.read_text("utf-8") != before


def test_each_kind_of_run_has_its_places_and_people_may_change_them(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.os, "cpu_count", lambda: 17)
    with open_instance(home) as instance:
        storage = instance.event_log_storage
        found = {limit.name: limit.limit for limit in storage.get_pool_limits()}
        assert found == {pool.value: count for pool, count in places(17).items()}
        assert (found["cleaning"], found["ollama"]) == (17, 16)
        storage.set_concurrency_slots("cleaning", 3)
        make_places(instance, 17)
        assert {one.limit for one in storage.get_pool_limits() if one.name == "cleaning"} == {3}


def test_every_step_of_every_asset_names_its_pool() -> None:
    repository = defs().get_repository_def()
    steps = [node for one in repository.get_all_jobs() for node in one.all_node_defs]
    bare = {step.name for step in steps if isinstance(step, dg.OpDefinition) and not step.pool}
    checks = {"analyses_evidence", "analyses_service_level", "bucket_copies_copied", "proof"}
    checks |= {"recordings_no_stuck_segment", "recorded", "rates", "leftovers"}
    checks |= {
        "released_files_exported",
        "enrichment_levels",
        "fingerprints_compared",
        "integrity_decodes",
    }
    checks |= {"cleaned_frames_consistent", "canary_backed_up"}
    assert bare == checks  # which only read


def test_a_copy_that_was_changed_by_hand_stays(home: Home) -> None:
    target = prepare_dagster_home(home) / "dagster.yaml"
    changed = target.read_text("utf-8").replace("max_concurrent_runs: ", "max_concurrent_runs: 1")
    target.write_text(changed, "utf-8")
    prepare_dagster_home(home)
    assert target.read_text("utf-8") == changed


@pytest.mark.campaign
def test_several_processes_may_prepare_one_home_at_once(home: Home) -> None:
    script = (
        "import sys; from pathlib import Path; from supervisor_core.home import Home\n"
        "from supervisor_assets.instance import open_instance\n"
        "with open_instance(Home(Path(sys.argv[1]))) as instance: instance.get_runs_count()"
    )
    together = [
        subprocess.Popen([sys.executable, "-W", "ignore", "-c", script, str(home.root)])
        for _ in range(3)
    ]
    assert [process.wait(120) for process in together] == [0, 0, 0]


def test_only_a_process_with_a_sensor_daemon_is_made_prompt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    daemon = ModuleType("dagster._daemon.sensor")
    daemon.MIN_INTERVAL_LOOP_TIME = 5  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, daemon.__name__, daemon)
    PromptScheduler()
    assert daemon.MIN_INTERVAL_LOOP_TIME == SENSOR_LOOP_S
    monkeypatch.delitem(sys.modules, daemon.__name__)
    PromptScheduler()
    assert daemon.__name__ not in sys.modules


def test_the_knob_that_is_turned_exists_in_this_version_of_dagster() -> None:
    from dagster._daemon import controller, sensor

    assert sensor.MIN_INTERVAL_LOOP_TIME > 0
    assert controller.DEFAULT_DAEMON_INTERVAL_SECONDS > 0


def test_a_backfill_does_not_wait_half_a_minute_for_its_first_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    daemon = ModuleType("dagster._daemon.controller")
    daemon.DEFAULT_DAEMON_INTERVAL_SECONDS = 30  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, daemon.__name__, daemon)
    PromptScheduler()
    assert daemon.DEFAULT_DAEMON_INTERVAL_SECONDS == BACKFILL_LOOP_S


def test_only_old_ticks_that_had_nothing_to_do_are_forgotten(home: Home) -> None:
    with open_instance(home) as instance:
        origin = _origin()
        instance.add_instigator_state(
            InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE, None)
        )
        for second, status in enumerate(
            [TickStatus.SKIPPED, TickStatus.SUCCESS, TickStatus.STARTED, TickStatus.SKIPPED]
        ):
            instance.create_tick(
                TickData(
                    instigator_origin_id=origin.get_id(),
                    instigator_name="uploads",
                    instigator_type=InstigatorType.SENSOR,
                    status=status,
                    timestamp=100.0 + second,
                    run_ids=[],
                    selector_id=origin.get_selector().get_id(),
                )
            )
        forget_idle_ticks(instance, before_s=103.0)
        left = instance.get_ticks(origin.get_id(), origin.get_selector().get_id())
    assert sorted((tick.timestamp, tick.status) for tick in left) == [
        (101.0, TickStatus.SUCCESS),
        (102.0, TickStatus.STARTED),
        (103.0, TickStatus.SKIPPED),
    ]


def _origin() -> RemoteInstigatorOrigin:
    location = ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(module_name="supervisor_assets.definitions"), "supervisor"
    )
    repository = RemoteRepositoryOrigin(location, "__repository__")
    return RemoteInstigatorOrigin(repository, "uploads")


FAILS = """
import dagster as dg
import supervisor_assets.instance


@dg.op
def breaks(context):
    context.log.info("on the way")
    raise ValueError


@dg.job
def broken():
    breaks()


broken.execute_in_process(raise_on_error=False)
"""


@pytest.mark.campaign
@pytest.mark.parametrize("level", ["", "WARNING"])
def test_a_run_prints_what_the_variable_asks_for(level: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != RUN_LOG_LEVEL}
    script = [sys.executable, "-W", "ignore", "-c", FAILS]
    asked = {RUN_LOG_LEVEL: level} if level else {}
    ran = subprocess.run(
        script, cwd=tmp_path, env=environment | asked, capture_output=True, text=True, check=True
    )
    assert ("DEBUG" in ran.stderr, "on the way" in ran.stderr) == (not level, not level)
    assert "STEP_FAILURE" in ran.stderr
