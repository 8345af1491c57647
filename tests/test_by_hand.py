"""What a person selects in the UI runs: any asset alone, without what is judged by the clock."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from rehearsal import House, checks, steps

from sensors.runs import last_runs
from supervisor_assets.care.checks import consistent
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.cleaned_frames.checks import proof
from supervisor_assets.definitions import definitions_for
from supervisor_assets.leftovers.checks import leftovers
from supervisor_assets.rates.checks import rates
from supervisor_assets.videos.assets import videos
from supervisor_core.home import Home
from supervisor_core.store.rows import fetch

INTAKES = {
    "recordings", "videos", "cleaned_frames", "thumbnails", "analyses", "bucket_copies",
    "released_files", "integrity", "fingerprints", "upscales", "library", "enrichments/caption",
    "enrichments/embed", "enrichments/dupe_hints",
}  # fmt: skip


@pytest.fixture(scope="module")
def by_hand() -> dg.JobDefinition:
    """The job that runs whatever somebody selects."""
    return definitions_for("").get_repository_def().get_implicit_global_asset_job_def()


@pytest.mark.parametrize("name", sorted(INTAKES))
def test_every_asset_can_be_selected_alone_and_takes_places_of_one_kind(
    by_hand: dg.JobDefinition, name: str
) -> None:
    alone = by_hand.get_subset(asset_selection={dg.AssetKey(name.split("/"))})
    assert alone.executor_def is dg.in_process_executor
    pools = {op.pool for op in alone.all_node_defs if isinstance(op, dg.OpDefinition) and op.pool}
    assert len(pools) == 1


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield House(Home.create(tmp_path / "home"), instance)


def select(
    house: House, intake: str, *assets: dg.AssetsDefinition, **tags: str
) -> dg.ExecuteInProcessResult:
    """Runs assets of an intake as they run when somebody selects them, with all their checks."""
    definitions = dg.Definitions(
        assets=[videos, cleaned_frames],
        asset_checks=[proof, consistent, rates, leftovers],
        resources=house.resources(),
        executor=dg.in_process_executor,
    )
    job = definitions.get_repository_def().get_implicit_global_asset_job_def()
    chosen = [asset.key for asset in assets]
    return job.execute_in_process(
        instance=house.instance,
        partition_key=intake,
        asset_selection=chosen,
        tags={f"supervisor/{name}": value for name, value in tags.items()},
    )


def test_videos_alone_tell_their_own_checks(house: House) -> None:
    house.drop("a.mp4")
    (intake,) = house.take_in()
    assert set(checks(select(house, intake, videos))) == {"accepted", "decodable"}


def test_a_run_of_an_intake_leaves_to_the_clock_what_is_judged_by_it(house: House) -> None:
    house.drop("a.mp4")
    (intake,) = house.take_in()
    result = select(house, intake, videos, cleaned_frames)
    assert result.success
    assert {"rates", "leftovers", "cleaned_frames_consistent"} <= set(steps(result))
    assert set(checks(result)) == {
        "accepted", "decodable", "frame_count_matches", "no_residual_text", "no_stray_metadata",
        "anonymized",
    }  # fmt: skip


def rounds(house: House) -> list[tuple[str, int]]:
    """How each file stands, and how often its first level was tried."""
    sql = """
        SELECT cleaning, count(*) AS tries FROM attempt JOIN media USING (media)
        WHERE step = 'mask' AND level = 'frame_level' GROUP BY media, cleaning ORDER BY cleaning
    """
    with house.store.read() as connection:
        return [(str(row["cleaning"]), int(str(row["tries"]))) for row in fetch(connection, sql)]


@pytest.mark.campaign
def test_what_has_failed_is_tried_again_by_hand_and_good_work_by_name_alone(house: House) -> None:
    house.drop("ward/a.png", "frame_level=DECODE_FAILED", "roi_mask=DECODE_FAILED")
    house.drop("ward/b.png")
    (intake,) = house.take_in()
    assert house.run(intake).success
    assert rounds(house) == [("frame_level", 1), ("raw_aside", 1)]
    assert house.run(intake).success  # as a sensor of ours starts it: nothing is tried again
    assert rounds(house) == [("frame_level", 1), ("raw_aside", 1)]
    assert select(house, intake, cleaned_frames).success
    assert rounds(house) == [("frame_level", 1), ("raw_aside", 2)]
    assert select(house, intake, cleaned_frames, again="all").success
    assert rounds(house) == [("frame_level", 2), ("raw_aside", 3)]


def test_a_run_by_hand_counts_for_the_job_that_makes_the_same(house: House) -> None:
    house.drop("a.mp4")
    (intake,) = house.take_in()
    assert last_runs(house.instance, "clean_intake", [intake], 0.0) == {}
    ran = select(house, intake, videos)
    found = last_runs(house.instance, "clean_intake", [intake], 0.0)
    assert [(one.run_id, one.succeeded) for one in found.values()] == [(ran.run_id, True)]
    assert last_runs(house.instance, "analyse_intake", [intake], 0.0) == {}
