"""The whole chain as it runs at a user's: a file in the inbox, a daemon, a cleaned file."""

import os
import re
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psutil
import pytest
from daemon import daemon, wait_for

from resources.pipeline import WORKER_TAG
from supervisor_assets.instance import open_instance
from supervisor_assets.requests import PARTITION_TAG
from supervisor_core.home import Home
from supervisor_core.settings import Settings
from supervisor_core.states import Cleaning
from supervisor_core.store import Store
from supervisor_core.store.rows import fetch

LIMIT_S = 150.0


NOTHING = b"\0\0\0\x08free"  # an empty box at the end of a film: other bytes, the same pictures
ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE)
Output = dict[str, object]


@dataclass(frozen=True)
class Site:
    """A home with a daemon, what its store says, and a film that is another for each test."""

    home: Home
    store: Store
    instance: dg.DagsterInstance
    film: bytes

    def drop(self, *names: str, variant: int) -> None:
        """Has a variant of the film appear in the inbox, under all names at once."""
        parts = [self.home.inbox / f"{name}.part" for name in names]
        for part in parts:
            part.write_bytes(self.film + variant * NOTHING)
        for part in parts:
            part.rename(part.with_suffix(".mov"))

    def runs(self, *statuses: dg.DagsterRunStatus, but: Iterable[str] = ()) -> list[dg.DagsterRun]:
        """The runs with one of these statuses, without those of certain intakes."""
        filters = dg.RunsFilter(job_name="clean_intake", statuses=list(statuses))
        runs = self.instance.get_runs(filters)
        return [run for run in runs if run.tags[PARTITION_TAG] not in set(but)]

    def ended(self, count: int, but: Iterable[str]) -> list[dg.DagsterRun]:
        """That many runs of other intakes, once they are at their end."""

        def look() -> list[dg.DagsterRun] | None:
            found = self.runs(dg.DagsterRunStatus.SUCCESS, but=but)
            return found if len(found) == count else None

        return wait_for(look, LIMIT_S)

    def intakes(self) -> set[str]:
        return set(self.instance.get_dynamic_partitions("intake"))

    def outputs(self) -> list[Output]:
        """The outputs that are shown; each verified, in its place, and nothing left over."""
        with self.store.read() as connection:
            items = fetch(connection, "SELECT DISTINCT cleaning, verification FROM media")
            outputs = fetch(connection, "SELECT * FROM output WHERE current")
        proven = {"cleaning": Cleaning.FRAME_LEVEL, "verification": "verified"}
        assert all(item == proven for item in items)
        for output in outputs:
            assert output["frames"] == output["frames_inspected"] > 0
        paths = {path.relative_to(self.home.root) for path in self.home.cleaned.rglob("*.*")}
        assert paths == {Path(str(output["path"])) for output in outputs}
        assert not list(self.home.inbox.iterdir())
        # Deeper lies only what belongs to a canary, should one be flying.
        assert not [*self.home.work.glob("*.part"), *self.home.work.glob("*/*.part")]
        return outputs


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Iterator[Site]:
    home = Home.create(tmp_path_factory.mktemp("site") / "home")
    film = (shared_data / "general" / "rotate90.mov").read_bytes()
    with daemon(home), open_instance(home) as instance:
        yield Site(home, Store(home, Settings(home=home.root)), instance, film)


def test_a_file_dropped_into_the_inbox_is_cleaned_and_verified_without_a_touch(site: Site) -> None:
    site.drop("examination", variant=0)
    run = wait_for(lambda: next(iter(site.runs(*ENDED)), None), LIMIT_S)
    assert run.status is dg.DagsterRunStatus.SUCCESS
    made = site.instance.get_latest_materialization_event(dg.AssetKey("cleaned_frames"))
    assert made.asset_materialization.partition == run.tags[PARTITION_TAG]
    assert len(site.outputs()) == 1
    assert "examination" not in (site.home.logs / "daemon.log").read_text("utf-8")


@pytest.mark.campaign
def test_two_uploads_of_one_film_at_once_both_come_to_their_end(site: Site) -> None:
    before, outputs = site.intakes(), len(site.outputs())
    site.drop("one", "two", variant=1)
    for run in site.ended(2, but=before):
        found = told(site.instance, run)
        assert "anonymized" in found
        assert all(found.values()), found
    assert len(site.outputs()) == outputs + 1


def told(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[str, bool]:
    """Which checks a run has told, and whether they passed."""
    logged = instance.all_logs(run.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [one.dagster_event.asset_check_evaluation_data for one in logged]
    return {check.check_name: check.passed for check in found}


@pytest.mark.campaign
def test_a_run_whose_process_is_killed_is_made_up_for(site: Site) -> None:
    before, outputs = site.intakes(), len(site.outputs())
    site.drop("other", variant=2)

    def owner() -> str | None:
        for run in site.runs(dg.DagsterRunStatus.STARTED, but=before):
            # Before that, Dagster's own process that follows the log has nobody who would end it.
            if site.instance.all_logs(run.run_id, dg.DagsterEventType.LOGS_CAPTURED):
                return run.tags.get(WORKER_TAG)
        return None

    victim = psutil.Process(int(re.search(r"/(\d+)\.", wait_for(owner, LIMIT_S, 0.02))[1]))
    family = victim.children(recursive=True)
    os.kill(victim.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
    (run,) = site.ended(1, but=before)
    again = dg.RunsFilter(tags={PARTITION_TAG: run.tags[PARTITION_TAG]}, job_name="clean_intake")
    assert site.instance.get_runs_count(again) == 2
    assert len(site.outputs()) == outputs + 1
