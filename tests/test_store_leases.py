"""Who may work on an item and publish for it, and what is left when an owner dies."""

import os
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store_builders import NOON, Clock, media, open_store, start_python

from supervisor_core.reasons import Reason
from supervisor_core.store import Store, attempts, leases
from supervisor_core.store import media as media_table
from supervisor_core.store.attempts import Attempt, Outcome, Step
from supervisor_core.store.media import Media
from supervisor_core.store.owners import is_gone, this_process

OWN = """
import sys
from supervisor_core.store.owners import this_process
print(this_process("run:other"), flush=True)
sys.stdin.readline()
"""


def take(store: Store, owner: str, lease_s: float = 60) -> list[Media]:
    now = store.now()
    with store.write() as connection:
        known = media_table.load(connection, [media().media])
        until = now + timedelta(seconds=lease_s)
        return leases.acquire(connection, list(known.values()), owner, now, until)


def load(store: Store) -> Media:
    with store.read() as connection:
        return media_table.load(connection, [media().media])[media().media]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Store:
    store = open_store(tmp_path, clock)
    with store.write() as connection:
        media_table.add(connection, [media()], NOON)
    return store


def test_a_lease_keeps_others_out_until_it_is_given_back(store: Store) -> None:
    (held,) = take(store, "first")
    assert (held.lease_owner, held.lease_epoch) == ("first", 1)
    assert take(store, "second") == []
    with store.write() as connection:
        media_table.save(connection, [held.release()], store.now())
    (again,) = take(store, "second")
    assert (again.lease_owner, again.lease_epoch) == ("second", 2)


def test_a_lease_that_ran_out_is_taken_over_with_a_new_epoch(store: Store, clock: Clock) -> None:
    (held,) = take(store, "slow")
    clock.turn(61)
    (taken,) = take(store, "quick")
    assert taken.lease_epoch == held.lease_epoch + 1
    assert not leases.is_ours(load(store), "slow", held.lease_epoch)
    assert leases.is_ours(load(store), "quick", taken.lease_epoch)


def test_a_renewed_lease_does_not_run_out(store: Store, clock: Clock) -> None:
    (held,) = take(store, "long")
    clock.turn(50)
    with store.write() as connection:
        until = store.now() + timedelta(seconds=60)
        leases.renew(connection, {held.media: held.lease_epoch}, "long", until)
    clock.turn(50)
    assert take(store, "other") == []


def test_a_lease_that_was_taken_over_can_not_be_renewed(store: Store, clock: Clock) -> None:
    (held,) = take(store, "slow")
    clock.turn(61)
    take(store, "quick")
    before = load(store)
    with store.write() as connection:
        until = store.now() + timedelta(seconds=600)
        leases.renew(connection, {held.media: held.lease_epoch}, "slow", until)
        leases.renew(connection, {held.media: held.lease_epoch}, "quick", until)
    assert load(store) == before


def test_an_owner_takes_its_own_again_with_a_new_epoch(store: Store) -> None:
    (held,) = take(store, "same")
    (again,) = take(store, "same")
    assert again.lease_epoch == held.lease_epoch + 1


def test_nobody_waits_for_an_owner_whose_process_is_gone(store: Store) -> None:
    with start_python(OWN) as process:
        owner = process.stdout.readline().strip()
        take(store, owner)
        assert take(store, this_process("run:mine")) == []
        assert not is_gone(owner)
        process.send_signal(signal.SIGKILL)
    assert is_gone(owner)
    assert len(take(store, this_process("run:mine"))) == 1


def test_a_killed_owner_whose_ashes_are_still_there_is_gone() -> None:
    with start_python(OWN) as process:
        owner = process.stdout.readline().strip()
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(owner)


@pytest.mark.parametrize(
    "owner", ["", "run:1", "run:1@elsewhere/1.2", "run:1@elsewhere/99999999.2", "@/."]
)
def test_an_owner_that_can_not_be_seen_from_here_counts_as_alive(owner: str) -> None:
    assert not is_gone(owner)


def test_a_process_that_got_an_old_number_is_not_the_old_owner() -> None:
    mine = this_process("run:mine")
    head, _, start = mine.rpartition(".")
    assert not is_gone(mine)
    assert is_gone(f"{head}.{int(start) + 1}")


def attempt(**changes: object) -> Attempt:
    values = {"step": Step.MASK, "owner": "o", "started": NOON, "media": media().media}
    return Attempt(**values | {"level": "frame_level"} | changes)


def test_what_a_lost_owner_left_open_is_closed_at_takeover(store: Store, clock: Clock) -> None:
    take(store, "slow")
    with store.write() as connection:
        attempts.open_all(connection, [attempt()])
    clock.turn(61)
    take(store, "quick")
    with store.read() as connection:
        (left,) = attempts.of_media(connection, [media().media])
    assert (left.outcome, left.reason) == (Outcome.INTERRUPTED, Reason.LEASE_LOST)
    assert left.ended > NOON + timedelta(seconds=61)


@pytest.mark.parametrize("step", [Step.ANALYSE, Step.COPY, Step.FINGERPRINT])
def test_who_works_beside_a_lost_owner_is_left_alone(
    step: Step, store: Store, clock: Clock
) -> None:
    take(store, "slow")
    beside = replace(attempt(), step=step, owner="beside", id="beside")
    with store.write() as connection:
        attempts.open_all(connection, [attempt(), beside])
    clock.turn(61)
    take(store, "quick")
    with store.read() as connection:
        assert [one.id for one in attempts.unfinished(connection)] == ["beside"]


def broken(store: Store, *ends: tuple[Outcome, Reason | None]) -> int:
    """How many tries in a row count against a media after these, one second apart."""
    tried = [
        replace(
            attempt(started=NOON + timedelta(seconds=number)),
            ended=NOON,
            outcome=outcome,
            reason=reason,
        )
        for number, (outcome, reason) in enumerate(ends)
    ]
    with store.write() as connection:
        attempts.open_all(connection, [replace(one, ended=None, outcome=None) for one in tried])
        attempts.close_all(connection, tried)
    with store.read() as connection:
        counted = attempts.count_broken(connection, [media().media], "frame_level")
    return counted.get(media().media, 0)


CRASH = (Outcome.INTERRUPTED, Reason.WORKER_CRASHED)
DISK = (Outcome.FAILED, Reason.IO_ERROR)
NEVER_BEGAN = (Outcome.INTERRUPTED, Reason.CANCELLED)


@pytest.mark.parametrize(
    ("ends", "counted"),
    [
        ([], 0),
        ([CRASH, DISK], 2),
        ([CRASH, (Outcome.DONE, None)], 0),
        ([CRASH, (Outcome.FAILED, Reason.DECODE_FAILED), CRASH], 1),
        ([CRASH, NEVER_BEGAN, CRASH], 2),
        ([NEVER_BEGAN, (Outcome.INTERRUPTED, Reason.LEASE_LOST)], 0),
    ],
)
def test_only_tries_that_broke_one_after_the_other_count(
    store: Store, ends: list[tuple[Outcome, Reason | None]], counted: int
) -> None:
    assert broken(store, *ends) == counted
