"""A live stream is recorded by the daemon, killed twice, goes on, is joined, cleaned and verified.

Everything is real: the stream's server, the daemon, its runs, the sources they start.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from daemon import daemon, wait_for
from hls_server import GROUP, Live, counting
from session_parts import QUICK, STREAM, configure

from supervisor_assets.instance import open_instance
from supervisor_core.home import Home
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Reason
from supervisor_core.sessions.account import Account, account_of
from supervisor_core.settings import Settings
from supervisor_core.states import Recording as State
from supervisor_core.states import Verification
from supervisor_core.store import Store, recordings
from supervisor_core.store.owners import pid_here
from supervisor_core.store.progress import summarise

GROUPS = 120

pytestmark = pytest.mark.timeout(420)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name, value in QUICK.items():
        monkeypatch.setenv(f"SUPERVISOR_{name.upper()}", str(value))
    return Home.create(tmp_path / "home")


@pytest.fixture
def store(home: Home) -> Store:
    return Store(home, Settings(home=home.root))


@pytest.fixture
def live() -> Iterator[Live]:
    with Live(counting(GROUPS * GROUP), window=GROUPS, step=0, published=4).open() as stream:
        yield stream


@pytest.mark.campaign
def test_a_recording_that_is_killed_twice_becomes_a_verified_video(
    home: Home, store: Store, live: Live
) -> None:
    configure(home.root, live, groups=10)
    with daemon(home):
        key = wait_for(lambda: begun(store), 60)
        wait_for(lambda: moved_on(store, key, 1), 60)
        for number in (1, 2):
            live.published = 20 * number
            wait_for(lambda n=number: moved_on(store, key, 20 * n * GROUP // 2), 60)
            kill(store, key)
            wait_for(lambda n=number: taken_again(store, key, n + 1), 60)
        live.step = 5
        account = wait_for(lambda: at(store, key, State.HANDED_OVER), 90)
        wait_for(lambda: verified(store, key), 90)
    assert [gap.reason for gap in account.gaps] == [Reason.RECORDER_DIED] * 2
    assert [gap.missing_s for gap in account.gaps] == [0.0, 0.0]
    assert account.coverage == 1.0
    assert sum(file.frames for file in account.files) >= (GROUPS - 6) * GROUP
    with open_instance(home) as instance:
        for asset in ("recordings", "videos", "cleaned_frames"):
            found = instance.get_materialized_partitions(dg.AssetKey(asset))
            assert key in found, asset


@pytest.mark.campaign
def test_a_daemon_that_dies_is_followed_by_one_that_goes_on_and_terminate_ends_it(
    home: Home, store: Store, live: Live
) -> None:
    configure(home.root, live, groups=10)
    with daemon(home) as first:
        key = wait_for(lambda: begun(store), 60)
        wait_for(lambda: moved_on(store, key, 1), 60)
        live.published = 20
        wait_for(lambda: moved_on(store, key, 10 * GROUP), 60)
        for process in (first, *first.children(recursive=True)):
            process.kill()
    live.published = 40
    with daemon(home):
        wait_for(lambda: taken_again(store, key, 2), 60)
        wait_for(lambda: moved_on(store, key, 30 * GROUP), 60)
        with open_instance(home) as instance:
            (run,) = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
            assert instance.run_launcher.terminate(run.run_id)
            account = wait_for(lambda: at(store, key, State.HANDED_OVER), 60)
            ended = instance.get_run_by_id(run.run_id)
            assert ended is not None
            assert ended.status is dg.DagsterRunStatus.CANCELED
    assert account.session.reason is Reason.CANCELLED
    assert [(gap.reason, gap.missing_s) for gap in account.gaps] == [(Reason.RECORDER_DIED, 0.0)]
    assert account.session.runs == 2
    assert {file.joined is not None for file in account.files} == {True}


def begun(store: Store) -> IntakeKey | None:
    with store.read() as connection:
        last = recordings.last_of(connection, STREAM)
    return last.intake if last else None


def account(store: Store, key: IntakeKey) -> Account:
    with store.read() as connection:
        return account_of(connection, key)


def moved_on(store: Store, key: IntakeKey, frames: int) -> bool | None:
    return account(store, key).session.media_s * 25 >= frames or None


def kill(store: Store, key: IntakeKey) -> None:
    owner = account(store, key).session.owner
    pid = pid_here(owner) if owner else None
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def taken_again(store: Store, key: IntakeKey, runs: int) -> bool | None:
    session = account(store, key).session
    return (session.state is State.RUNNING and session.runs == runs) or None


def at(store: Store, key: IntakeKey, state: State) -> Account | None:
    found = account(store, key)
    return found if found.session.state is state else None


def verified(store: Store, key: IntakeKey) -> bool | None:
    with store.read() as connection:
        summary = summarise(connection, key)
    assert summary is not None
    return summary.verifications.get(Verification.VERIFIED, 0) == len(summary.items) > 0 or None
