"""The whole chain as it runs at a user's: a file in the inbox, a daemon, a cleaned file."""

import os
import re
import shutil
import signal
from pathlib import Path

import dagster as dg
import psutil
import pytest
from daemon import daemon, wait_for

from resources.pipeline import WORKER_TAG
from supervisor_assets.instance import open_instance
from supervisor_core.home import Home
from supervisor_core.settings import Settings
from supervisor_core.states import Cleaning
from supervisor_core.store import Store
from supervisor_core.store.rows import fetch

LIMIT_S = 150.0


class Site:
    """A home with what its store says."""

    def __init__(self, folder: Path) -> None:
        self.home = Home.create(folder / "home")
        self.store = Store(self.home, Settings(home=self.home.root))

    def drop(self, clip: Path) -> None:
        shutil.copy(clip, self.home.inbox / f"examination{clip.suffix}")

    def is_verified(self) -> bool | None:
        with self.store.read() as connection:
            rows = fetch(connection, "SELECT verification FROM media")
        return True if [row["verification"] for row in rows] == ["verified"] else None

    def require_clean(self) -> None:
        """One verified file in the tree of cleaned files, and nothing left over anywhere."""
        with self.store.read() as connection:
            (item,) = fetch(connection, "SELECT cleaning, verification FROM media")
            outputs = fetch(connection, "SELECT * FROM output WHERE current")
        assert item == {"cleaning": Cleaning.FRAME_LEVEL, "verification": "verified"}
        (output,) = outputs
        assert output["frames"] == output["frames_inspected"] > 0
        assert [path.relative_to(self.home.root) for path in self.home.cleaned.rglob("*.*")] == [
            Path(str(output["path"]))
        ]
        assert not list(self.home.inbox.iterdir())
        assert not list(self.home.work.rglob("*.part"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def run_of(instance: dg.DagsterInstance, *statuses: dg.DagsterRunStatus) -> dg.DagsterRun | None:
    filters = dg.RunsFilter(job_name="clean_intake", statuses=list(statuses))
    return next(iter(instance.get_runs(filters, limit=1)), None)


def test_a_file_dropped_into_the_inbox_is_cleaned_and_verified_without_a_touch(
    site: Site, shared_data: Path
) -> None:
    ended = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE)
    with daemon(site.home), open_instance(site.home) as instance:
        site.drop(shared_data / "general" / "rotate90.mov")
        run = wait_for(lambda: run_of(instance, *ended), LIMIT_S)
        assert run.status is dg.DagsterRunStatus.SUCCESS
        made = instance.get_latest_materialization_event(dg.AssetKey("cleaned_frames"))
        assert made.asset_materialization.partition == run.tags["dagster/partition"]
    site.require_clean()
    assert "examination" not in (site.home.logs / "daemon.log").read_text("utf-8")


def test_a_run_whose_process_is_killed_is_made_up_for(site: Site, shared_data: Path) -> None:
    with daemon(site.home), open_instance(site.home) as instance:
        site.drop(shared_data / "general" / "rotate90.mov")

        def owner() -> str | None:
            run = run_of(instance, dg.DagsterRunStatus.STARTED)
            return run.tags.get(WORKER_TAG) if run else None

        victim = psutil.Process(int(re.search(r"/(\d+)\.", wait_for(owner, LIMIT_S, 0.02))[1]))
        family = victim.children(recursive=True)
        os.kill(victim.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=20)
        assert not alive
        wait_for(site.is_verified, LIMIT_S)
        wait_for(lambda: run_of(instance, dg.DagsterRunStatus.SUCCESS), LIMIT_S)
        assert instance.get_runs_count(dg.RunsFilter(job_name="clean_intake")) == 2
    site.require_clean()
