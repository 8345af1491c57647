"""Backfills as a user has them: a real daemon carries them out, says how far, and ends them."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import drawn
import pytest
from command import Ran, run, start
from daemon import ROOT, daemon, wait_for
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.storage.tags import BACKFILL_ID_TAG
from dagster._core.utils import make_new_backfill_id
from test_cli_up import work_of

from resources.pipeline import WORKER_TAG
from supervisor_assets.definitions import definitions_for
from supervisor_assets.instance import open_instance
from supervisor_assets.requests import PARTITION_TAG
from supervisor_core.faults import VARIABLE
from supervisor_core.home import Home
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.rows import fetch

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(900)]

PAGE = ROOT / "docs" / "backfills.md"
LIMIT_S = 240.0
WATCHED_S = 500.0
TOO_SHORT = {
    "SUPERVISOR_FRAME_LEVEL_BASE_S": "0.02", "SUPERVISOR_FRAME_LEVEL_RATE": "0",
    "SUPERVISOR_ROI_MASK_BASE_S": "0.02", "SUPERVISOR_ROI_MASK_RATE": "0",
    "SUPERVISOR_RETRY_FIRST_S": "80000",
}  # fmt: skip
"""Limits by which everything ends aside, and stays there for a day."""


@dataclass(frozen=True)
class Site:
    """A home with two pictures that lie aside, each of another intake."""

    home: Home
    store: Store
    instance: dg.DagsterInstance

    def backfill(self, *words: str) -> Ran:
        with start("backfill", *words, home=self.home.root) as process:
            out, err = process.communicate(timeout=WATCHED_S)
        return Ran(process.returncode, out, err)

    def levels(self) -> dict[str, str]:
        """The level of each intake's one file, where it is proven."""
        sql = """
            SELECT arrival.intake, cleaning, verification FROM arrival JOIN media USING (media)
            ORDER BY arrival.intake
        """
        with self.store.read() as connection:
            return {
                str(row["intake"]): f"{row['cleaning']}/{row['verification']}"
                for row in fetch(connection, sql)
            }

    def made(self) -> dict[str, object]:
        """When the output that counts was made, by intake."""
        sql = (
            "SELECT arrival.intake, max(output.created) AS made FROM arrival JOIN output"
            " USING (media) WHERE current GROUP BY ALL"
        )
        with self.store.read() as connection:
            return {str(row["intake"]): row["made"] for row in fetch(connection, sql)}

    def runs(self, backfill: str, *statuses: dg.DagsterRunStatus) -> list[dg.DagsterRun]:
        filters = dg.RunsFilter(tags={BACKFILL_ID_TAG: backfill}, statuses=list(statuses))
        return list(self.instance.get_runs(filters))

    def at_work(self) -> dg.DagsterRun | None:
        """A run that has written which process it is."""
        found = self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        return next((one for one in found if WORKER_TAG in one.tags), None)

    def ended(self, backfill: str) -> BulkActionStatus:
        """How a backfill ends, once it does."""

        def look() -> BulkActionStatus | None:
            found = self.instance.get_backfill(backfill)
            assert found
            going = (BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING)
            return None if found.status in going else found.status

        return wait_for(look, LIMIT_S)


@contextmanager
def aside(folder: Path) -> Iterator[Site]:
    """A new home in which nothing could be cleaned in time."""
    home = Home.create(folder / "home")
    for number in range(2):
        drawn.still(folder / f"{number}.png", [f"Eva Kanarek {number}"], shift=number)
        run("ingest", "--wait", folder / f"{number}.png", home=home.root, **TOO_SHORT)
    with open_instance(home) as instance:
        made = Site(home, Store(home, Settings(home=home.root)), instance)
        assert set(made.levels().values()) == {"raw_aside/none"}, made.levels()
        assert len(made.levels()) == 2
        yield made


@dataclass(frozen=True)
class Repaired:
    """A home with a daemon in which a backfill has cleaned what lay aside, and what it has told."""

    site: Site
    ran: Ran


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repaired]:
    with aside(tmp_path_factory.mktemp("site")) as site, daemon(site.home):
        wait_for(lambda: site.instance.get_daemon_heartbeats().get("SENSOR"), LIMIT_S)
        yield Repaired(site, site.backfill("cleaned_frames", "--level", "raw_aside", "--wait"))


def test_what_lies_aside_is_cleaned_again_while_one_watches(repaired: Repaired) -> None:
    site, ran = repaired.site, repaired.ran
    assert ran.code == 0, ran.err
    assert set(site.levels().values()) == {"frame_level/verified"}
    progress = re.findall(r"(\d) of 2 ended.*?time left: (.+)", ran.err)
    assert progress[0] == ("0", "unknown")
    assert "2 of 2 ended (2 succeeded): completed success." in ran.err
    told = json.loads(site.backfill("list", "--json").out)[-1]
    assert (told["state"], told["runs"]["succeeded"]) == ("completed_success", 2)
    # Nothing beside it has begun the same work: the reconcile sensor sees who is at it.
    assert site.instance.get_runs_count(dg.RunsFilter(job_name="clean_intake")) == 2


