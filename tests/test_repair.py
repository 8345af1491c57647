"""Which intakes get another run, and when."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor_core.keys import IntakeKey
from supervisor_core.repair import (
    CANCELLED_WAIT_S,
    FIRST_WAIT_S,
    GRACE_S,
    LONGEST_WAIT_S,
    MAX_ATTEMPTS,
    RENEWALS,
    SLOWEST,
    Cause,
    LastRun,
    OpenIntake,
    Repair,
    by_intake,
    consider,
    plan_repairs,
    wait_s,
)

NOW_S = 1_000_000.0
A = IntakeKey("20260101_AAAAAAAAAA")


def open_intake(
    key: str = A, cause: Cause = Cause.UNFINISHED, since_s: float = NOW_S - 1000
) -> OpenIntake:
    return OpenIntake(IntakeKey(key), cause, since_s)


def run(attempt: int = 1, *, active: bool = False, ended_s: float = NOW_S - 1e6) -> LastRun:
    return LastRun("0123456789abcdef", attempt, active, ended_s)


def test_a_recorded_intake_without_any_run_gets_its_first() -> None:
    assert plan_repairs([open_intake()], {}, NOW_S) == [Repair(A, Cause.UNFINISHED, 1)]


def test_one_that_was_recorded_just_now_is_left_to_its_sensor() -> None:
    assert not plan_repairs([open_intake(since_s=NOW_S - GRACE_S / 2)], {}, NOW_S)


def test_a_run_that_is_going_is_left_alone() -> None:
    for cause in Cause:
        assert not plan_repairs([open_intake(cause=cause)], {A: run(active=True)}, NOW_S)


def test_a_run_that_ended_without_finishing_is_followed_by_the_next_attempt() -> None:
    (repair,) = plan_repairs([open_intake()], {A: run(2)}, NOW_S)
    assert repair.attempt == 3
    assert repair.run_key == f"{A}#3@01234567"


def test_waits_grow_and_end() -> None:
    waits = [wait_s(attempt) for attempt in range(2, 40)]
    assert waits == sorted(waits)
    assert waits[0] == 30.0
    assert waits[-1] == LONGEST_WAIT_S
    early = run(3, ended_s=NOW_S - wait_s(4) + 1)
    late = run(3, ended_s=NOW_S - wait_s(4) - 1)
    assert not plan_repairs([open_intake()], {A: early}, NOW_S)
    assert plan_repairs([open_intake()], {A: late}, NOW_S)
    assert not plan_repairs([open_intake()], {A: run(MAX_ATTEMPTS)}, NOW_S)


def test_a_run_that_somebody_has_stopped_is_not_followed_at_once() -> None:
    for cause in set(Cause) - {Cause.RUN_FAILED}:
        early = cancelled(NOW_S - CANCELLED_WAIT_S + 1)
        late = cancelled(NOW_S - CANCELLED_WAIT_S - 1)
        assert not plan_repairs([open_intake(cause=cause)], {A: early}, NOW_S)
        assert plan_repairs([open_intake(cause=cause)], {A: late}, NOW_S)
    waits = [wait_s(attempt, cancelled=True) for attempt in range(2, 40)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (CANCELLED_WAIT_S, LONGEST_WAIT_S)


def test_a_run_that_waited_in_vain_is_followed_until_one_did_not() -> None:
    failed = open_intake(cause=Cause.RUN_FAILED)
    gave_up = LastRun("0123456789abcdef", 2, False, NOW_S - 1e6, gave_up=True)
    (repair,) = plan_repairs([failed], {A: gave_up}, NOW_S)
    assert (repair.cause, repair.attempt) == (Cause.RUN_FAILED, 3)
    early = replace(gave_up, ended_s=NOW_S - wait_s(3) + 1)
    assert not plan_repairs([failed], {A: early}, NOW_S)
    assert not plan_repairs([failed], {A: run(3)}, NOW_S)
    passed = open_intake(cause=Cause.CAUSE_PASSED)
    assert plan_repairs([failed, passed], {A: run(3)}, NOW_S)[0].cause is Cause.CAUSE_PASSED


def succeeded(attempt: int, ended_s: float) -> LastRun:
    return LastRun("0123456789abcdef", attempt, False, ended_s, succeeded=True)


@pytest.mark.parametrize("attempt", [1, 6, MAX_ATTEMPTS, 10 * MAX_ATTEMPTS])
def test_for_what_is_new_since_a_run_succeeded_the_attempts_begin_anew(attempt: int) -> None:
    early = succeeded(attempt, NOW_S - FIRST_WAIT_S + 1)
    late = succeeded(attempt, NOW_S - FIRST_WAIT_S - 1)
    changed = open_intake(since_s=late.ended_s + 1)
    for news in (open_intake(cause=Cause.NEW, since_s=0.0), changed):
        assert not plan_repairs([news], {A: early}, NOW_S)
        (repair,) = plan_repairs([news], {A: late}, NOW_S)
        assert repair.attempt == 1


def test_what_a_run_that_succeeded_has_left_is_looked_at_for_ever_after_growing_waits() -> None:
    left, attempt, waits = open_intake(since_s=0.0), 1, []
    for _ in range(2 * MAX_ATTEMPTS):
        waits.append(wait_s(attempt + 1))
        assert not plan_repairs([left], {A: succeeded(attempt, NOW_S - waits[-1] + 1)}, NOW_S)
        (repair,) = plan_repairs([left], {A: succeeded(attempt, NOW_S - waits[-1] - 1)}, NOW_S)
        attempt = repair.attempt
    assert waits == sorted(waits)
    assert waits[-1] == wait_s(SLOWEST) == LONGEST_WAIT_S
    # However often that was, one run that fails now is not the end of it.
    assert plan_repairs([left], {A: run(attempt)}, NOW_S)


def test_what_runs_have_failed_at_is_given_up_though_it_be_new() -> None:
    for news in (open_intake(cause=Cause.NEW), open_intake(since_s=NOW_S)):
        assert not plan_repairs([news], {A: run(MAX_ATTEMPTS)}, NOW_S)
        early = run(6, ended_s=NOW_S - wait_s(7) + 1)
        assert not plan_repairs([news], {A: early}, NOW_S)


def test_old_outputs_are_not_made_anew_for_ever_by_runs_that_succeed() -> None:
    old = open_intake(cause=Cause.OLD_CODE, since_s=NOW_S)
    assert plan_repairs([old], {A: succeeded(1, NOW_S - wait_s(2) - 1)}, NOW_S)
    assert not plan_repairs([old], {A: succeeded(3, NOW_S - wait_s(4) + 1)}, NOW_S)
    assert not plan_repairs([old], {A: succeeded(MAX_ATTEMPTS, 0.0)}, NOW_S)


def test_an_intake_goes_on_by_the_cause_that_lets_it_go_on_soonest() -> None:
    b = IntakeKey("20260101_BBBBBBBBBB")
    found = [(A, Cause.UNFINISHED), (b, Cause.NEW), (A, Cause.CAUSE_PASSED), (A, Cause.NEW)]
    causes = {one.intake: one.cause for one in by_intake([*found, (b, Cause.UNFINISHED)])}
    assert causes == {A: Cause.CAUSE_PASSED, b: Cause.NEW}


def cancelled(ended_s: float) -> LastRun:
    return LastRun("0123456789abcdef", 1, False, ended_s, cancelled=True)


def test_where_the_store_says_when_its_word_counts() -> None:
    passed = open_intake(cause=Cause.CAUSE_PASSED)
    assert plan_repairs([passed], {A: run(MAX_ATTEMPTS + 5, ended_s=NOW_S)}, NOW_S)


def test_an_intake_with_two_causes_gets_one_run_for_the_graver() -> None:
    both = [open_intake(cause=Cause.OLD_CODE), open_intake(cause=Cause.UNFINISHED)]
    (repair,) = plan_repairs(both, {}, NOW_S)
    assert repair.cause is Cause.UNFINISHED


def test_what_broke_comes_first_and_what_is_only_old_comes_in_small_parts() -> None:
    old = [open_intake(f"old{number}", Cause.OLD_CODE, 0.0) for number in range(30)]
    broken = [open_intake(f"broken{number}") for number in range(10)]
    repairs = plan_repairs([*old, *broken], {}, NOW_S)
    assert [repair.cause for repair in repairs] == [Cause.UNFINISHED] * 10 + [
        Cause.OLD_CODE
    ] * RENEWALS


def test_no_more_than_the_limit() -> None:
    many = [open_intake(f"{number:03}") for number in range(100)]
    assert len(plan_repairs(many, {}, NOW_S, limit=7)) == 7


@given(st.sets(st.text("abcdef", min_size=1, max_size=4), max_size=40), st.integers(1, 7))
def test_looking_in_parts_reaches_every_intake(keys: set[str], limit: int) -> None:
    intakes = [open_intake(key) for key in keys]
    seen: set[str] = set()
    after = ""
    for _ in range(len(keys) // limit + 1):
        part, after = consider(intakes, after, limit)
        assert len({one.intake for one in part}) <= limit
        seen |= {one.intake for one in part}
    assert seen == keys


@given(
    st.sampled_from(list(Cause)),
    st.floats(0, 2e6),
    st.integers(1, 60),
    st.booleans(),
    st.floats(0, 2e6),
)
def test_a_repair_never_doubles_a_run_nor_exceeds_its_bound(
    cause: Cause, since_s: float, attempt: int, active: bool, ended_s: float
) -> None:
    last = run(attempt, active=active, ended_s=ended_s)
    repairs = plan_repairs([open_intake(cause=cause, since_s=since_s)], {A: last}, NOW_S)
    assert not (repairs and active)
    if repairs and cause is not Cause.CAUSE_PASSED:
        assert repairs[0].attempt <= MAX_ATTEMPTS
        assert NOW_S - ended_s >= wait_s(attempt + 1)
