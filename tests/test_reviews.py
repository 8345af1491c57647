"""What persons decide about items, and how long it counts."""

import time
from pathlib import Path

import pytest
from pipeline_parts import furnish
from store_builders import NOON, Clock, media, output, settings_for

from supervisor_core.keys import MediaKey
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import STEPS, Cleaning, Review, Verification
from supervisor_core.store import Store, looks, outputs, reviews, traces
from supervisor_core.store import media as media_table
from supervisor_core.store.looks import Glance
from supervisor_core.store.media import Media
from supervisor_core.store.reviews import WAYS, Verdict

CLEAN = {
    "cleaning": Cleaning.FRAME_LEVEL,
    "next_level": None,
    "verification": Verification.VERIFIED,
}
ANNA, BEN = "gallery:anna", "gallery:ben"


class Desk:
    """A store with one verified item, and people who decide about it."""

    def __init__(self, folder: Path, **changes: object) -> None:
        self.clock = Clock()
        settings = settings_for(folder)
        home = settings.open_home()
        furnish(home)
        self.store = Store(home, settings, self.clock)
        self.media = media(**CLEAN | changes)
        self.hash = output(self.media).sha256
        with self.store.write() as connection:
            media_table.add(connection, [self.media], NOON)
            outputs.save(connection, [output(self.media, verified_at=NOON)])

    def look(self, who: str = ANNA, sha256: str | None = None, *, reviewing: bool = False) -> bool:
        """Whether the look counts."""
        one = Glance(self.media.media, sha256 or self.hash, who, self.clock(), reviewing)
        with self.store.write() as connection:
            return looks.add(connection, [one]) == 1

    def release(self, who: str = ANNA, sha256: str | None = None) -> bool:
        with self.store.write() as connection:
            return reviews.release(
                connection, self.media.media, sha256 or self.hash, who, self.clock()
            )

    def decide(self, verdict: Verdict, who: str = ANNA) -> int:
        several = {
            Verdict.HELD: reviews.hold,
            Verdict.REJECTED: reviews.reject,
            Verdict.REOPENED: reviews.reopen,
        }
        with self.store.write() as connection:
            if verdict is Verdict.WITHDRAWN:
                return reviews.withdraw(connection, self.media.media, who, self.clock())
            return several[verdict](connection, [self.media.media], who, self.clock())

    def change(self, *steps: dict[str, object]) -> None:
        with self.store.write() as connection:
            one = self.loaded(connection)
            for step in steps:
                one = one.step(**step)
            media_table.save(connection, [one], self.clock())

    def loaded(self, connection: object) -> Media:
        return media_table.load(connection, [self.media.media])[self.media.media]  # type: ignore[arg-type]

    @property
    def review(self) -> Review:
        with self.store.read() as connection:
            return self.loaded(connection).review

    @property
    def verdicts(self) -> list[Verdict]:
        with self.store.read() as connection:
            return [one.verdict for one in reviews.history(connection, self.media.media)]

    @property
    def out(self) -> list[str]:
        with self.store.read() as connection:
            return [one.sha256 for one in reviews.released(connection, [self.media.media])]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def refused(reason: Reason) -> object:
    return pytest.raises(Failed, match=f"^{reason}:")


def test_whoever_has_looked_lets_out_what_was_seen(desk: Desk) -> None:
    desk.look()
    desk.look()
    assert desk.release()
    assert not desk.release()
    assert desk.review is Review.RELEASED
    assert desk.out == [desk.hash]
    assert desk.verdicts == [Verdict.SEEN, Verdict.RELEASED]
    with desk.store.read() as connection:
        (look,) = looks.of(connection, desk.media.media, desk.hash)
        told = [(one.event, one.who) for one in traces.trace(connection, desk.media.media)]
    assert (look.who, look.times) == (ANNA, 2)
    assert look.first < look.last
    assert told == [("seen", ANNA), ("released", ANNA)]


def test_looks_of_several_at_several_are_written_at_once(desk: Desk) -> None:
    desk.look(BEN)
    key, now = desk.media.media, desk.clock
    glances = [
        Glance(key, desk.hash, ANNA, now()),
        Glance(key, desk.hash, BEN, now()),
        Glance(key, "b" * 64, ANNA, now()),
        Glance(key, desk.hash, ANNA, now(), reviewing=True),
        Glance(MediaKey("c" * 64), desk.hash, ANNA, now()),
    ]
    with desk.store.write() as connection:
        assert looks.add(connection, glances) == 3
        assert looks.add(connection, glances[2:3]) == 0
        anna, ben = sorted(looks.of(connection, key, desk.hash), key=lambda one: one.who)
    assert (anna.times, anna.reviewing) == (2, True)
    assert (anna.first, anna.last) == (glances[0].when, glances[3].when)
    assert (ben.times, ben.reviewing, ben.last) == (2, False, glances[1].when)
    assert desk.verdicts == [Verdict.SEEN, Verdict.SEEN]  # each person's first one


def test_what_nobody_has_looked_at_is_not_let_out(desk: Desk) -> None:
    with refused(Reason.NOT_SEEN):
        desk.release()
    desk.look(BEN)
    with refused(Reason.NOT_SEEN):
        desk.release(ANNA)
    desk.look(BEN, reviewing=True)
    assert desk.release(ANNA)


def test_another_file_than_the_one_that_stands_is_neither_seen_nor_let_out(desk: Desk) -> None:
    desk.look()
    assert not desk.look(ANNA, "b" * 64)
    with refused(Reason.OUTPUT_CHANGED):
        desk.release(ANNA, "b" * 64)


