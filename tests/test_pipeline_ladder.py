"""Down the ladder: what each failure does to an item, and that nothing unproven is ever shown."""

import hashlib
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pipeline_parts import LEVELS, TOOLS, House, Inline

from supervisor_core.cleaning.job import CleanReport, Job, VerifyReport
from supervisor_core.deadline import Worker
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.child import Made
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Cleaning, Review, Verification
from supervisor_core.store import attempts, gate, identifiers, leases
from supervisor_core.store import media as media_table
from supervisor_core.store.attempts import Outcome, Step
from supervisor_core.store.progress import Item

FRAME, ROI = LEVELS
BOTH_FAIL = "frame_level = DECODE_FAILED\nroi_mask = ENCODE_FAILED"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as warm:
        yield warm


def item(house: House, key: IntakeKey, index: int = 0) -> Item:
    return house.pipeline.summary(key).items[index]


def tries(house: House, key: IntakeKey) -> list[tuple[str, str | None, str | None, Reason | None]]:
    found = [one.media.media for one in house.pipeline.summary(key).items if one.media]
    with house.store.read() as connection:
        known = attempts.of_media(connection, found)
    return [(one.step, one.level, one.outcome, one.reason) for one in known]


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
    assert caught.value.reason is Reason.KEY_MISSING
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


PLAIN = "mask = 'none'"
STRICT = "mask = 'all_text'\ndevice = 'olympus_cv_1500'"


def profile(house: House, name: str, text: str) -> None:
    folder = house.home.root / "profiles"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(text)


def test_a_source_without_identifiers_needs_no_cleaning(house: House) -> None:
    profile(house, "library", PLAIN)
    key = house.arrive("one", profile="library")
    assert house.pipeline.mask(key, FRAME).done == 1
    house.clean(key)
    found = item(house, key)
    assert (found.level, found.verification) == (Cleaning.NOT_REQUIRED, Verification.NONE)
    assert found.verified
    assert house.files("cleaned") == []
    assert house.files("raw") == ["one"]
    assert house.files("thumbnails") == ["small one"]
    assert tries(house, key)[0][0] == Step.THUMBNAIL


def test_the_stricter_word_counts_whichever_came_first(house: House) -> None:
    profile(house, "library", PLAIN)
    first = house.arrive("one", profile="library")
    house.clean(first)
    second = house.arrive("one", profile="upload")
    house.clean(second)
    assert item(house, first).level is Cleaning.FRAME_LEVEL
    third = house.arrive("one", profile="library")
    house.clean(third)
    assert item(house, third).level is Cleaning.FRAME_LEVEL
    assert house.files("cleaned") == ["frame_level of one"]


def test_a_new_policy_or_code_makes_a_new_output_and_resets_the_review(house: House) -> None:
    key = house.arrive("one")
    house.clean(key)
    media = item(house, key).media
    with house.store.write() as connection:
        media_table.save(connection, [replace(media, review=Review.HELD)], house.clock())

    house.tools = replace(TOOLS, code_version="2")
    house.clean(key)
    found = item(house, key)
    assert (found.output.code_version, found.media.review) == ("2", Review.NONE)
    assert found.verified

    profile(house, "tower", STRICT)
    other = house.arrive("one", profile="tower")
    house.clean(other)
    assert item(house, key).output.policy == "all_text/drop/olympus_cv_1500"
    with house.store.read() as connection:
        rows = connection.execute("SELECT policy, code_version FROM output ORDER BY created, 2")
        assert len(rows.fetchall()) == 3


def clean_differently(job: Job) -> Made:
    made = TOOLS.clean(job)
    content = job.destination.read_bytes() + b" anew"
    job.destination.write_bytes(content)
    return replace(made, sha256=hashlib.sha256(content).hexdigest())


def test_an_output_that_counts_no_more_leaves_the_public_tree(house: House) -> None:
    key = house.arrive("one")
    house.clean(key)
    house.tools = replace(TOOLS, clean=clean_differently, code_version="2")
    house.clean(key)
    assert house.files("cleaned") == ["frame_level of one anew"]
    assert house.files("thumbnails") == ["small frame_level of one anew"]
    assert house.files("trash") == ["frame_level of one", "small frame_level of one"]


def test_an_output_of_two_media_stays_while_one_of_them_needs_it(house: House) -> None:
    house.tools = replace(TOOLS, clean=clean_to_the_same)
    first, second = house.arrive("one"), house.arrive("two")
    house.clean(first)
    house.clean(second)
    assert house.files("cleaned") == ["black"]
    house.tools = replace(TOOLS, code_version="2")
    house.clean(first)
    assert house.files("cleaned") == ["black", "frame_level of one"]
    assert item(house, second).verified
    house.clean(second)
    assert house.files("cleaned") == ["frame_level of one", "frame_level of two"]


def clean_to_the_same(job: Job) -> Made:
    made = TOOLS.clean(job)
    job.destination.write_bytes(b"black")
    return replace(made, sha256=hashlib.sha256(b"black").hexdigest())


def test_what_fails_under_new_code_is_shown_no_more(house: House) -> None:
    key = house.arrive("one")
    house.clean(key)
    house.tools = replace(TOOLS, code_version="2", clean=_fail)
    house.clean(key)
    assert item(house, key).level is Cleaning.RAW_ASIDE
    assert house.files("cleaned") == house.files("thumbnails") == []
    assert house.files("aside") == ["one"]


def _fail(job: Job) -> Made:
    raise Failed(Reason.DECODE_FAILED)


