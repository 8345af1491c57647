"""Rates over a window, and what is left failed: counted from what real attempts leave behind."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from rehearsal import House
from store_builders import Clock, media, media_key, open_store, output

from supervisor_assets.definitions import definitions_for
from supervisor_assets.jobs import watch
from supervisor_core.home import Home
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings
from supervisor_core.states import Cleaning, Verification, Work
from supervisor_core.store import Store, attempts, outputs, work
from supervisor_core.store import media as media_table
from supervisor_core.store.attempts import Attempt, Outcome, Step
from supervisor_core.store.left_failed import ASSETS, left_failed
from supervisor_core.store.rates import FIGURES, Measured, Verdict, measure
from supervisor_core.store.work import Task

SETTINGS = Settings(rate_minimum=20)
BY_NAME = {figure.name: figure for figure in FIGURES}
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path, Clock())


def figure(store: Store, name: str, settings: Settings = SETTINGS) -> Measured:
    with store.read() as connection:
        (found,) = measure(connection, [BY_NAME[name]], store.now(), settings)
    return found


def tried(
    store: Store,
    step: Step,
    count: int,
    reason: Reason | None = None,
    ago: timedelta = timedelta(minutes=5),
    outcome: Outcome | None = None,
    first: int = 0,
) -> None:
    """Attempts that ended some time ago."""
    ended = store.now() - ago
    closed = [
        Attempt(
            step,
            "test",
            ended - timedelta(seconds=10),
            intake="20260504_AAAAAAAAAA",
            ordinal=first + number,
            media=None if step is Step.IMPORT else media_key(f"{first + number}"),
            ended=ended,
            outcome=outcome or (Outcome.FAILED if reason else Outcome.DONE),
            reason=reason,
            seconds=10.0,
        )
        for number in range(count)
    ]
    with store.write() as connection:
        attempts.open_all(connection, closed)


def test_a_timeout_rate_is_a_share_of_what_ended_in_the_window(store: Store) -> None:
    tried(store, Step.MASK, 49)
    tried(store, Step.VERIFY, 49)
    tried(store, Step.MASK, 1, Reason.TIMEOUT)
    tried(store, Step.VERIFY, 1, Reason.VERIFICATION_TIMEOUT)
    # None of these belongs to it: of long ago, another step, and somebody's own wish.
    tried(store, Step.MASK, 50, Reason.TIMEOUT, ago=timedelta(hours=25))
    tried(store, Step.IMPORT, 50, Reason.TIMEOUT)
    tried(store, Step.MASK, 50, Reason.CANCELLED, outcome=Outcome.INTERRUPTED)
    found = figure(store, "timeout_rate")
    assert (found.part, found.whole, found.value) == (2, 100, 0.02)
    assert found.verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("timeouts", "whole", "verdict"),
    [
        (0, 19, Verdict.TOO_FEW),
        (19, 19, Verdict.TOO_FEW),
        (0, 20, Verdict.GOOD),
        (1, 51, Verdict.GOOD),
        (1, 50, Verdict.WARN),
        (5, 50, Verdict.WARN),
        (6, 50, Verdict.ERROR),
    ],
)
def test_at_two_percent_it_warns_and_above_ten_it_is_an_error(
    store: Store, timeouts: int, whole: int, verdict: Verdict
) -> None:
    tried(store, Step.MASK, timeouts, Reason.TIMEOUT)
    tried(store, Step.MASK, whole - timeouts)
    assert figure(store, "timeout_rate").verdict is verdict


@pytest.mark.parametrize(
    ("count", "verdict"),
    [(0, Verdict.GOOD), (2, Verdict.GOOD), (3, Verdict.WARN), (10, Verdict.WARN), (11, "error")],
)
def test_timeouts_of_one_hour_are_counted_without_a_minimum(
    store: Store, count: int, verdict: Verdict
) -> None:
    tried(store, Step.MASK, count, Reason.TIMEOUT)
    tried(store, Step.MASK, 20, Reason.TIMEOUT, ago=timedelta(minutes=61))
    found = figure(store, "timeouts_per_hour")
    assert (found.value, found.window_s, found.verdict) == (count, 3600, verdict)


def laddered(store: Store, level: Cleaning, count: int, first: int) -> None:
    """Media that came to their end on this level just now."""
    verification = Verification.NONE if level is Cleaning.RAW_ASIDE else Verification.VERIFIED
    ended = [
        replace(media(f"{first + number}"), cleaning=level, verification=verification)
        for number in range(count)
    ]
    with store.write() as connection:
        media_table.add(connection, ended, store.now())
    tried(store, Step.VERIFY, count, first=first)


@pytest.mark.parametrize(
    ("levels", "fallback", "anonymized"),
    [
        ((96, 4, 0), Verdict.GOOD, Verdict.GOOD),
        ((95, 5, 0), Verdict.WARN, Verdict.GOOD),
        ((80, 15, 5), Verdict.WARN, Verdict.WARN),
        ((79, 1, 20), Verdict.ERROR, Verdict.WARN),
        ((79, 0, 21), Verdict.ERROR, Verdict.ERROR),
    ],
)
def test_fallbacks_and_the_anonymized_share_are_the_ladders_last_word(
    store: Store, levels: tuple[int, int, int], fallback: Verdict, anonymized: Verdict
) -> None:
    numbers = itertools.accumulate(levels, initial=0)
    for level, count, first in zip(
        (Cleaning.FRAME_LEVEL, Cleaning.ROI_MASK, Cleaning.RAW_ASIDE), levels, numbers, strict=False
    ):
        laddered(store, level, count, first)
        tried(store, Step.MASK, count, Reason.DECODE_FAILED, first=first, ago=2 * HOUR)
    falls, share = figure(store, "fallback_rate"), figure(store, "anonymized_share")
    assert (falls.part, falls.whole) == (levels[1] + levels[2], 100)
    assert (share.part, share.whole) == (levels[0] + levels[1], 100)
    assert (falls.verdict, share.verdict) == (fallback, anonymized)


def test_how_long_cleaning_takes_does_not_grow_with_the_length_or_size_of_a_video(
    store: Store,
) -> None:
    short = replace(media("short"), info=replace(media().info, seconds=2.0))
    long = replace(media("long"), info=replace(media().info, seconds=3600.0))
    large = replace(
        media("large"), info=replace(media().info, seconds=30.0, width=2560, height=1440)
    )
    with store.write() as connection:
        media_table.add(connection, [short, long, large], store.now())
        for one, seconds in ((short, 20.0), (long, 2400.0), (large, 80.0)):
            made = output(one, seconds=seconds, verify_seconds=seconds, verified_at=store.now())
            outputs.save(connection, [made])
    found = figure(store, "cleaning_duration", Settings(rate_minimum=3))
    assert (round(found.value or 0, 3), found.whole) == (40.0, 3)
    assert found.verdict is Verdict.GOOD
    limits = {"cleaning_duration_warn": 30.0, "cleaning_duration_error": 39.0}
    strict = Settings(rate_minimum=3, **limits)
    assert figure(store, "cleaning_duration", strict).verdict is Verdict.ERROR


def test_a_file_that_is_bad_itself_is_no_failed_import(store: Store) -> None:
    tried(store, Step.IMPORT, 94)
    tried(store, Step.IMPORT, 4, Reason.UNSUPPORTED_CODEC, first=94)
    tried(store, Step.IMPORT, 2, Reason.WORKER_CRASHED, first=98)
    assert (figure(store, "import_failure_rate").part, BY_NAME["import_failure_rate"].asset) == (
        2,
        "videos",
    )
    assert figure(store, "import_failure_rate").verdict is Verdict.WARN
    tried(store, Step.IMPORT, 2, first=98, ago=timedelta(0))  # they came in after all
    found = figure(store, "import_failure_rate")
    assert (found.part, found.whole, found.verdict) == (0, 100, Verdict.GOOD)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield House(Home.create(tmp_path / "home"), instance)


def judged(house: House) -> dict[str, dg.AssetCheckEvaluation]:
    """The standing checks of the scheduled job, without its canary."""
    job = definitions_for(str(house.home.root)).resolve_job_def(watch.name)
    steps = [node.name for node in job.nodes if node.name in ("rates", "leftovers")]
    result = job.execute_in_process(instance=house.instance, op_selection=steps)
    assert result.success
    return {
        one.asset_check_key.to_user_string(): one for one in result.get_asset_check_evaluations()
    }


def test_the_checks_say_what_they_were_made_of(house: House) -> None:
    house.drop("a.mp4", "frame_level=TIMEOUT")
    house.drop("b.mp4", "frame_level=DECODE_FAILED", "roi_mask=DECODE_FAILED")
    house.drop("refused.mp4", "examine=UNSUPPORTED_CODEC")
    outcomes = {intake: house.run(intake).success for intake in house.take_in()}
    assert all(outcomes.values())
    found = judged(house)
    facts = {
        name: value.value for name, value in found["cleaned_frames:timeout_rate"].metadata.items()
    }
    assert facts == {
        "part": 1, "whole": 5, "percent": 20.0, "warn_percent": 2, "error_percent": 10,
        "window_s": 86400, "minimum": 20, "judged": False, "verdict": "too_few",
    }  # fmt: skip
    left = {
        name for name, one in found.items() if name.endswith("none_left_failed") and not one.passed
    }
    assert left == {"cleaned_frames:none_left_failed"}
    aside = found["cleaned_frames:none_left_failed"]
    assert aside.severity is dg.AssetCheckSeverity.ERROR
    assert (aside.metadata["intakes"].value, aside.partition) == (1, None)
    assert "DECODE_FAILED" in str(aside.metadata["reasons"].value)
    assert len(found) == len(FIGURES) + len(ASSETS)


def test_what_comes_again_by_itself_only_warns(house: House) -> None:
    house.drop("a.mp4", "frame_level=TIMEOUT", "roi_mask=TIMEOUT")
    (intake,) = house.take_in()
    house.run(intake)
    aside = judged(house)["cleaned_frames:none_left_failed"]
    assert (aside.passed, aside.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert aside.metadata["first"].value == intake


def test_dead_work_is_left_failed_until_it_is_put_back(store: Store) -> None:
    now = store.now()
    dead = Task(media_key("0"), "analysis/general", now, now, Work.DEAD, Reason.TIMEOUT, 5)
    waiting = replace(dead, media=media_key("1"), state=Work.WAITING)
    with store.write() as connection:
        caption = replace(dead, task="enrich/caption")
        work.save(connection, [dead, waiting, caption], now)
        for number in (0, 1):
            connection.execute(
                "INSERT INTO arrival VALUES ('20260504_AAAAAAAAAA', ?, 'f', 'imported', NULL, ?, 1,"
                " 1, ?, ?)",
                [number, media_key(str(number)), now, now],
            )
        (found,) = left_failed(connection, ["analyses"], now)
        assert (found.intakes, found.reasons) == (("20260504_AAAAAAAAAA",), {Reason.TIMEOUT: 1})
        work.save(connection, [dead.put_down(Work.QUEUED, attempts=0)], now)
        (found,) = left_failed(connection, ["analyses"], now)
        assert found.intakes == ()


def test_the_canary_has_to_be_fresh_and_nothing_else_where_quiet_is_normal() -> None:
    graph = definitions_for("").resolve_asset_graph()
    policies = {node.key.to_user_string(): node.freshness_policy for node in graph.asset_nodes}
    (wanted,) = [name for name, policy in policies.items() if policy]
    assert wanted == "canary"
    assert policies["canary"].fail_window.to_timedelta() == timedelta(minutes=37.5)


def test_an_intake_is_cleaned_without_the_standing_checks() -> None:
    definitions = definitions_for("")
    standing = {"rates", "leftovers"}
    jobs = ("clean_intake", "analyse_intake", "record_stream", "copy_intake", "enrich_intake")
    for job in (*jobs, "fingerprint_intake"):
        names = {node.name for node in definitions.resolve_job_def(job).nodes}
        assert not names & standing
