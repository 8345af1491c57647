"""The states of checks: the same as Dagster works out itself, without asking once an intake."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.storage import asset_check_state
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus,
    AssetCheckExecutionResolvedStatus,
    AssetCheckPartitionInfo,
)
from dagster._core.storage.asset_check_state import AssetCheckState
from dagster._core.storage.dagster_run import DagsterRunStatus
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supervisor_assets import instance as _turns_the_knobs  # noqa: F401
from supervisor_assets.check_states import DAGSTERS, gather_at_once, gather_records, gather_runs
from supervisor_assets.partitions import intake
from supervisor_assets.videos.checks import DECODABLE

KEY = DECODABLE.key
KNOBS = ("_process_partition_records", "_resolve_in_progress_subsets")
NAMES = [f"20260101_{number:010d}" for number in range(6)]
RUNS = ["first", "second", "third"]
STATUSES = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.STARTED]
INFOS = st.builds(
    AssetCheckPartitionInfo,
    check_key=st.just(KEY),
    partition_key=st.sampled_from([*NAMES, "deleted", None]),
    latest_execution_status=st.sampled_from(AssetCheckExecutionRecordStatus),
    latest_planned_run_id=st.sampled_from(RUNS),
    latest_check_event_storage_id=st.integers(1, 9),
    latest_materialization_storage_id=st.sampled_from([None, 1, 2]),
    latest_target_materialization_storage_id=st.sampled_from([None, 1, 2]),
)
LOOKS = st.tuples(
    st.lists(INFOS, unique_by=lambda info: info.partition_key),
    st.dictionaries(st.sampled_from(RUNS), st.sampled_from(STATUSES)),
)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with (
        dg.DagsterInstance.local_temp(str(tmp_path)) as opened,
        dg.partition_loading_context(dynamic_partitions_store=opened),
    ):
        opened.add_dynamic_partitions("intake", NAMES)
        yield opened


def judge(instance: dg.DagsterInstance, name: str, passed: bool) -> None:
    instance.report_runless_asset_event(
        dg.AssetMaterialization(KEY.asset_key, partition=name, metadata={})
    )
    made = instance.fetch_materializations(KEY.asset_key, limit=1).records[0]
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            check_name=KEY.name,
            asset_key=KEY.asset_key,
            passed=passed,
            metadata={},
            partition=name,
            target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
                storage_id=made.storage_id, run_id=made.run_id, timestamp=made.timestamp
            ),
        )
    )


def states(instance: dg.DagsterInstance) -> AssetCheckState:
    return instance.event_log_storage.get_asset_check_state([(KEY, intake)])[KEY]


def named(state: AssetCheckState) -> dict[AssetCheckExecutionResolvedStatus, set[str]]:
    return {
        status: set(subset.subset_value.get_partition_keys())
        for status, subset in state.subsets.items()
    }


def dagsters_own(patch: pytest.MonkeyPatch) -> None:
    for name in KNOBS:
        patch.setattr(asset_check_state, name, DAGSTERS[name])


def test_the_pages_use_it() -> None:
    found = [vars(asset_check_state)[name] for name in KNOBS]
    assert found == [gather_records, gather_runs]


def test_dagster_is_left_alone_when_it_asks_in_another_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dagsters_own(monkeypatch)
    monkeypatch.setitem(DAGSTERS, KNOBS[0], lambda key, records: (key, records))
    gather_at_once()
    assert vars(asset_check_state)[KNOBS[0]] is not gather_records
    assert vars(asset_check_state)[KNOBS[1]] is gather_runs


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(LOOKS, min_size=1, max_size=3), st.sampled_from([intake, None]))
def test_the_states_are_those_that_dagster_works_out(
    instance: dg.DagsterInstance,
    looks: list[tuple[list[AssetCheckPartitionInfo], dict[str, DagsterRunStatus]]],
    partitions_def: dg.DynamicPartitionsDefinition | None,
) -> None:
    found = []
    for own in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if own:
                dagsters_own(patch)
            state = AssetCheckState.empty()
            for infos, runs in looks:
                state = state.with_updates(KEY, partitions_def, infos, runs)
            found.append(state)
    assert found[0] == found[1]


def test_what_passed_failed_was_made_anew_or_deleted_is_told_apart(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed, failed, anew, deleted = NAMES[:4]
    for name in (passed, failed, anew, deleted):
        judge(instance, name, name != failed)
    instance.report_runless_asset_event(dg.AssetMaterialization(KEY.asset_key, partition=anew))
    instance.delete_dynamic_partition("intake", deleted)
    ours = states(instance)
    assert named(ours)[AssetCheckExecutionResolvedStatus.SUCCEEDED] == {passed}
    assert named(ours)[AssetCheckExecutionResolvedStatus.FAILED] == {failed}
    dagsters_own(monkeypatch)
    assert states(instance) == ours


def test_more_intakes_ask_the_database_no_more_often(instance: dg.DagsterInstance) -> None:
    asked: list[str] = []

    def count(*heard: object) -> None:
        asked.append(str(heard[2]))

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        counts = []
        for name in NAMES:
            judge(instance, name, True)
            asked.clear()
            assert len(named(states(instance))[AssetCheckExecutionResolvedStatus.SUCCEEDED])
            counts.append(len(asked))
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)
    assert len(set(counts)) == 1
