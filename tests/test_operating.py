"""A night on call: everything runs, things break one after the other, somebody is told, and each is
put right by one documented step."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import dagster as dg
import httpx
import pytest
from alert_receivers import Webhook, webhook
from analysis_parts import grounded
from command import run
from daemon import wait_for
from ollama_server import Mode, OllamaServer
from picture_builders import painted
from test_cli_up import work_of, working
from up_parts import Running, kill, up

from supervisor_assets.instance import open_instance
from supervisor_assets.pools import Pool
from supervisor_core.home import Home
from supervisor_core.notify.message import NO_REASON

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(1500)]
LIMIT_S = 400.0
RESERVE_BYTES = 150_000_000
DISK_BYTES = 900_000_000


@dataclass
class Night:
    """A running house on a disk of its own, its model server, and who is told."""

    running: Running
    server: OllamaServer
    hook: Webhook
    count: int = 0
    heard: int = 0
    """How many messages had come when this test began: they prove nothing about it."""

    @property
    def home(self) -> Path:
        return self.running.home

    def drop(self) -> None:
        """Drops a picture that no other is like."""
        self.count += 1
        name = f"{self.count}.png"
        cv2.imwrite(str(self.home / f".{name}"), painted(self.count))
        (self.home / f".{name}").rename(self.home / "inbox" / name)

    def verified(self) -> int:
        """How many files are proven clean."""
        return self.counted("SELECT count(*) AS n FROM media WHERE verification = 'verified'")

    def analysed(self) -> int:
        """Of how many a model has said something."""
        return self.counted("SELECT count(*) AS n FROM analysis WHERE current")

    def counted(self, query: str) -> int:
        told = run("sql", query, "--json", home=self.home)
        assert told.code == 0, told.err
        return int(told.json[0]["n"])

    def told(self, *words: str) -> str:
        """A line with all these words in a message that came during this test."""

        def look() -> str | None:
            lines = [line for text in self.hook.texts[self.heard :] for line in text.splitlines()]
            return next((line for line in lines if all(word in line for word in words)), None)

        return wait_for(look, LIMIT_S)

    def launch(self, job: str) -> None:
        """Starts a job as the page does."""
        selector = {
            "repositoryLocationName": "supervisor_assets.definitions",
            "repositoryName": "__repository__",
            "pipelineName": job,
        }
        query = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
            __typename ... on PythonError { message } } }"""
        params = {"selector": selector, "mode": "default", "runConfigData": {}}
        answer = self.ask(query, {"p": params})
        assert answer["launchRun"]["__typename"] == "LaunchRunSuccess", answer

    def ask(self, query: str, variables: dict[str, Any] | None = None) -> Any:
        origin = {"Origin": f"http://{self.running.address}"}
        content = {"query": query, "variables": variables or {}}
        found = httpx.post(
            f"http://{self.running.address}/graphql", json=content, headers=origin, timeout=30
        )
        return found.json()["data"]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on a disk of its own, which can be filled."""
    folder = tmp_path_factory.mktemp("disk")
    options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs"]
    mounted = subprocess.run(["mount", *options, str(folder)], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a disk of its own")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def night(disk: Path) -> Iterator[Night]:
    with webhook() as hook, OllamaServer() as server:
        server.answer = grounded
        settings = {
            "OLLAMA_URL": server.url,
            "MODEL_RETRY_FIRST_S": "0.1",
            "BREAKER_OPEN_S": "1",
            "ALERT_WEBHOOK_URL": hook.url,
            "ALERT_HOSTS": "127.0.0.1",
            "ALERT_GATHER_S": "1",
            "ALERT_WINDOW_S": "0",
            "RESERVE_BYTES": str(RESERVE_BYTES),
        }
        named = {f"SUPERVISOR_{name}": value for name, value in settings.items()}
        with up(disk, **named) as running:
            yield Night(running, server, hook)


@pytest.fixture(autouse=True)
def _nothing_heard_yet(night: Night) -> None:
    night.heard = len(night.hook.received)


def fill(disk: Path, left_bytes: int) -> Path:
    """Fills the disk up to about so many bytes, though others write there."""
    path = disk / "ballast"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while shutil.disk_usage(disk).free > left_bytes:
            file.write(bytes(min(2**20, shutil.disk_usage(disk).free - left_bytes)))
    return path


def test_what_is_dropped_is_in_the_lineage(night: Night) -> None:
    night.drop()
    wait_for(lambda: night.verified() == 1 or None, LIMIT_S)
    wanted = {"videos", "cleaned_frames", "thumbnails", "analyses"}
    wait_for(lambda: made(night) >= wanted or None, LIMIT_S)
    assert night.analysed() == 1


def made(night: Night) -> set[str]:
    """The assets that have a materialisation, as the page asks for them."""
    query = "{ assetNodes { assetKey { path } assetMaterializations(limit: 1) { partition } } }"
    nodes = night.ask(query)["assetNodes"]
    return {one["assetKey"]["path"][-1] for one in nodes if one["assetMaterializations"]}


def test_a_model_server_that_is_off_is_told_and_what_waits_goes_on_when_it_is_back(
    night: Night,
) -> None:
    night.server.mode = Mode.REFUSED
    done = night.analysed()
    night.drop()
    wait_for(lambda: night.verified() == 2 or None, LIMIT_S)
    night.launch("watch")
    night.told("FAILS", "healthy of canary")
    assert night.analysed() == done
    night.server.mode = Mode.OK
    wait_for(lambda: night.analysed() == done + 1 or None, LIMIT_S)
    night.launch("watch")
    night.told("PASSES AGAIN", "healthy of canary")


def test_a_full_disk_is_told_and_nothing_is_lost(night: Night, disk: Path) -> None:
    before = night.verified()
    ballast = fill(disk, RESERVE_BYTES // 2)
    night.drop()
    night.told("FAILS", "DISK_FULL")
    assert night.verified() == before
    ballast.unlink()
    wait_for(lambda: night.verified() == before + 1 or None, LIMIT_S)
    night.told("PASSES AGAIN", "DISK_FULL")


def test_not_a_byte_left_for_anybody_and_everything_goes_on_after_it(
    night: Night, disk: Path
) -> None:
    before = night.verified()
    night.drop()
    ballast = fill(disk, 0)
    time.sleep(30)
    ballast.unlink()
    wait_for(lambda: night.verified() == before + 1 or None, LIMIT_S)
    assert run("consistency", "--hashes", home=night.home).code == 0


def test_a_run_that_is_killed_is_told_and_made_up_for(night: Night, shared_data: Path) -> None:
    before = night.verified()
    shutil.copy(shared_data / "general" / "rotate90.mov", night.home / "inbox" / "turned.mov")
    with open_instance(Home(night.home)) as instance:
        hit = wait_for(lambda: working(instance), LIMIT_S)
        with nothing_is_cleaned(instance):
            for one in work_of(hit):
                one.kill()
            night.told("FAILS", "clean_intake", NO_REASON)
        assert night.verified() == before
        wait_for(lambda: night.verified() == before + 1 or None, LIMIT_S)
        found = instance.get_run_by_id(hit.run_id)
        assert found is not None
        assert found.status is dg.DagsterRunStatus.FAILURE
    night.told("PASSES AGAIN", "clean_intake", NO_REASON)


@contextlib.contextmanager
def nothing_is_cleaned(instance: dg.DagsterInstance) -> Iterator[None]:
    """No further run cleans meanwhile: what passes again within seconds is told to nobody."""
    storage = instance.event_log_storage
    places = {one.name: one.limit for one in storage.get_pool_limits()}[Pool.CLEANING]
    storage.set_concurrency_slots(Pool.CLEANING, 0)
    try:
        yield
    finally:
        storage.set_concurrency_slots(Pool.CLEANING, places)


def test_a_daemon_that_is_killed_comes_back_and_goes_on(night: Night) -> None:
    before = night.verified()
    gone = kill(night.running.part("daemon"))
    night.drop()
    wait_for(lambda: night.verified() == before + 1 or None, LIMIT_S)
    found = night.running.part("daemon")
    assert found is not None
    assert found.pid != gone
    assert any("PART_ENDED" in line for line in night.running.told())