@pytest.mark.parametrize(
    "changes",
    [
        {"cleaning": Cleaning.RAW_ASIDE},
        {"cleaning": Cleaning.WAITING},
        {"verification": Verification.NONE},
        {"verification": Verification.RESIDUAL},
    ],
)
def test_what_is_not_proven_clean_is_neither_seen_nor_let_out(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    desk = Desk(tmp_path, **changes)
    assert not desk.look()
    with refused(Reason.NOT_VERIFIED):
        desk.release()


def test_what_needs_no_cleaning_is_let_out_by_its_own_hash(tmp_path: Path) -> None:
    desk = Desk(tmp_path, cleaning=Cleaning.NOT_REQUIRED, verification=Verification.NONE)
    assert not desk.look(ANNA, desk.hash)
    desk.hash = desk.media.media
    desk.look()
    assert desk.release()
    assert desk.out == [desk.media.media]


def test_what_was_rejected_is_reopened_before_it_is_let_out(desk: Desk) -> None:
    desk.look()
    assert desk.decide(Verdict.REJECTED)
    with refused(Reason.ITEM_REJECTED):
        desk.release()
    assert desk.decide(Verdict.REOPENED)
    assert desk.release()


@pytest.mark.parametrize(
    ("verdict", "after"),
    [
        (Verdict.HELD, Review.HELD),
        (Verdict.REJECTED, Review.REJECTED),
        (Verdict.WITHDRAWN, Review.HELD),
    ],
)
def test_a_release_is_taken_back(desk: Desk, verdict: Verdict, after: Review) -> None:
    desk.look()
    desk.release()
    assert desk.decide(verdict, BEN)
    assert (desk.review, desk.out) == (after, [])
    assert not desk.decide(verdict, BEN)
    assert desk.verdicts[-1] is verdict


def test_reopening_takes_no_release_back(desk: Desk) -> None:
    desk.look()
    desk.release()
    assert not desk.decide(Verdict.REOPENED)
    assert desk.out == [desk.hash]


@pytest.mark.parametrize("verdict", WAYS)
def test_every_way_is_made_of_steps_of_the_table(verdict: Verdict) -> None:
    way, steps = WAYS[verdict], STEPS[Review]
    for begin in way.begins:
        over_held = Review.HELD in steps[begin] and way.ends in steps[Review.HELD]
        assert way.ends in steps[begin] or over_held


SENT_BACK = {"cleaning": Cleaning.WAITING, "verification": Verification.NONE}


@pytest.mark.parametrize(
    "steps",
    [
        [SENT_BACK],
        [{"verification": Verification.NONE}],
        [{"cleaning": Cleaning.RUNNING}],
        [SENT_BACK, {"cleaning": Cleaning.RAW_ASIDE}],
        [SENT_BACK, {"cleaning": Cleaning.NOT_REQUIRED}],
    ],
)
def test_whatever_moves_the_file_loses_the_release(
    desk: Desk, steps: list[dict[str, object]]
) -> None:
    desk.look()
    desk.release()
    desk.change(*steps)
    assert (desk.review, desk.out) == (Review.NONE, [])
    assert desk.verdicts[-1] is Verdict.LOST
    with desk.store.read() as connection:
        lost = reviews.history(connection, desk.media.media)[-1]
    assert (lost.who, lost.output) == ("supervisor", desk.hash)


def test_the_same_bytes_again_are_looked_at_again_and_let_out_anew(desk: Desk) -> None:
    desk.look()
    desk.release()
    desk.change(SENT_BACK)
    back = {"cleaning": Cleaning.RUNNING}, {"cleaning": Cleaning.FRAME_LEVEL}
    desk.change(*back, {"verification": Verification.VERIFIED})
    assert (desk.review, desk.out) == (Review.NONE, [])


def test_a_release_of_another_hash_than_the_file_has_counts_for_nothing(desk: Desk) -> None:
    """Whoever wrote the state past these functions has let nothing out by that."""
    desk.look()
    desk.release()
    with desk.store.write() as connection:
        newer = output(desk.media, code_version="2", sha256="c" * 64, verified_at=NOON)
        outputs.save(connection, [newer])
    assert (desk.review, desk.out) == (Review.RELEASED, [])
    with desk.store.read() as connection, refused(Reason.NOT_RELEASED):
        reviews.require_released(connection, desk.media.media, desk.hash)


def test_no_state_claims_a_release_without_a_file() -> None:
    held = media(cleaning=Cleaning.RAW_ASIDE, review=Review.HELD)
    with refused(Reason.NOT_VERIFIED):
        held.step(review=Review.RELEASED)


def test_a_hundred_thousand_items_are_held_at_once(tmp_path: Path) -> None:
    desk, count = Desk(tmp_path), 100_000
    with desk.store.write() as connection:
        connection.execute(
            "INSERT INTO media SELECT media.* REPLACE (sha256(range::VARCHAR) AS media)"
            f" FROM media, range({count})"
        )
        keys = [str(row[0]) for row in connection.execute("SELECT media FROM media").fetchall()]
    started_s = time.process_time()
    with desk.store.write() as connection:
        assert reviews.hold(connection, keys, ANNA, NOON) == count + 1
    took_s = time.process_time() - started_s
    with desk.store.write() as connection:
        assert reviews.hold(connection, keys[:10], ANNA, NOON) == 0
        assert reviews.reopen(connection, keys[:5] * 2 + ["unknown"], BEN, NOON) == 5
        ids = connection.execute("SELECT count(DISTINCT id), count(*) FROM decision").fetchone()
        held = connection.execute("SELECT count(*) FROM media WHERE review = 'held'").fetchone()
    assert ids == (count + 6, count + 6)
    assert held == (count - 4,)
    assert took_s < 4  # processor's time, of all cores
