"""The rest of the house knows of released files: looks, restores, doctor, retention."""

from datetime import timedelta
from pathlib import Path

import pytest
from backup_parts import come_back, lose_store, made_of
from backup_parts import house as house
from pipeline_parts import House
from release_parts import (
    ANNA,
    cleaned_bytes,
    media_of,
    outside,
    put,
    release,
    review_of,
    rows,
    waiting,
    withdraw,
)

from supervisor_assets.cli import doctor_home
from supervisor_assets.cli.findings import State
from supervisor_core.care.consistency import everything, look_over
from supervisor_core.care.flaws import Flaw
from supervisor_core.care.records import forget_records
from supervisor_core.deadline import Worker
from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.reasons import Failed
from supervisor_core.states import Review
from supervisor_core.store import dead_letters, reviews, traces
from supervisor_core.store.reviews import Verdict


@pytest.fixture
def key(house: House) -> IntakeKey:
    key = house.arrive("one", "two")
    house.clean(key)
    release(house, *media_of(house, key))
    put(house, key)
    return key


def flaws(house: House) -> set[tuple[Flaw, str]]:
    found = house.pipeline.do(look_over, everything).findings
    return {(one.flaw, one.subject) for one in found}


def test_a_look_over_knows_what_lies_there_what_is_missing_and_what_is_no_release(
    house: House, key: IntakeKey
) -> None:
    assert flaws(house) == set()
    first, second = media_of(house, key)
    one, two = sorted(house.home.released.rglob("*.png"))
    one.unlink()
    two.write_text("x" * two.stat().st_size)
    stray = two.with_name(f"{key}-002-{'0' * 16}.png")
    stray.write_text("never")
    path = house.home.relative(stray)
    assert flaws(house) == {
        (Flaw.FILE_MISSING, first),
        (Flaw.FILE_CHANGED, second),
        (Flaw.UNRELEASED, path),
    }


def test_what_is_withdrawn_and_still_lies_there_is_told(house: House, key: IntakeKey) -> None:
    withdraw(house, media_of(house, key)[0])
    assert {flaw for flaw, _ in flaws(house)} == {Flaw.UNRELEASED}
    put(house, key)
    assert flaws(house) == set()


@pytest.mark.campaign
def test_what_was_taken_back_after_the_backup_stays_taken_back(
    house: House, key: IntakeKey
) -> None:
    backup = made_of(house).backup
    first, second = media_of(house, key)
    withdraw(house, first)
    put(house, key)
    later = house.arrive("three")
    house.clean(later)
    release(house, *media_of(house, later))
    put(house, later)
    lose_store(house)
    again, found = come_back(house, backup)
    assert found.releases_lost == 1
    assert (review_of(again, first), review_of(again, second)) == (Review.NONE, Review.RELEASED)
    for one in waiting(again):
        put(again, one)
    assert list(outside(again.home.released).values()) == cleaned_bytes(again, second)
    assert flaws(again) == set()


def test_no_pruning_drops_a_decision(house: House, key: IntakeKey) -> None:
    first = media_of(house, key)[0]
    before = trail(house, first)
    house.clock.turn(timedelta(days=4000).total_seconds())
    house.pipeline.do(forget_records, dry_run=False)
    assert trail(house, first) == before
    assert [verdict for verdict, _ in before] == [Verdict.SEEN, Verdict.RELEASED]
    with house.store.read() as connection:
        told = [(one.event, one.who) for one in traces.trace(connection, first)]
    assert [one for one in told if one[1] == ANNA] == [("seen", ANNA), ("released", ANNA)]


def trail(house: House, media: MediaKey) -> list[tuple[Verdict, str]]:
    with house.store.read() as connection:
        found = reviews.history(connection, media)
    return [(one.verdict, one.who) for one in found]


@pytest.mark.campaign
def test_what_can_not_be_put_out_in_the_end_is_retried_as_all_else_is(
    house: House, key: IntakeKey
) -> None:
    house.settings = house.settings.model_copy(update={"copy_tries": 1})
    later = house.arrive("three")
    house.clean(later)
    (one,) = media_of(house, later)
    release(house, one)
    raw = house.home.cleaned.rglob("*.png")
    broken = next(path for path in raw if path.read_bytes() == b"frame_level of three")
    content = broken.read_bytes()
    broken.write_text("broken")
    assert put(house, later).failed
    assert waiting(house) == []
    broken.write_bytes(content)
    with house.store.write() as connection:
        letters = dead_letters.find(connection)
        dead_letters.put_back(connection, letters, ANNA, house.clock())
    assert [letter.asset.value for letter in letters] == ["released_files"]
    assert waiting(house) == [later]
    put(house, later)
    assert len(rows(house, later)) == 1


def test_doctor_says_whether_there_is_a_place_for_released_files(tmp_path: Path) -> None:
    house, folder = House(tmp_path), tmp_path / "share"
    with Worker() as worker:
        assert doctor_home.releases(house.settings, worker).state is State.OK
        settings = house.settings.model_copy(update={"release_folder": folder})
        assert doctor_home.releases(settings, worker).state is State.FAILED
        folder.mkdir()
        assert doctor_home.releases(settings, worker).state is State.OK
        both = settings.model_copy(update={"release_bucket": "releases"})
        with pytest.raises(Failed, match="release_folder"):
            doctor_home.releases(both, worker)