def test_good_work_is_made_again_by_name_and_by_nothing_else(repaired: Repaired) -> None:
    site = repaired.site
    first, before = min(site.levels()), site.made()
    assert site.backfill("cleaned_frames", "--intake", first, "--json").code == 0
    ran = site.backfill("cleaned_frames", "--intake", first, "--force", "--wait", "--json")
    assert ran.code == 0, ran.err
    after = site.made()
    assert [key for key in before if before[key] != after[key]] == [first]
    assert site.levels()[first] == "frame_level/verified"


def test_a_run_that_dies_and_is_tried_again_is_told_as_one(repaired: Repaired) -> None:
    site = repaired.site
    words = ("cleaned_frames", "--intake", min(site.levels()), "--force", "--wait", "--json")
    with start("backfill", *words, home=site.home.root) as process:
        died = wait_for(site.at_work, LIMIT_S, 0.02)
        work_of(died)[0].kill()
        out, err = process.communicate(timeout=WATCHED_S)
    assert process.returncode == 0, err
    (told,) = json.loads(out)["backfills"]
    states = sorted(one.status.value for one in site.runs(told["id"]))
    assert states == ["FAILURE", "SUCCESS"]
    assert (told["state"], told["intakes"], told["ended"]) == ("completed_success", 1, 1)
    assert {name: count for name, count in told["runs"].items() if count} == {"succeeded": 1}


# Dagster itself asks for what it has deprecated.
@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources`:DeprecationWarning")
def test_one_asset_alone_as_the_ui_asks_for_it_leaves_good_work(repaired: Repaired) -> None:
    site = repaired.site
    before, key = site.made(), max(site.levels())
    made = PartitionBackfill.from_asset_partitions(
        backfill_id=make_new_backfill_id(),
        asset_graph=definitions_for("").resolve_asset_graph(),
        partition_names=[key],
        asset_selection=[dg.AssetKey("videos")],
        backfill_timestamp=time.time(),
        tags={},
        dynamic_partitions_store=site.instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )
    site.instance.add_backfill(made)
    assert site.ended(made.backfill_id) is BulkActionStatus.COMPLETED_SUCCESS
    assert site.made() == before


def test_the_page_s_examples_of_dagster_s_own_command_do_what_they_say(repaired: Repaired) -> None:
    """One leaves good work as it is, the other makes it again."""
    site = repaired.site
    block = re.findall(r"^dagster job backfill .*$", PAGE.read_text("utf-8"), re.MULTILINE)
    key, changed = max(site.levels()), []
    for line in block:
        before = site.made()
        words = [key if word == "INTAKE" else word for word in shlex.split(line)]
        environment = os.environ | {
            "DAGSTER_HOME": str(site.home.dagster), "SUPERVISOR_HOME": str(site.home.root),
        }  # fmt: skip
        command = [str(Path(sys.executable).parent / words[0]), *words[1:]]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT_S
        )
        assert done.returncode == 0, done.stderr
        newest = site.instance.get_backfills(limit=1)[0].backfill_id
        wait_for(lambda one=newest: site.runs(one, dg.DagsterRunStatus.SUCCESS) or None, LIMIT_S)
        changed.append([key for key in before if before[key] != site.made()[key]])
    assert changed == [[], [key]]


def test_a_backfill_that_is_cancelled_ends_with_its_runs_and_leaves_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with aside(tmp_path) as site:
        monkeypatch.setenv(VARIABLE, "mask.staged:hang")
        ended_early(site)


def ended_early(site: Site) -> None:
    """One run hangs, one waits for its place; both are ended."""
    site.instance.event_log_storage.set_concurrency_slots("cleaning", 1)
    with daemon(site.home):
        wait_for(lambda: site.instance.get_daemon_heartbeats().get("SENSOR"), LIMIT_S)
        ran = site.backfill("cleaned_frames", "--failed", "--json")
        key = json.loads(ran.out)["backfills"][0]["id"]
        waiting = lambda: list(site.home.work.glob("*/*.png")) or None  # noqa: E731
        wait_for(waiting, LIMIT_S)  # one has cleaned its file, and hangs
        ran = site.backfill("cancel", key, "--wait")
        assert ran.code == 0, ran.err
        assert "canceled" in ran.err
        assert site.ended(key) is BulkActionStatus.CANCELED
        runs = site.runs(key)
        assert {one.status for one in runs} == {dg.DagsterRunStatus.CANCELED}
        begun = {one.tags[PARTITION_TAG] for one in runs}
        levels = site.levels()
        assert "raw_aside/none" in levels.values()  # of the one that had not begun
        assert all("running" not in level for level in levels.values()), (levels, begun)
        assert not list(site.home.cleaned.rglob("*.png"))
