"""Down the ladder: what each failure does to an item, and that nothing unproven is ever shown."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from all_steps import LEVELS
from pipeline_parts import TOOLS, House, Inline, item, tries

from supervisor_core.cleaning.job import CleanReport, Job, VerifyReport
from supervisor_core.deadline import Worker
from supervisor_core.pipeline.child import Made
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Cleaning, Verification
from supervisor_core.store import gate, identifiers
from supervisor_core.store.attempts import Outcome, Step

FRAME, ROI = LEVELS
BOTH_FAIL = "frame_level = DECODE_FAILED\nroi_mask = ENCODE_FAILED"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as warm:
        yield warm


def test_the_way_of_a_good_item(house: House) -> None:
    key = house.arrive("one", "two")
    masked = house.pipeline.mask(key, FRAME)
    assert (masked.done, masked.failed, masked.below, masked.again) == (2, {}, 0, False)
    assert house.files("cleaned") == []
    verified = house.pipeline.verify(key, FRAME)
    assert (verified.done, verified.failed, verified.below) == (2, {}, 0)
    assert house.files("cleaned") == ["frame_level of one", "frame_level of two"]
    assert house.pipeline.thumbnails(key).done == 2
    assert house.files("thumbnails") == ["small frame_level of one", "small frame_level of two"]
    summary = house.pipeline.summary(key)
    assert summary.worst_level is Cleaning.FRAME_LEVEL
    assert (summary.verified, summary.settled) == (2, True)
    assert summary.verifications == {Verification.VERIFIED: 2}
    assert (summary.frames, summary.frames_inspected, summary.regions) == (2, 2, 4)
    assert (summary.coverage, summary.seconds) == (0.25, 1.5)
    assert house.files("work") == []
    assert house.progress[-1] == (2000, 2000)


def test_made_again_every_step_leaves_alone_what_is_there(house: House) -> None:
    key = house.arrive("one", BOTH_FAIL)
    house.clean(key)
    before = tries(house, key), house.files("cleaned"), house.everywhere()
    reports = [house.pipeline.mask(key, FRAME), house.pipeline.verify(key, FRAME)]
    reports += [house.pipeline.set_aside(key), house.pipeline.thumbnails(key)]
    assert [(report.done, report.skipped) for report in reports] == [(0, 2)] * 4
    assert (tries(house, key), house.files("cleaned"), house.everywhere()) == before


def test_others_may_look_only_into_the_public_tree(house: House) -> None:
    house.clean(house.arrive("one"))
    modes = {
        path.relative_to(house.home.root).parts[0]: stat.S_IMODE(path.stat().st_mode)
        for path in house.home.root.rglob("*")
        if path.is_file() and path.parts[-3] in ("cleaned", "thumbnails")
    }
    assert modes == {"cleaned": 0o644, "thumbnails": 0o644}
    for name in ("cleaned", "thumbnails"):
        assert {
            stat.S_IMODE(folder.stat().st_mode)
            for folder in [house.home.root / name, *(house.home.root / name).iterdir()]
        } == {0o755}
    assert stat.S_IMODE(house.home.raw.stat().st_mode) == 0o700
    assert stat.S_IMODE(house.home.work.stat().st_mode) == 0o700


def test_an_item_that_fails_goes_down_and_the_others_go_on(house: House) -> None:
    key = house.arrive("one", "frame_level = DECODE_FAILED", "two")
    first = house.pipeline.mask(key, FRAME)
    assert (first.done, first.failed, first.below) == (2, {Reason.DECODE_FAILED: 1}, 1)
    second = house.pipeline.mask(key, ROI)
    assert (second.done, second.skipped, second.below) == (1, 2, 0)
    assert house.pipeline.verify(key, ROI).done == 1
    assert item(house, key, 1).level is Cleaning.ROI_MASK
    assert item(house, key, 1).reason is Reason.DECODE_FAILED
    assert item(house, key, 1).verified
    assert tries(house, key)[-2:] == [
        (Step.MASK, ROI, Outcome.DONE, None),
        (Step.VERIFY, ROI, Outcome.DONE, None),
    ]


def test_what_no_level_can_clean_is_kept_aside_with_its_reason(house: House) -> None:
    key = house.arrive("one", BOTH_FAIL)
    house.clean(key)
    raw = item(house, key, 1)
    assert (raw.level, raw.reason, raw.verified) == (
        Cleaning.RAW_ASIDE,
        Reason.ENCODE_FAILED,
        False,
    )
    assert (raw.media.rounds, raw.media.not_before) == (1, None)
    assert house.files("aside") == [BOTH_FAIL]
    assert house.files("raw") == ["one"]
    assert house.files("cleaned") == ["frame_level of one"]
    assert house.pipeline.summary(key).worst_level is Cleaning.RAW_ASIDE
    with house.store.read() as connection, pytest.raises(Failed) as caught:
        gate.require_verified(connection, raw.media.media)
    assert caught.value.reason is Reason.NOT_VERIFIED


@pytest.mark.parametrize("reason", [Reason.RESIDUAL_TEXT, Reason.FRAMES_MISSING])
def test_a_residual_finding_sends_one_down_never_out(house: House, reason: Reason) -> None:
    key = house.arrive(f"verify frame_level = {reason}")
    house.pipeline.mask(key, FRAME)
    report = house.pipeline.verify(key, FRAME)
    assert (report.done, report.failed, report.below) == (0, {reason: 1}, 1)
    found = item(house, key)
    assert (found.level, found.verification) == (Cleaning.WAITING, Verification.RESIDUAL)
    assert house.files("cleaned") == []
    assert house.files("work") == []
    house.pipeline.mask(key, ROI)
    assert item(house, key).verification is Verification.NONE
    house.pipeline.verify(key, ROI)
    assert item(house, key).verified
    assert [text.split(" of ")[0] for text in house.files("cleaned")] == ["roi_mask"]


def test_what_was_found_is_kept_with_the_output(house: House) -> None:
    key = house.arrive("verify frame_level = RESIDUAL_TEXT\nverify roi_mask = FRAMES_MISSING")
    house.clean(key)
    with house.store.read() as connection:
        rows = connection.execute(
            "SELECT level, residual_regions, verify_reason, current, path FROM output ORDER BY 1"
        ).fetchall()
    assert rows == [
        ("frame_level", 3, "RESIDUAL_TEXT", False, None),
        ("roi_mask", 3, "FRAMES_MISSING", False, None),
    ]
    assert item(house, key).level is Cleaning.RAW_ASIDE
    assert item(house, key).verification is Verification.RESIDUAL


def test_work_that_hangs_goes_a_level_down_at_its_limit(tmp_path: Path, worker: Worker) -> None:
    house = House(tmp_path, worker, replace(TOOLS, clean_limit_s=lambda *_: 3.0))
    key = house.arrive("frame_level = hang", "frame_level = crash")
    report = house.pipeline.mask(key, FRAME)
    assert report.failed == {Reason.TIMEOUT: 1, Reason.WORKER_CRASHED: 1}
    assert house.files("work") == []
    assert house.pipeline.mask(key, ROI).done == 2


@pytest.mark.campaign
def test_a_verification_that_misses_its_limit_is_aside_and_comes_back_later(
    tmp_path: Path, worker: Worker
) -> None:
    house = House(tmp_path, worker, replace(TOOLS, verify_limit_s=lambda *_: 3.0))
    key = house.arrive("verify frame_level = hang")
    house.pipeline.mask(key, FRAME)
    report = house.pipeline.verify(key, FRAME)
    assert (report.failed, report.below) == ({Reason.VERIFICATION_TIMEOUT: 1}, 1)
    assert house.pipeline.mask(key, ROI).done == 0
    assert house.pipeline.set_aside(key).done == 1
    found = item(house, key)
    assert (found.level, found.verification) == (Cleaning.RAW_ASIDE, Verification.TIMEOUT)
    assert found.reason is Reason.VERIFICATION_TIMEOUT
    assert house.files("aside") == ["verify frame_level = hang"]

    house.tools, house.worker = replace(TOOLS, verify=_verify_any), Inline()
    assert house.pipeline.mask(key, FRAME).skipped == 1
    house.clock.turn(61)
    house.clean(key)
    assert item(house, key).verified
    assert house.files("aside") == []
    assert house.files("raw") == ["verify frame_level = hang"]


def _verify_any(job: Job, report: CleanReport) -> VerifyReport:
    class Willing:
        """A job whose source says nothing."""

        source, destination, level = Path("/dev/null"), job.destination, job.level

    return TOOLS.verify(Willing(), report)  # type: ignore[arg-type]


def test_waits_double_with_every_round(house: House) -> None:
    key = house.arrive("frame_level = TIMEOUT\nroi_mask = TIMEOUT")
    waits = []
    for _ in range(4):
        house.clean(key)
        found = item(house, key).media
        waits.append(round((found.not_before - house.clock()).total_seconds()))
        house.clock.turn(waits[-1])
    assert waits == [60, 120, 240, 480]
    assert item(house, key).media.rounds == 4


@pytest.mark.campaign
@pytest.mark.parametrize("above", ["frame_level = TIMEOUT", "verify frame_level = WORKER_CRASHED"])
def test_what_a_killed_level_might_have_cleaned_is_tried_again(house: House, above: str) -> None:
    key = house.arrive(f"{above}\nroi_mask = ENCODE_FAILED")
    house.clean(key)
    found = item(house, key)
    assert (found.level, found.reason) == (Cleaning.RAW_ASIDE, Reason.ENCODE_FAILED)
    assert found.media.not_before is not None
    house.tools = replace(TOOLS, clean=_clean_badly, code_version="1")
    house.clock.turn(61)
    house.clean(key)
    assert item(house, key).media.not_before is None


def _clean_badly(job: Job) -> Made:
    raise Failed(Reason.ENCODE_FAILED)


@pytest.mark.parametrize("reason", [Reason.DISK_FULL, Reason.IO_ERROR, Reason.STORE_BUSY])
def test_a_machine_in_trouble_sends_nothing_down(house: House, reason: Reason) -> None:
    key = house.arrive(f"frame_level = {reason}", "two")
    report = house.pipeline.mask(key, FRAME)
    assert (report.done, report.waiting, report.below) == (1, {reason: 1}, 0)
    assert report.again
    assert item(house, key).level is Cleaning.WAITING
    house.pipeline.set_aside(key)
    assert house.files("aside") == []


def test_no_room_on_the_disk_is_told_before_the_work(tmp_path: Path) -> None:
    house = House(tmp_path, changes={"reserve_bytes": 2**60})
    key = house.arrive("one")
    report = house.pipeline.mask(key, FRAME)
    assert report.waiting == {Reason.DISK_FULL: 1}
    assert house.files("work") == []


def test_a_disk_that_breaks_on_one_item_again_and_again_is_the_items_end(house: House) -> None:
    key = house.arrive("frame_level = IO_ERROR")
    for _ in range(3):
        assert house.pipeline.mask(key, FRAME).waiting == {Reason.IO_ERROR: 1}
        house.clock.turn(1)
    report = house.pipeline.mask(key, FRAME)
    assert (report.failed, report.below) == ({Reason.WORKER_CRASHED: 1}, 1)


def test_a_wrong_installation_stops_the_step_and_spares_the_items(house: House) -> None:
    key = house.arrive("frame_level = DEPENDENCY_MISSING", "two")
    with pytest.raises(Failed) as caught:
        house.pipeline.mask(key, FRAME)
    assert caught.value.reason is Reason.DEPENDENCY_MISSING
    assert item(house, key).level is Cleaning.WAITING
    assert {one.media.next_level for one in house.pipeline.summary(key).items} == {FRAME}


def test_what_was_read_goes_to_the_restricted_store_and_nowhere_else(house: House) -> None:
    key = house.arrive("a name stands here")
    house.clean(key)
    media = item(house, key).media.media
    with house.store.restricted() as connection:
        (found,) = identifiers.of_media(connection, [media])
    assert (found.kind, found.text, found.width) == ("patient_name", "Eva Kanarienvogel", 30)
    for path in house.home.root.rglob("*"):
        assert not path.is_file() or b"Kanarienvogel" not in path.read_bytes()


def test_nothing_counts_before_what_was_read_is_kept(house: House) -> None:
    key = house.arrive("a name stands here", "two")
    with house.store.restricted():
        pass
    (house.home.root / "restricted.key").unlink()
    with pytest.raises(Failed) as caught:
        house.pipeline.mask(key, FRAME)
    assert caught.value.reason is Reason.RESTRICTED_KEY_MISSING
    assert house.pipeline.summary(key).levels == {Cleaning.WAITING: 2}
    assert house.files("work") == []


def test_a_raw_file_that_is_gone_ends_the_item_with_that_reason(house: House) -> None:
    key = house.arrive("one", "two")
    (gone,) = [path for path in house.home.raw.rglob("*.png") if path.read_text() == "one"]
    gone.unlink()
    house.clean(key)
    assert item(house, key).level is Cleaning.RAW_ASIDE
    assert item(house, key).reason is Reason.FILE_NOT_FOUND
    assert item(house, key, 1).verified


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_a_finished_file_that_is_not_what_was_made_is_made_again(house: House, harm: str) -> None:
    key = house.arrive("one")
    house.pipeline.mask(key, FRAME)
    (staged,) = house.home.work.rglob("*.png")
    if harm == "gone":
        staged.unlink()
    else:
        staged.write_text("something else")
    assert house.pipeline.verify(key, FRAME).waiting == {Reason.FILE_CHANGED: 1}
    assert house.files("cleaned") == []
    house.clean(key)
    assert item(house, key).verified
    assert house.files("cleaned") == ["frame_level of one"]
