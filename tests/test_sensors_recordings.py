"""The sensors for live streams, stuck segments and the library, over real stores and streams."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test
from hls_server import GROUP, Live, counting
from proxy_server import Proxy
from session_parts import QUICK, STREAM, Studio, configure
from storage_parts import free_port

from resources import StoreResource
from sensors.live_streams import live_streams_of
from sensors.stuck_segments import stuck_segments
from supervisor_assets.requests import ATTEMPT_TAG, CAUSE_TAG, PARTITION_TAG
from supervisor_core.states import Recording as State
from supervisor_core.store import recordings
from supervisor_core.store.owners import this_process
from supervisor_core.store.recordings import Session

Status = dg.DagsterRunStatus


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    for name, value in (QUICK | {"recording_probe_s": 10}).items():
        monkeypatch.setenv(f"SUPERVISOR_{name.upper()}", str(value))
    house = Studio(tmp_path)
    yield house
    house.worker.close()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def live() -> Iterator[Live]:
    with Live(counting(12 * GROUP), ends=False, stop_at=10).open() as stream:
        yield stream


def look_for_live(studio: Studio, instance: dg.DagsterInstance) -> dg.SensorResult:
    sensor = live_streams_of(str(studio.home.root))
    context = dg.build_sensor_context(instance=instance, sensor_name="live_streams")
    result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def look_for_stuck(studio: Studio, instance: dg.DagsterInstance) -> dg.SensorResult:
    resources = {"store": StoreResource(home=str(studio.home.root))}
    context = dg.build_sensor_context(instance=instance, resources=resources)
    result = stuck_segments(context)
    assert isinstance(result, dg.SensorResult)
    return result


def put(studio: Studio, session: Session, **changes: object) -> Session:
    now = changes.pop("updated", studio.store.now())
    after = Session(**vars(session) | changes)  # type: ignore[arg-type]
    with studio.store.write() as connection:
        recordings.save(connection, [after], now)  # type: ignore[arg-type]
    return studio.session(session.intake)


def a_run(instance: dg.DagsterInstance, session: Session, status: Status) -> dg.DagsterRun:
    tags = {PARTITION_TAG: session.intake, ATTEMPT_TAG: "1"}
    return create_run_for_test(instance, job_name="record_stream", status=status, tags=tags)


def test_a_stream_that_is_live_is_recorded_once(
    studio: Studio, instance: dg.DagsterInstance, live: Live
) -> None:
    configure(studio.home.root, live)
    result = look_for_live(studio, instance)
    assert result.run_requests is not None
    (request,) = result.run_requests
    assert studio.session(request.partition_key).state is State.WAITING  # type: ignore[arg-type]
    assert live.url not in str(request)
    assert not look_for_live(studio, instance).run_requests


def test_a_stream_is_looked_at_as_it_is_recorded_with_the_plugins_of_the_operator(
    studio: Studio, instance: dg.DagsterInstance, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = Path(__file__).with_name("streamlink_plugins")
    monkeypatch.setenv("SUPERVISOR_RECORDING_PLUGINS_FOLDER", str(plugins))
    configure(studio.home.root, live, url=f"{live.url.rpartition('/')[0]}/channel/master")
    assert look_for_live(studio, instance).run_requests
    assert "/live.m3u8" in live.asked
    assert not any(path.startswith("/channel") for path in live.asked)


def test_a_stream_is_looked_at_through_the_next_proxy_when_the_first_is_dead(
    studio: Studio, instance: dg.DagsterInstance, live: Live
) -> None:
    with Proxy().open() as proxy:
        ways = [f"http://127.0.0.1:{free_port()}", proxy.url]
        configure(studio.home.root, live)
        with (studio.home.root / "streams.toml").open("a") as file:
            file.write(f"proxies = {json.dumps(ways)}\n")
        assert look_for_live(studio, instance).run_requests
        assert proxy.asked


@pytest.mark.parametrize("how", ["gone", "ended", "silent"])
def test_a_stream_that_is_not_live_is_left_alone(
    how: str, studio: Studio, instance: dg.DagsterInstance, live: Live,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("SUPERVISOR_RECORDING_PROBE_S", "1.5")
    live.status = 404 if how == "gone" else 200
    live.ends, live.published, live.stop_at = how == "ended", 12, None
    live.silent = how == "silent"
    configure(studio.home.root, live)
    result = look_for_live(studio, instance)
    assert not result.run_requests
    assert "0 live" in str(result.skip_reason)


def test_a_stream_that_hangs_keeps_no_other_from_being_recorded(
    studio: Studio, instance: dg.DagsterInstance, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPERVISOR_RECORDING_PROBE_S", "8")
    with Live(counting(GROUP), silent=True).open() as hung:
        configure(studio.home.root, live)
        path = studio.home.root / "streams.toml"
        hanging = "".join(f'[a{number}]\nurl = "{hung.url}"\n' for number in range(3))
        path.write_text(hanging + path.read_text("utf-8"), "utf-8")
        result = look_for_live(studio, instance)
        hung.release.set()
    (request,) = result.run_requests or []
    assert studio.session(request.partition_key).stream == STREAM  # type: ignore[arg-type]


def test_a_stream_that_a_person_has_stopped_rests(
    studio: Studio, instance: dg.DagsterInstance, live: Live
) -> None:
    from supervisor_core.reasons import Reason

    configure(studio.home.root, live)
    session = studio.session(studio.begin())
    put(studio, session, state=State.RECORDED, reason=Reason.CANCELLED)
    assert not look_for_live(studio, instance).run_requests
    ago = studio.store.now() - timedelta(hours=1)
    put(studio, session, state=State.RECORDED, reason=Reason.CANCELLED, updated=ago)
    assert look_for_live(studio, instance).run_requests


@pytest.mark.campaign
def test_a_session_whose_process_is_gone_goes_on_in_another_run(
    studio: Studio, instance: dg.DagsterInstance, live: Live
) -> None:
    configure(studio.home.root, live)
    code = "from supervisor_core.store.owners import this_process; print(this_process('run:x'))"
    dead = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    now = studio.store.now()
    session = put(
        studio, studio.session(studio.begin()), state=State.RUNNING, owner=dead, beat=now, epoch=1
    )
    run = a_run(instance, session, Status.FAILURE)
    result = look_for_stuck(studio, instance)
    assert studio.session(session.intake).state is State.INTERRUPTED
    (told,) = result.asset_events
    assert isinstance(told, dg.AssetCheckEvaluation)
    assert not told.passed
    assert told.check_name == "no_stuck_segment"
    result = wait_until_due(studio, instance, session)
    assert result.run_requests is not None
    (request,) = result.run_requests
    assert request.run_key == f"{session.intake}#2@{run.run_id[:8]}"
    assert request.tags[ATTEMPT_TAG] == "2"


def wait_until_due(
    studio: Studio, instance: dg.DagsterInstance, session: Session
) -> dg.SensorResult:
    """Media came a moment ago by the store, so the wait behind the last run is the shortest."""
    put(studio, studio.session(session.intake), moved=studio.store.now() - timedelta(seconds=2))
    for _ in range(200):
        result = look_for_stuck(studio, instance)
        if result.run_requests:
            return result
    pytest.fail("no run was asked for")


def test_what_comes_on_or_runs_is_left_alone(
    studio: Studio, instance: dg.DagsterInstance, live: Live
) -> None:
    configure(studio.home.root, live)
    now = studio.store.now()
    session = put(
        studio,
        studio.session(studio.begin()),
        state=State.RUNNING,
        owner=this_process("run:x"),
        beat=now,
        opened=now,
        epoch=1,
    )
    result = look_for_stuck(studio, instance)
    assert not result.run_requests
    assert not result.asset_events
    assert studio.session(session.intake).state is State.RUNNING
    put(studio, session, state=State.INTERRUPTED, owner=None, updated=now - timedelta(hours=1))
    a_run(instance, session, Status.STARTED)
    assert not look_for_stuck(studio, instance).run_requests


def test_a_session_of_a_stream_that_is_not_configured_any_more_is_concluded(
    studio: Studio, instance: dg.DagsterInstance, live: Live
) -> None:
    configure(studio.home.root, live)
    session = studio.session(studio.begin())
    ago = studio.store.now() - timedelta(hours=1)
    put(studio, session, updated=ago)
    (studio.home.root / "streams.toml").write_text("", "utf-8")
    (request,) = look_for_stuck(studio, instance).run_requests or []
    assert request.partition_key == session.intake
    assert request.tags[CAUSE_TAG] == "unfinished"
    assert STREAM not in str(request)
    assert studio.pipeline().record(session.intake).state is State.FAILED
    assert not look_for_stuck(studio, instance).run_requests
