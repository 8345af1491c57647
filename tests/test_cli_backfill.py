"""`backfill`: what it chooses, says and launches. What the daemon makes of it: campaign."""

import json
import re
import shlex
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import analysis_parts
import dagster as dg
import pytest
import typer
from analysis_parts import cleaned, house_asking, task
from click.testing import CliRunner, Result
from command import LIMIT_S, start
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemotePartitionSetOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import (
    AUTO_RETRY_RUN_ID_TAG,
    BACKFILL_ID_TAG,
    PARENT_RUN_ID_TAG,
    ROOT_RUN_ID_TAG,
    WILL_RETRY_TAG,
)
from dagster._core.utils import make_new_run_id
from ollama_server import Mode, OllamaServer
from pipeline_parts import House

from supervisor_assets.cli.app import app
from supervisor_assets.instance import open_instance, prepare_dagster_home
from supervisor_assets.requests import PARTITION_TAG, PRIORITY_TAG
from supervisor_core.keys import IntakeKey
from supervisor_core.states import Cleaning, Work
from supervisor_core.time_left import in_words, seconds_left

FAILING = "frame_level = DECODE_FAILED\nroi_mask = DECODE_FAILED"
WORN_OUT = "frame_level = TIMEOUT\nroi_mask = TIMEOUT"
HALF = "frame_level = TIMEOUT\nhalf"
PAGE = Path(__file__).parents[1] / "docs" / "backfills.md"

server = analysis_parts.server


@dataclass(frozen=True)
class Site:
    """A house whose home the command works on, with what is in it."""

    house: House
    instance: dg.DagsterInstance
    aside: IntakeKey
    half: IntakeKey
    good: IntakeKey

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(typer.main.get_command(app), ["backfill", *words])

    def told(self, *words: str) -> dict[str, object]:
        ran = self.run(*words, "--json")
        answer: dict[str, object] = json.loads(ran.stdout)
        return answer

    def backfills(self) -> Sequence[PartitionBackfill]:
        return list(self.instance.get_backfills())

    def keys(self, backfill: PartitionBackfill) -> dict[str, set[str]]:
        assert backfill.asset_backfill_data
        subsets = backfill.asset_backfill_data.target_subset.partitions_subsets_by_asset_key
        return {
            asset.to_user_string(): set(subset.get_partition_keys())
            for asset, subset in subsets.items()
        }

    def add_run(
        self,
        backfill: PartitionBackfill,
        key: IntakeKey,
        status: dg.DagsterRunStatus,
        parent: str | None = None,
        **tags: str,
    ) -> str:
        """A run of a backfill, which may follow another of them."""
        run_id = make_new_run_id()
        tags |= {BACKFILL_ID_TAG: backfill.backfill_id, PARTITION_TAG: key}
        if parent:
            tags |= {PARENT_RUN_ID_TAG: parent, ROOT_RUN_ID_TAG: parent}
        self.instance.add_run(
            dg.DagsterRun(
                "__ASSET_JOB",
                run_id=run_id,
                status=status,
                tags=tags,
                parent_run_id=parent,
                root_run_id=parent,
            )
        )
        return run_id


@dataclass(frozen=True)
class Template:
    """A folder with a home that is copied for each test, and its intakes."""

    folder: Path
    intakes: list[IntakeKey]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    house = House(tmp_path_factory.mktemp("template"))
    prepare_dagster_home(house.home)
    return Template(house.folder, [cleaned(house, text) for text in (FAILING, HALF, "sound")])


