"""Somebody stops a run: it ends at once, leaves nothing behind, and its items wait."""

import os
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
from daemon import daemon, wait_for
from dagster._core.errors import DagsterExecutionInterruptedError
from rehearsal import CAST, House, Prompter, Rehearsal, steps

from resources.pipeline import WORKER_TAG
from sensors.runs import last_runs
from supervisor_assets.failures import REASON_TAG
from supervisor_assets.instance import open_instance
from supervisor_assets.requests import PARTITION_TAG
from supervisor_core.home import Home
from supervisor_core.pipeline import Pipeline
from supervisor_core.reasons import Failed, Reason
from supervisor_core.repair import CANCELLED_WAIT_S, plan_repairs
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.attempts import Outcome
from supervisor_core.store.open_work import open_intakes
from supervisor_core.store.requests import Verb, ask
from supervisor_core.store.rows import fetch

SOON_S = 30.0
LIMIT_S = 150.0
STEPS = ["examine", "clean", "verify", "draw"]


class Stopped(Rehearsal):
    """A pipeline into whose work somebody breaks."""

    def build(self, settings: Settings, worker: Any, owner: str) -> Pipeline:
        home = settings.open_home()
        return Pipeline(self.open_store(), home, settings, Breaker(), owner, tools=CAST)


class Breaker(Prompter):
    """Does the call that was chosen half, and is interrupted."""

    step = ""
    kind: type[BaseException] = KeyboardInterrupt

    def call(self, function: Any, /, *args: Any, limit_s: float, **options: Any) -> Any:
        if function.__name__ != self.step:
            return super().call(function, *args, limit_s=limit_s, **options)
        for folder in options.get("scratch", ()):
            (folder / "output.part").touch()
        raise self.kind


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield House(Home.create(tmp_path / "home"), instance)


def media_of(store: Store) -> list[dict[str, Any]]:
    with store.read() as connection:
        return fetch(connection, "SELECT cleaning, verification, reason, lease_owner FROM media")


def tries_of(store: Store) -> list[dict[str, Any]]:
    with store.read() as connection:
        return fetch(connection, "SELECT outcome, reason FROM attempt ORDER BY started")


@pytest.mark.campaign
@pytest.mark.parametrize("kind", [KeyboardInterrupt, DagsterExecutionInterruptedError])
@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_is_stopped_is_not_tried_again_and_holds_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str, kind: type[BaseException]
) -> None:
    monkeypatch.setattr(Breaker, "step", step)
    monkeypatch.setattr(Breaker, "kind", kind)
    house.drop("a.mp4")
    (intake,) = house.take_in()
    result = house.run(intake, pipeline=Stopped(home=str(house.home.root)))
    assert not result.success
    assert not steps(result, "STEP_UP_FOR_RETRY")
    assert house.instance.get_run_by_id(result.run_id).tags[REASON_TAG] == "CANCELLED"
    assert [media["lease_owner"] for media in media_of(house.store)] == [None] * (step != "examine")
    assert tries_of(house.store)[-1] == {"outcome": Outcome.INTERRUPTED, "reason": "CANCELLED"}
    assert not list(house.home.work.rglob("*.part"))
    assert house.run(intake).success
    (media,) = media_of(house.store)
    assert (media["verification"], media["reason"]) == ("verified", None)


def test_an_item_whose_masking_is_stopped_waits(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Breaker, "step", "clean")
    house.drop("a.mp4")
    (intake,) = house.take_in()
    house.run(intake, pipeline=Stopped(home=str(house.home.root)))
    (media,) = media_of(house.store)
    assert (media["cleaning"], media["reason"]) == ("waiting", "CANCELLED")


@pytest.mark.parametrize("way", ["read", "write"])
def test_a_query_that_is_interrupted_is_told_as_cancelled(house: House, way: str) -> None:
    store = house.store
    endless = "SELECT count(*) FROM range(1000000000) a, range(1000000) b"
    interrupt = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    interrupt.start()
    with pytest.raises(Failed) as caught, getattr(store, way)() as connection:
        connection.execute(endless).fetchall()
    assert caught.value.reason is Reason.CANCELLED
    assert caught.value.__cause__ is None
    assert media_of(store) == []