def test_new_code_tries_again_what_the_old_could_not_clean(house: House) -> None:
    key = house.arrive(BOTH_FAIL)
    house.clean(key)
    assert house.pipeline.mask(key, FRAME).skipped == 1
    house.tools = replace(TOOLS, clean=_clean_any, code_version="2")
    house.clean(key)
    assert item(house, key).verified
    assert house.files("aside") == []


def _clean_any(job: Job) -> Made:
    return TOOLS.clean(replace(job, source=Path("/dev/null")))


def test_a_person_may_send_items_back(house: House) -> None:
    key = house.arrive("one", BOTH_FAIL)
    house.clean(key)
    assert house.pipeline.send_back(key) == 1
    assert house.pipeline.mask(key, FRAME).failed == {Reason.DECODE_FAILED: 1}
    assert house.pipeline.send_back(key, everything=True) == 1
    assert not item(house, key).verified
    house.clean(key)
    assert item(house, key).verified
    assert item(house, key, 1).level is Cleaning.RAW_ASIDE


def test_another_run_leaves_held_items_alone(house: House) -> None:
    key = house.arrive("one", "two")
    other = house.pipeline.summary(key).items[0].media
    with house.store.write() as connection:
        leases.acquire(connection, [other], "run:9@elsewhere/1.1", house.clock(), house.clock.time)
        media_table.save(
            connection,
            [
                replace(
                    other,
                    lease_owner="run:9@elsewhere/1.1",
                    lease_until=house.clock.time.replace(year=2030),
                )
            ],
            house.clock(),
        )
    report = house.pipeline.mask(key, FRAME)
    assert (report.done, report.busy, report.again) == (1, 1, True)
    house.clock.time = house.clock.time.replace(year=2031)
    assert house.pipeline.mask(key, FRAME).done == 1


class Robber(Inline):
    """Takes the lease away while the work goes on, as another run would after a long silence."""

    def __init__(self, house: House) -> None:
        self.house = house

    def call(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Any:
        result = super().call(function, *args, **options)
        with self.house.store.write() as connection:
            connection.execute(
                "UPDATE media SET lease_owner = 'robber', lease_epoch = lease_epoch + 1"
            )
        return result


@pytest.mark.parametrize("step", ["mask", "verify", "thumbnail"])
def test_a_run_that_lost_its_lease_publishes_nothing(house: House, step: str) -> None:
    key = house.arrive("one")
    order: dict[str, Callable[[], Any]] = {
        "mask": lambda: house.pipeline.mask(key, FRAME),
        "verify": lambda: house.pipeline.verify(key, FRAME),
        "thumbnail": lambda: house.pipeline.thumbnails(key),
    }
    for name, make in order.items():
        if name == step:
            break
        make()
    shown = house.files("cleaned")
    before = item(house, key).level
    house.worker = Robber(house)
    report = order[step]()
    assert report.waiting == {Reason.LEASE_LOST: 1}
    assert house.files("cleaned") == shown
    assert house.files("thumbnails") == []
    expected = Cleaning.RUNNING if step == "mask" else before
    assert item(house, key).level is expected
    assert item(house, key).media.lease_owner == "robber"
    assert tries(house, key)[-1][2:] == (Outcome.FAILED, Reason.LEASE_LOST)


class Slow(Inline):
    """Work that lasts until its lease was renewed twice, in real time."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.ends: set[Any] = set()

    def call(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Any:
        while len(self.ends) < 3:
            self.house.clock.turn(0.01)
            with self.house.store.read() as connection:
                ends = connection.execute("SELECT lease_until FROM media").fetchall()
            self.ends |= set(ends)
            threading.Event().wait(0.01)
        return super().call(function, *args, **options)


def test_long_silent_work_keeps_its_lease(tmp_path: Path) -> None:
    house = House(tmp_path, changes={"lease_s": 0.3})
    key = house.arrive("one")
    house.worker = Slow(house)
    assert house.pipeline.mask(key, FRAME).done == 1


def test_a_full_batch_needs_few_transactions(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    key = house.arrive(*(f"text {number}" for number in range(100)))
    opened: list[int] = []
    write = house.store.write
    monkeypatch.setattr(house.store, "write", lambda: opened.append(1) or write())
    monkeypatch.setattr("supervisor_core.pipeline.batches.GROUP_S", 600.0)
    assert house.pipeline.mask(key, FRAME).done == 100
    assert len(opened) <= 6
    assert house.pipeline.verify(key, FRAME).done == 100
    assert len(opened) <= 12


@pytest.mark.parametrize(("door", "most"), [("read", 5), ("write", 9)])
def test_one_item_needs_few_transactions(
    house: House, monkeypatch: pytest.MonkeyPatch, door: str, most: int
) -> None:
    key = house.record(house.drop("one.png", "one"))
    opened: list[int] = []
    enter = getattr(house.store, door)
    monkeypatch.setattr(house.store, door, lambda: opened.append(1) or enter())
    house.pipeline.import_items(key)
    house.pipeline.mask(key, FRAME)
    house.pipeline.verify(key, FRAME)
    assert house.pipeline.thumbnails(key).done == 1
    assert len(opened) <= most


def test_every_try_is_written_down(house: House) -> None:
    key = house.arrive(BOTH_FAIL)
    house.clean(key)
    assert tries(house, key) == [
        (Step.MASK, FRAME, Outcome.FAILED, Reason.DECODE_FAILED),
        (Step.MASK, ROI, Outcome.FAILED, Reason.ENCODE_FAILED),
    ]
    with house.store.read() as connection:
        rows = connection.execute("SELECT seconds, ended FROM attempt").fetchall()
    assert all(seconds is not None and ended is not None for seconds, ended in rows)
