"""The main job: what a person sees in Dagster of an intake's way from arrival to proof."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from rehearsal import CAST, House, Prompter, Rehearsal, checks, metadata, steps

from resources.pipeline import WORKER_TAG
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.cleaned_frames.checks import (
    anonymized,
    frame_count_matches,
    no_residual_text,
    no_stray_metadata,
)
from supervisor_assets.thumbnails.assets import thumbnails
from supervisor_assets.videos.assets import videos
from supervisor_core.home import Home
from supervisor_core.pipeline import Pipeline
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.states import Arrival, Cleaning, Verification
from supervisor_core.store import gate
from supervisor_core.store.owners import is_gone
from supervisor_core.store.progress import IntakeSummary

CANARY = "Erika Mustermann 12.03.1960"
LOOKS = [anonymized, frame_count_matches, no_residual_text, no_stray_metadata]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield House(Home.create(tmp_path / "home"), instance)


def summary_of(house: House, intake: str) -> IntakeSummary:
    work = Pipeline(house.store, house.home, house.settings, Prompter(), "test", tools=CAST)
    return work.summary(intake)


def everything_logged(house: House, result: dg.ExecuteInProcessResult) -> str:
    run = house.instance.get_run_by_id(result.run_id)
    return f"{house.instance.all_logs(result.run_id)} {run}"


def test_a_clean_video_takes_the_first_level_only(house: House) -> None:
    house.drop("a.mp4")
    (intake,) = house.take_in()
    result = house.run(intake)
    assert result.success
    assert steps(result, "STEP_SKIPPED") == [
        "mask_outside_region", "verify_region", "keep_raw_aside",
    ]  # fmt: skip
    facts = metadata(result, "cleaned_frames.settle")
    assert facts["level"] == "frame_level"
    assert facts["levels"] == {"frame_level": 1}
    assert (facts["frames"], facts["frames_inspected"], facts["masked_regions"]) == (10, 10, 3)
    assert facts["coverage_percent"] == 25.0
    assert facts["seconds"] > 0
    assert facts["picture"].startswith("![cleaned](data:image/jpeg;base64,")
    assert all(check.passed and check.partition == intake for check in checks(result).values())
    assert len(checks(result)) == 6
    assert metadata(result, "thumbnails")["pictures"] == 1
    assert len(list(house.home.cleaned.rglob("*.mp4"))) == 1
    assert not list(house.home.inbox.iterdir())


def test_an_item_that_a_level_cannot_clean_falls_to_the_next(house: House) -> None:
    house.drop("a.mp4", "frame_level=TIMEOUT")
    (intake,) = house.take_in()
    result = house.run(intake)
    assert result.success
    assert steps(result, "STEP_SKIPPED") == ["verify_every_frame", "keep_raw_aside"]
    worst = checks(result)["anonymized"]
    assert (worst.passed, worst.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert metadata(result, "cleaned_frames.settle")["level"] == "roi_mask"
    assert "TIMEOUT" in metadata(result, "cleaned_frames.settle")["reasons"]
    assert metadata(result, "thumbnails")["pictures"] == 1


def test_residual_text_sends_an_item_down_and_never_out(house: House) -> None:
    house.drop("a.mp4", "verify frame_level=RESIDUAL_TEXT")
    (intake,) = house.take_in()
    result = house.run(intake)
    assert result.success
    assert steps(result, "STEP_SKIPPED") == ["keep_raw_aside"]
    (item,) = summary_of(house, intake).items
    assert (item.level, item.verification) == (Cleaning.ROI_MASK, Verification.VERIFIED)
    (published,) = house.home.cleaned.rglob("*.mp4")
    assert published.read_text("utf-8").startswith("roi_mask")


def test_what_no_level_can_clean_is_imported_and_shown_to_nobody(house: House) -> None:
    house.drop("a.mp4", "frame_level=DECODE_FAILED", "roi_mask=DECODE_FAILED")
    (intake,) = house.take_in()
    result = house.run(intake)
    assert result.success
    assert "keep_raw_aside" in steps(result)
    found = checks(result)
    assert (found["anonymized"].passed, found["anonymized"].severity) == (
        False, dg.AssetCheckSeverity.ERROR,
    )  # fmt: skip
    assert found["anonymized"].metadata["badge"].value == "Raw (not anonymized)"
    assert not found["decodable"].passed
    assert found["no_residual_text"].passed
    assert not result.asset_materializations_for_node("thumbnails")
    (item,) = summary_of(house, intake).items
    assert (item.arrival, item.level) == (Arrival.IMPORTED, Cleaning.RAW_ASIDE)
    with house.store.read() as connection, pytest.raises(Failed):
        gate.require_verified(connection, item.media.media)
    assert not list(house.home.cleaned.rglob("*.*"))


def test_one_bad_item_stops_no_other(house: House) -> None:
    for number in range(5):
        house.drop(f"ward/{number}.png", *(["examine=DECODE_FAILED"] if number == 2 else []))
    house.drop("ward/5.png", "frame_level=TIMEOUT")
    house.drop("ward/6.png", "frame_level=TIMEOUT", "roi_mask=WORKER_CRASHED")
    (intake,) = house.take_in()
    result = house.run(intake)
    assert result.success
    assert not steps(result, "STEP_SKIPPED")
    arrived = metadata(result, "videos")
    assert (arrived["files"], arrived["imported"], arrived["refused"]) == (7, 6, 1)
    assert "DECODE_FAILED" in arrived["reasons"]
    some = checks(result)["accepted"]
    assert (some.passed, some.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert (some.metadata["files_refused"].value, some.metadata["DECODE_FAILED"].value) == (1, 1)
    facts = metadata(result, "cleaned_frames.settle")
    assert facts["levels"] == {"frame_level": 4, "roi_mask": 1, "raw_aside": 1}
    assert (facts["level"], facts["verified"]) == ("raw_aside", 5)
    assert metadata(result, "thumbnails")["pictures"] == 5


def test_the_same_content_twice_is_cleaned_once(house: House) -> None:
    first = house.drop("a.mp4", "same")
    (intake,) = house.take_in()
    again = first.read_bytes()
    assert house.run(intake).success
    (house.home.inbox / "b.mp4").write_bytes(again)
    (second,) = house.take_in()
    result = house.run(second)
    assert result.success
    assert metadata(result, "videos")["duplicates"] == 1
    assert checks(result)["anonymized"].passed
    assert len(list(house.home.cleaned.rglob("*.mp4"))) == 1


def test_an_intake_of_which_nothing_may_come_in_says_why_and_is_no_crash(house: House) -> None:
    for number, reason in enumerate(["UNSUPPORTED_CODEC", "UNSUPPORTED_CODEC", "FILE_EMPTY"]):
        house.drop(f"{CANARY}/{number}.png", f"examine={reason}")
    (intake,) = house.take_in()
    result = house.run(intake)
    assert result.success
    assert steps(result) == ["videos", "mask_every_frame"]
    assert not steps(result, "STEP_UP_FOR_RETRY")
    arrived = metadata(result, "videos")
    assert (arrived["files"], arrived["imported"], arrived["refused"]) == (3, 0, 3)
    (found,) = result.get_asset_check_evaluations()
    assert (found.check_name, found.passed) == ("accepted", False)
    assert (found.severity, found.partition) == (dg.AssetCheckSeverity.ERROR, intake)
    told = {name: value.value for name, value in found.metadata.items()}
    assert (told["files"], told["files_refused"]) == (3, 3)
    assert (told["UNSUPPORTED_CODEC"], told["FILE_EMPTY"]) == (2, 1)
    assert Reason.UNSUPPORTED_CODEC.sentence in told["reasons"]
    assert Reason.UNSUPPORTED_CODEC.next_step in told["reasons"]
    for asset in ("cleaned_frames.settle", "thumbnails"):
        assert not result.asset_materializations_for_node(asset)
    assert CANARY not in everything_logged(house, result)
    assert len(list(house.home.refused.iterdir())) == 3


def test_the_checks_of_an_intake_with_nothing_to_clean_pass_when_asked_alone(house: House) -> None:
    house.drop("a.mp4", "examine=UNSUPPORTED_CODEC")
    (intake,) = house.take_in()
    assert house.run(intake).success
    found = {one.check_name: one for one in (look(summary_of(house, intake)) for look in LOOKS)}
    assert all(one.passed for one in found.values())
    assert found["anonymized"].metadata["badge"].value == "Nothing to clean"


def test_a_run_that_is_made_again_does_no_work_twice(house: House) -> None:
    house.drop("a.mp4")
    (intake,) = house.take_in()
    assert house.run(intake).success
    (published,) = house.home.cleaned.rglob("*.mp4")
    before = published.stat().st_mtime_ns
    result = house.run(intake)
    assert result.success
    assert metadata(result, "thumbnails")["pictures"] == 1
    assert published.stat().st_mtime_ns == before
    assert checks(result)["anonymized"].passed


def test_an_asset_can_be_made_alone(house: House) -> None:
    house.drop("a.mp4")
    (intake,) = house.take_in()
    assert house.run(intake).success
    drawn = list(house.home.thumbnails.rglob("*.jpg"))
    for path in drawn:
        path.unlink()
    result = dg.materialize(
        [videos, cleaned_frames, thumbnails],
        selection=[thumbnails],
        partition_key=intake,
        instance=house.instance,
        resources=house.resources(),
    )
    assert result.success
    assert set(house.home.thumbnails.rglob("*.jpg")) == set(drawn)


def test_a_run_leaves_a_mark_by_which_its_death_is_seen(house: House) -> None:
    house.drop("a.mp4")
    (intake,) = house.take_in()
    result = house.run(intake)
    mark = house.instance.get_run_by_id(result.run_id).tags[WORKER_TAG]
    assert result.run_id in mark
    assert not is_gone(mark)


# What goes wrong


class Liar(Rehearsal):
    """A store that holds a file in the tree of cleaned files without a proof for it."""

    def build(self, settings: Settings, worker: Any, owner: str) -> Pipeline:
        class Lying(Pipeline):
            def summary(self, intake: Any) -> IntakeSummary:
                honest = super().summary(intake)
                items = tuple(
                    replace(item, output=replace(item.output, verified_at=None))
                    if item.output
                    else item
                    for item in honest.items
                )
                return replace(honest, items=items)

        home = settings.open_home()
        return Lying(self.open_store(), home, settings, Prompter(), owner, tools=CAST)


def test_a_file_without_proof_in_the_cleaned_tree_stops_the_run(house: House) -> None:
    house.drop("a.mp4")
    (intake,) = house.take_in()
    result = house.run(intake, pipeline=Liar(home=str(house.home.root)))
    assert not result.success
    assert steps(result, "STEP_FAILURE") == ["proof"]
    assert not result.asset_materializations_for_node("thumbnails")
    found = checks(result)
    assert {name for name, check in found.items() if not check.passed} == {
        "no_residual_text", "no_stray_metadata",
    }  # fmt: skip


class Troubled(Rehearsal):
    """A pipeline whose first import ends as told."""

    def build(self, settings: Settings, worker: Any, owner: str) -> Pipeline:
        errors = list(TROUBLE)

        class Failing(Pipeline):
            def import_items(self, intake: Any) -> Any:
                if errors:
                    raise errors.pop(0)
                return super().import_items(intake)

        home = settings.open_home()
        return Failing(self.open_store(), home, settings, Prompter(), owner, tools=CAST)


TROUBLE: list[Exception] = []


def run_troubled(house: House, *errors: Exception) -> dg.ExecuteInProcessResult:
    TROUBLE[:] = errors
    house.drop("a.mp4")
    (intake,) = house.take_in()
    return house.run(intake, pipeline=Troubled(home=str(house.home.root)))


def test_a_passing_cause_is_tried_again(house: House) -> None:
    result = run_troubled(house, Failed(Reason.DISK_FULL, free_bytes=1))
    assert result.success
    assert steps(result, "STEP_UP_FOR_RETRY") == ["videos"]


@pytest.mark.parametrize("reason", [Reason.RESTRICTED_KEY_MISSING, Reason.LEASE_LOST])
def test_a_cause_that_stays_is_not(house: House, reason: Reason) -> None:
    result = run_troubled(house, Failed(reason))
    assert not result.success
    assert not steps(result, "STEP_UP_FOR_RETRY")


def test_what_a_library_says_stays_out_of_the_log(house: House) -> None:
    result = run_troubled(house, ValueError(CANARY))
    assert not result.success
    told = result.failure_data_for_node("videos").user_failure_data.metadata
    assert told["reason"].value == "INTERNAL_ERROR"
    assert told["error"].value == "ValueError"
    assert CANARY not in everything_logged(house, result)
    assert CANARY not in str(result.failure_data_for_node("videos"))


def test_a_partition_that_nobody_recorded_fails_with_its_reason(house: House) -> None:
    house.instance.add_dynamic_partitions("intake", ["20260101_AAAAAAAAAA"])
    result = house.run("20260101_AAAAAAAAAA")
    assert not result.success
    told = result.failure_data_for_node("videos").user_failure_data.metadata
    assert told["reason"].value == "UNKNOWN_INTAKE"
