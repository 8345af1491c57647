"""New rules, new code, and other runs: what becomes of items that were at their end."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from all_steps import LEVELS
from pipeline_parts import TOOLS, House, Inline, item, tries

from supervisor_core.cleaning.job import Job
from supervisor_core.pipeline.child import Made
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Cleaning, Review, Verification
from supervisor_core.store import leases
from supervisor_core.store import media as media_table
from supervisor_core.store.attempts import Outcome, Step

FRAME, ROI = LEVELS
BOTH_FAIL = "frame_level = DECODE_FAILED\nroi_mask = ENCODE_FAILED"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


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
