"""What came in is recorded once, with its name kept apart."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_builders import NOON, key_of, media, media_key, open_store, output, seen

from supervisor_core.inbox.plan import NewArrival, NewIntake
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Failed, Reason
from supervisor_core.repair import Cause
from supervisor_core.states import Arrival as State
from supervisor_core.states import Cleaning, Verification
from supervisor_core.store import Store, arrivals, names, outputs
from supervisor_core.store import media as media_table
from supervisor_core.store.arrivals import (
    arrivals_of,
    find_intake,
    known_arrivals,
    record_arrivals,
    record_intakes,
)
from supervisor_core.store.names import escape, unescape
from supervisor_core.store.open_work import open_intakes
from supervisor_core.store.progress import summarise

A, B, C = (seen(name) for name in ("a.png", "b.png", "c.png"))


def record(store: Store, *files: NewArrival) -> frozenset[IntakeKey]:
    return record_arrivals(store, key_of(*files), "inbox", "upload", files, kind="stills")


def states(store: Store, intake: IntakeKey) -> list[State]:
    with store.read() as connection:
        return [arrival.state for arrival in arrivals_of(connection, intake)]


def test_recording_twice_is_recording_once(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert record(store, A, B) == {key_of(A, B)}
    assert record(store, A, B) == {key_of(A, B)}
    assert states(store, key_of(A, B)) == [State.SEEN, State.SEEN]


def test_a_file_stays_in_the_intake_that_had_it_first(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    record(store, A, B)
    assert record(store, B, C) == {key_of(A, B), key_of(B, C)}
    assert record(store, A) == {key_of(A, B)}
    assert len(states(store, key_of(A, B))) == 2
    assert len(states(store, key_of(B, C))) == 1
    with store.read() as connection:
        assert find_intake(connection, key_of(A)) is None


def test_several_intakes_are_recorded_at_once(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    new = [
        NewIntake(key_of(A), "upload", "video", (A,)),
        NewIntake(key_of(B, C), "archive", "stills", (B, C)),
    ]
    assert record_intakes(store, new) == {key_of(A), key_of(B, C)}
    assert record_intakes(store, []) == frozenset()
    with store.read() as connection:
        found = find_intake(connection, key_of(B, C))
        assert set(known_arrivals(connection)) == {A.fingerprint, B.fingerprint, C.fingerprint}
    assert (found.profile, found.kind, found.source) == ("archive", "stills", "inbox")
    assert found.first_seen.replace(microsecond=0) == NOON


def test_paths_are_in_the_restricted_file_only(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    files = [seen("Müller, Eva/1.png"), seen("raw\udcff%41.png"), seen("two\nlines'.png")]
    record(store, *files)
    with store.restricted() as connection:
        found = names.recall(connection, [file.fingerprint for file in files])
    assert found == {file.fingerprint: file.path for file in files}
    assert "Müller".encode() not in (store.home.store / "supervisor.duckdb").read_bytes()


@given(st.binary(min_size=1, max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_any_name_a_disk_can_hold_comes_back(path: str) -> None:
    assert unescape(escape(path)) == path
    escape(path).encode("utf-8")


@pytest.mark.campaign
def test_100_000_known_files_are_read_in_less_than_a_second(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    files = [NewArrival(f"{number:064x}", str(number), 1, 1) for number in range(100_000)]
    record_arrivals(store, IntakeKey("20260504_AAAAAAAAAA"), "inbox", "upload", files)
    started_s = time.perf_counter()
    with store.read() as connection:
        found = known_arrivals(connection)
    assert time.perf_counter() - started_s < 1
    assert len(found) == 100_000
    assert set(found.values()) == {State.SEEN}


def test_a_step_that_the_table_does_not_have_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    record(store, A)
    with store.read() as connection:
        (arrival,) = arrivals_of(connection, key_of(A))
    done = replace(arrival, state=State.IMPORTED, media=media_key("a"))
    with store.write() as connection:
        arrivals.save_all(connection, [(arrival, done)], NOON)
    with pytest.raises(Failed), store.write() as connection:
        arrivals.save_all(connection, [(done, replace(done, state=State.REFUSED))], NOON)
    assert states(store, key_of(A)) == [State.IMPORTED]


def settle(store: Store, *states: tuple[State, media_table.Media | None, Reason | None]) -> None:
    """Gives the files of the intake of A, B and C their states, with one media each."""
    record(store, A, B, C)
    with store.write() as connection:
        members = arrivals_of(connection, key_of(A, B, C))
        changes = [
            (before, replace(before, state=state, media=one.media if one else None, reason=reason))
            for before, (state, one, reason) in zip(members, states, strict=True)
        ]
        arrivals.save_all(connection, changes, NOON)
        known = {one.media: one for _, one, _ in states if one}
        media_table.add(connection, list(known.values()), NOON)


CLEAN = media(
    "clean",
    cleaning=Cleaning.FRAME_LEVEL,
    next_level=None,
    verification=Verification.VERIFIED,
)
ASIDE = media(
    "aside",
    cleaning=Cleaning.RAW_ASIDE,
    next_level=None,
    reason=Reason.TIMEOUT,
    tried="all_text/drop/- 1",
    not_before=NOON,
)


def test_a_summary_tells_the_worst_level_and_counts_a_content_once(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    settle(
        store,
        (State.IMPORTED, CLEAN, None),
        (State.DUPLICATE, CLEAN, None),
        (State.IMPORTED, ASIDE, None),
    )
    with store.write() as connection:
        outputs.save(connection, [output(CLEAN)])
    with store.read() as connection:
        summary = summarise(connection, key_of(A, B, C))
        assert summarise(connection, IntakeKey("20260504_BBBBBBBBBB")) is None
    assert summary.worst_level is Cleaning.RAW_ASIDE
    assert summary.arrivals == {State.IMPORTED: 2, State.DUPLICATE: 1}
    assert summary.levels == {Cleaning.FRAME_LEVEL: 1, Cleaning.RAW_ASIDE: 1}
    assert summary.reasons == {Reason.TIMEOUT: 1}
    assert (summary.frames, summary.frames_inspected, summary.regions) == (1, 1, 2)
    assert (summary.coverage, summary.seconds, summary.verified) == (0.25, 0.5, 1)
    assert summary.settled


def test_coverage_weighs_every_output_by_its_pixels(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    other = media("other", cleaning=Cleaning.ROI_MASK, next_level=None)
    settle(
        store,
        (State.IMPORTED, CLEAN, None),
        (State.IMPORTED, other, None),
        (State.REFUSED, None, Reason.FILE_EMPTY),
    )
    with store.write() as connection:
        outputs.save(connection, [output(CLEAN), output(other, frames=3, coverage=0.0)])
    with store.read() as connection:
        summary = summarise(connection, key_of(A, B, C))
    assert summary.coverage == pytest.approx(0.25 / 4)
    assert summary.reasons == {Reason.FILE_EMPTY: 1}
    assert summary.worst_level is Cleaning.ROI_MASK
    assert not summary.settled


@pytest.mark.parametrize(
    ("now_s", "version", "causes"),
    [
        (NOON.timestamp() - 1, "1", set()),
        (NOON.timestamp() + 1, "1", {Cause.CAUSE_PASSED}),
        (NOON.timestamp() - 1, "2", {Cause.OLD_CODE}),
        (NOON.timestamp() - 1, "", set()),
    ],
)
def test_a_raw_item_is_open_again_when_its_time_or_new_code_has_come(
    tmp_path: Path, now_s: float, version: str, causes: set[Cause]
) -> None:
    store = open_store(tmp_path)
    refused = (State.REFUSED, None, Reason.FILE_EMPTY)
    settle(store, (State.IMPORTED, CLEAN, None), (State.IMPORTED, ASIDE, None), refused)
    with store.read() as connection:
        found = open_intakes(connection, now_s, version)
    assert {one.cause for one in found} == causes
    assert {one.intake for one in found} <= {key_of(A, B, C)}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"cleaning": Cleaning.RUNNING},
        {"cleaning": Cleaning.FRAME_LEVEL},
        {"cleaning": Cleaning.ROI_MASK},
        {"next_level": Cleaning.RAW_ASIDE, "verification": Verification.TIMEOUT},
    ],
)
def test_an_intake_is_unfinished_until_each_item_is_at_its_end(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    store = open_store(tmp_path)
    refused = (State.REFUSED, None, Reason.FILE_EMPTY)
    settle(store, (State.IMPORTED, CLEAN, None), (State.IMPORTED, media(**changes), None), refused)
    with store.read() as connection:
        (found,) = open_intakes(connection, NOON.timestamp())
        assert not summarise(connection, key_of(A, B, C)).settled
    assert (found.intake, found.cause) == (key_of(A, B, C), Cause.UNFINISHED)
    assert found.since_s == NOON.timestamp()


def test_a_seen_file_is_unfinished_work(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    record(store, A)
    with store.read() as connection:
        assert [one.cause for one in open_intakes(connection, 0)] == [Cause.UNFINISHED]