class Site:
    """A home with what its store says."""

    def __init__(self, folder: Path) -> None:
        self.home = Home.create(folder / "home")
        self.store = Store(self.home, Settings(home=self.home.root))

    def masks(self) -> bool | None:
        """True when a child has written into an attempt's folder."""
        return any(self.home.work.glob("*/output.part")) or None

    def is_verified(self) -> bool | None:
        return [one["verification"] for one in media_of(self.store)] == ["verified"] or None


@dataclass(frozen=True)
class Terminated:
    """What a terminated run left; `left` are those of its processes that did not end."""

    site: Site
    instance: dg.DagsterInstance
    processes: int
    left: list[psutil.Process]

    @property
    def run(self) -> dg.DagsterRun:
        """The first run."""
        return self.instance.get_runs(dg.RunsFilter(job_name="clean_intake"))[-1]


@pytest.fixture(scope="module")
def terminated(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Iterator[Terminated]:
    """A run that was terminated as the webserver does it, while its child was masking."""
    site = Site(tmp_path_factory.mktemp("terminated"))
    with open_instance(site.home) as instance:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SUPERVISOR_FAULT", "call.finished:hang:2")  # the second call masks
            with daemon(site.home):
                shutil.copy(shared_data / "general" / "rotate90.mov", site.home.inbox / "film.mov")
                wait_for(site.masks, LIMIT_S)
                family = terminate(instance)
                _, left = psutil.wait_procs(family, timeout=SOON_S)
        yield Terminated(site, instance, len(family), left)


def terminate(instance: dg.DagsterInstance) -> list[psutil.Process]:
    """Asks the one run to stop, waits until it says that it has, and returns its processes."""
    (run,) = instance.get_runs(dg.RunsFilter(job_name="clean_intake"))
    worker = psutil.Process(int(re.search(r"/(\d+)\.", run.tags[WORKER_TAG])[1]))
    family = [worker, *worker.children(recursive=True)]
    assert instance.run_launcher.terminate(run.run_id)
    wait_for(lambda: instance.get_run_by_id(run.run_id).is_finished or None, SOON_S)
    return family


@pytest.mark.campaign
def test_a_terminated_run_ends_soon_as_canceled(terminated: Terminated) -> None:
    assert terminated.run.status is dg.DagsterRunStatus.CANCELED
    assert terminated.run.tags[REASON_TAG] == "CANCELLED"
    assert terminated.processes >= 3
    assert terminated.left == []


@pytest.mark.campaign
def test_a_terminated_run_leaves_its_item_waiting_and_nothing_else(terminated: Terminated) -> None:
    site = terminated.site
    (media,) = media_of(site.store)
    assert (media["cleaning"], media["reason"]) == ("waiting", "CANCELLED")
    assert media["lease_owner"] is None
    assert not list(site.home.work.rglob("*.part"))
    assert not list(site.home.work.glob("*/"))


@pytest.mark.campaign
def test_a_terminated_run_is_followed_after_its_wait_only(terminated: Terminated) -> None:
    instance = terminated.instance
    ended_s = instance.get_run_record_by_id(terminated.run.run_id).end_time

    def repairs(at_s: float) -> list[int]:
        with terminated.site.store.read() as connection:
            unfinished = open_intakes(connection, at_s)
        runs = last_runs(instance, "clean_intake", {work.intake for work in unfinished}, at_s)
        return [repair.attempt for repair in plan_repairs(unfinished, runs, at_s)]

    assert repairs(ended_s + CANCELLED_WAIT_S - 1) == []
    assert repairs(ended_s + CANCELLED_WAIT_S + 1) == [2]


@pytest.mark.campaign
def test_a_terminated_run_can_be_started_again_at_once(terminated: Terminated) -> None:
    """The last test of this module: it ends the waiting that the others look at."""
    site = terminated.site
    intake = terminated.run.tags[PARTITION_TAG]
    with daemon(site.home):
        with site.store.write() as connection:
            ask(connection, Verb.INGEST, intake, "test", site.store.now())
        wait_for(site.is_verified, LIMIT_S)
    ours = dg.RunsFilter(job_name="clean_intake")
    assert terminated.instance.get_runs_count(ours) == 2