@pytest.fixture
def site(
    tmp_path: Path, template: Template, server: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    shutil.copytree(template.folder, tmp_path, dirs_exist_ok=True)
    house = house_asking(tmp_path, server.url, analysis_tries=1)
    monkeypatch.setenv("SUPERVISOR_HOME", str(house.home.root))
    monkeypatch.setenv("SUPERVISOR_OLLAMA_URL", server.url)
    with open_instance(house.home) as instance:
        yield Site(house, instance, *template.intakes)


def test_a_dry_run_says_what_and_why_and_launches_nothing(site: Site) -> None:
    ran = site.run("cleaned_frames", "--dry-run")
    assert ran.exit_code == 0, ran.output
    assert [line.split() for line in ran.stdout.splitlines()] == [
        ["asset", "stands", "reason", "items", "intakes"],
        ["cleaned_frames", "raw_aside", "DECODE_FAILED", "1", "1"],
    ]
    assert site.aside in ran.stderr
    told = site.told("cleaned_frames", "--level", "raw_aside,roi_mask", "--dry-run")
    assert told["intakes"] == 2
    assert site.backfills() == []


def test_what_is_chosen_becomes_a_backfill_of_dagster_behind_what_comes_in(site: Site) -> None:
    told = site.told("cleaned_frames", "--failed")
    (made,) = site.backfills()
    assert [one["id"] for one in told["backfills"]] == [made.backfill_id]  # type: ignore[index,union-attr]
    assert made.status is BulkActionStatus.REQUESTED
    assert site.keys(made) == {"cleaned_frames": {site.aside}, "thumbnails": {site.aside}}
    assert made.tags == {"supervisor/again": "failed", PRIORITY_TAG: "-1"}
    assert site.instance.has_dynamic_partition("intake", site.aside)
    assert site.house.pipeline.summary(site.aside).items[0].level is Cleaning.RAW_ASIDE


def test_levels_and_reasons_travel_with_the_runs(site: Site) -> None:
    site.run("cleaned_frames", "--level", "roi_mask", "--code", "timeout")
    (made,) = site.backfills()
    assert site.keys(made)["cleaned_frames"] == {site.half}
    assert made.tags["supervisor/level"] == "roi_mask"
    assert made.tags["supervisor/code"] == "TIMEOUT"


def test_assets_of_other_jobs_get_a_backfill_of_their_own(site: Site, server: OllamaServer) -> None:
    server.mode = Mode.ERROR_500
    site.house.pipeline.analyse(site.good)
    assert task(site.house, site.good).state is Work.DEAD
    server.mode = Mode.NO_MODELS
    refused = site.run("analyses", "cleaned_frames")
    assert refused.exit_code == 1, refused.output
    assert site.backfills() == []
    server.mode = Mode.OK
    ran = site.run("analyses", "cleaned_frames")
    assert ran.exit_code == 0, ran.output
    cleaning, asking = sorted(map(site.keys, site.backfills()), key=len, reverse=True)
    assert cleaning == {"cleaned_frames": {site.aside}, "thumbnails": {site.aside}}
    assert asking == {"analyses": {site.good}}


def test_good_work_is_made_again_only_by_name(site: Site) -> None:
    assert site.told("cleaned_frames", "--intake", site.good)["intakes"] == 0
    assert site.told("cleaned_frames", "--intake", site.good, "--force")["intakes"] == 1
    (made,) = site.backfills()
    assert made.tags["supervisor/again"] == "all"
    assert site.run("cleaned_frames", "--force").exit_code == 2
    assert len(site.backfills()) == 1
    site.instance.update_backfill(made.with_status(BulkActionStatus.COMPLETED_SUCCESS))
    assert site.run("cleaned_frames", "--force", "--yes").exit_code == 0


def test_the_same_is_not_asked_for_twice_while_it_is_under_way(site: Site) -> None:
    first = ("cleaned_frames", "--force", "--intake", site.good)
    assert site.run(*first).exit_code == 0
    (made,) = site.backfills()
    for again in (first, ("cleaned_frames", "--force", "--yes")):
        ran = site.run(*again)
        assert ran.exit_code == 2, ran.output
        assert f"backfill status {made.backfill_id}" in ran.stderr
    assert site.run("cleaned_frames", "--force", "--intake", site.half).exit_code == 0
    assert site.run("thumbnails", "--force", "--intake", site.good).exit_code == 2
    ran = site.run("cleaned_frames", "--level", "frame_level")
    assert ran.exit_code == 0, ran.output
    assert f"Backfill {made.backfill_id} has 1 of these intakes, too" in ran.stderr
    assert len(site.backfills()) == 3
    site.instance.update_backfill(made.with_status(BulkActionStatus.CANCELING))
    assert site.run(*first).exit_code == 0


def test_what_somebody_has_launched_on_the_pages_counts_as_well(site: Site) -> None:
    pages = PartitionBackfill(
        backfill_id="bypages",
        status=BulkActionStatus.REQUESTED,
        from_failure=False,
        tags={},
        backfill_timestamp=time.time(),
        partition_names=[site.aside],
        partition_set_origin=RemotePartitionSetOrigin(
            repository_origin=RemoteRepositoryOrigin(
                code_location_origin=RegisteredCodeLocationOrigin(location_name="ours"),
                repository_name="__repository__",
            ),
            partition_set_name="clean_intake_partition_set",
        ),
    )
    site.instance.add_backfill(pages)
    assert site.run("cleaned_frames", "--failed").exit_code == 2
    assert site.run("cleaned_frames", "--level", "roi_mask").exit_code == 0
    assert len(site.backfills()) == 2


@pytest.mark.campaign
def test_two_commands_at_once_launch_one(site: Site) -> None:
    words = ("backfill", "cleaned_frames", "--failed")
    root = site.house.home.root
    with start(*words, home=root) as one, start(*words, home=root) as other:
        one.communicate(timeout=LIMIT_S)
        other.communicate(timeout=LIMIT_S)
    assert sorted([one.returncode, other.returncode]) == [0, 2]
    assert len(site.backfills()) == 1


WRONG = (
    "Erika.mp4",
    "recordings",
    "cleaned_frames --changed-prompt",
    "analyses --level raw_aside",
    "bucket_copies --force --intake x",
    "cleaned_frames --failed --force",
    "cleaned_frames --level nosuch",
    "cleaned_frames --code NOSUCH",
    "cleaned_frames --since yesterday",
    "cleaned_frames --since 2026-05-02 --until 2026-05-01",
    "cleaned_frames --wait",
    "status",
    "status Erika",
    "list --failed",
)


def test_words_without_sense_are_exit_code_2_and_are_not_repeated(site: Site) -> None:
    for words in WRONG:
        ran = site.run(*words.split())
        assert ran.exit_code == 2, (words, ran.output)
        assert "Erika" not in ran.output
    assert site.backfills() == []


def test_more_than_a_thousand_intakes_are_not_begun_by_mistake(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervisor_assets.cli.backfill.MOST", 0)
    assert site.run("cleaned_frames").exit_code == 2
    assert site.backfills() == []
    assert site.run("cleaned_frames", "--yes").exit_code == 0


def test_how_far_it_is_can_be_seen_and_ended(site: Site) -> None:
    site.run("cleaned_frames", "--level", "raw_aside,roi_mask")
    (made,) = site.backfills()
    site.add_run(made, site.aside, dg.DagsterRunStatus.SUCCESS)
    site.add_run(made, site.half, dg.DagsterRunStatus.STARTED)
    told = site.told("status", made.backfill_id)
    assert (told["intakes"], told["ended"], told["seconds_left"]) == (2, 1, None)
    assert told["runs"] == {
        "waiting": 0, "running": 1, "succeeded": 1, "failed": 0, "cancelled": 0,
    }  # fmt: skip
    listed = site.run("list")
    assert made.backfill_id in listed.stdout
    assert "1 of 2 ended (1 running, 1 succeeded); time left: unknown" in listed.stderr
    assert site.run("cancel", made.backfill_id).exit_code == 0
    (ending,) = site.backfills()
    assert ending.status is BulkActionStatus.CANCELING


def test_a_run_that_is_tried_again_counts_once(site: Site) -> None:
    site.run("cleaned_frames", "--level", "raw_aside,roi_mask")
    (made,) = site.backfills()
    key, dies = made.backfill_id, {WILL_RETRY_TAG: "true"}

    def runs() -> dict[str, int]:
        found = site.told("status", key)["runs"]
        assert isinstance(found, dict)
        return {name: count for name, count in found.items() if count}

    first = site.add_run(made, site.aside, dg.DagsterRunStatus.FAILURE, **dies)
    assert runs() == {"waiting": 1}
    site.instance.add_run_tags(first, {AUTO_RETRY_RUN_ID_TAG: make_new_run_id()})
    site.add_run(made, site.aside, dg.DagsterRunStatus.STARTED, first)
    assert runs() == {"running": 1}
    second = site.add_run(made, site.half, dg.DagsterRunStatus.FAILURE)
    site.add_run(made, site.half, dg.DagsterRunStatus.SUCCESS, second)  # started by hand
    assert runs() == {"running": 1, "succeeded": 1}
    assert site.told("status", key)["ended"] == 1
    site.add_run(made, site.good, dg.DagsterRunStatus.FAILURE, **dies)
    site.instance.update_backfill(made.with_status(BulkActionStatus.COMPLETED_FAILED))
    assert runs() == {"running": 1, "succeeded": 1, "failed": 1}


def test_the_rest_is_expected_once_some_have_ended() -> None:
    assert seconds_left(2, 0.0, 20.0, 5, [10.0, 20.0]) is None
    assert seconds_left(9, 0.0, 20.0, 0, []) == (0.0, 0.0)
    steady = seconds_left(100, 0.0, 1000.0, 50, [950.0 + 10 * n for n in range(6)])
    assert steady
    low, high = steady
    assert low < 500.0 < high
    assert high - low < 150.0
    few = seconds_left(4, 0.0, 40.0, 50, [10.0, 20.0, 30.0, 40.0])
    assert few
    assert few[0] < 500.0 < few[1]
    stuck = seconds_left(100, 0.0, 5000.0, 50, [950.0 + 10 * n for n in range(6)])
    assert stuck
    assert stuck[1] > 10 * high
    assert [in_words(one) for one in (None, (3.2, 8.1), (100.0, 130.0), (3000.0, 9000.0))] == [
        "unknown", "3-9 s", "1-3 min", "0-3 h",
    ]  # fmt: skip


def commands(page: Path) -> list[list[str]]:
    """Every command of ours in a page, as its words."""
    blocks = re.findall(r"```bash\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("supervisor-")]


def test_the_examples_of_the_page_do_what_they_say(site: Site) -> None:
    site.run("cleaned_frames", "--failed")
    (made,) = site.backfills()
    words = {"INTAKE": site.good, "BACKFILL": made.backfill_id}
    found = commands(PAGE)
    assert len(found) > 8
    for _, name, *rest in found:
        assert name == "backfill"
        ran = site.run(*(words.get(word, word) for word in rest))
        assert ran.exit_code == 0, (rest, ran.output)
    asked = {str(one.tags.get("supervisor/level")) for one in site.backfills()}
    assert {"raw_aside", "roi_mask"} <= asked
    assert time.time() - site.backfills()[0].backfill_timestamp < 600
