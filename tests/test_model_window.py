"""How many questions at once and how long each may take: by what the server has shown."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_builders import NOON, open_store

from supervisor_core.keys import MediaKey
from supervisor_core.model.window import SLOWING, Round, Window, after, budget_s
from supervisor_core.reasons import Reason
from supervisor_core.store import analyses, windows
from supervisor_core.store.analyses import Question
from supervisor_core.store.owners import this_process

HERE, MODEL = "http://127.0.0.1:11434", "m"


def play(at_once: int, rounds: int, largest: int = 8, window: Window | None = None) -> Window:
    """A server that answers in 1 s, so many at a time; the rest wait for their turn."""
    window = window or Window()
    for _ in range(rounds):
        asked = window.places
        seconds = tuple(1.0 + number // at_once for number in range(asked))
        window = after(window, Round(asked, seconds), largest)
    return window


def test_a_server_that_answers_one_after_the_other_stays_at_one_or_two() -> None:
    assert play(at_once=1, rounds=40).places <= 2


@pytest.mark.parametrize("at_once", [2, 4])
def test_the_window_finds_about_as_many_places_as_the_server_has(at_once: int) -> None:
    assert at_once <= play(at_once, rounds=40).places <= 2 * at_once + 1


def test_it_grows_no_further_than_it_may() -> None:
    assert play(at_once=100, rounds=40, largest=5).size == 5


@pytest.mark.parametrize("reason", sorted(SLOWING))
def test_a_server_that_can_not_cope_is_asked_half_as_much_at_once(reason: Reason) -> None:
    wide = Window(8.0, 1.0)
    assert after(wide, Round(8, (1.0,) * 7, (reason,)), 8).size == 4.0


def test_what_is_wrong_with_an_answer_says_nothing_about_the_server() -> None:
    assert after(Window(2.0, 1.0), Round(2, (1.0,), (Reason.INVALID_IMAGE,)), 8).size == 3.0


def test_a_server_that_became_slower_for_good_is_believed_in_the_end() -> None:
    window = Window(4.0, 1.0)
    for _ in range(80):
        window = after(window, Round(window.places, (3.0,) * window.places), 8)
    assert window.places >= 4


@given(
    st.lists(
        st.tuples(
            st.integers(1, 9),
            st.lists(st.floats(0, 1e4), max_size=9),
            st.lists(st.sampled_from(list(Reason)), max_size=3),
        ),
        max_size=30,
    )
)
def test_there_is_always_a_place_and_never_too_many(rounds: list) -> None:
    window = Window()
    for asked, seconds, failed in rounds:
        window = after(window, Round(asked, tuple(seconds), tuple(failed)), 6)
        assert 1 <= window.places <= 6


def test_a_budget_follows_the_median_between_its_limits() -> None:
    assert budget_s([4.0] * 9, 1.0, 10.0, 600.0) == 32.0
    assert budget_s([0.1] * 9, 1.0, 10.0, 600.0) == 10.0
    assert budget_s([500.0] * 9, 1.0, 10.0, 600.0) == 600.0
    assert budget_s([0.1] * 9, 1.0, 10.0, 5.0) == 5.0


def test_while_little_is_known_or_the_model_must_be_loaded_all_the_time_is_given() -> None:
    assert budget_s([1.0] * 4, 1.0, 10.0, 600.0) == 600.0
    assert budget_s([1.0] * 9, 3600.0, 10.0, 600.0) == 600.0
    assert budget_s([1.0] * 9, None, 10.0, 600.0) == 600.0


def test_places_are_shared_and_those_of_the_dead_are_free(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    soon = NOON + timedelta(seconds=60)
    with store.write() as connection:
        for _ in range(3):
            windows.learn(connection, HERE, MODEL, [Round(9, (1.0,))], 8, NOON)
        assert windows.load(connection, HERE, MODEL).places == 4

        def take(owner: str, wanted: int, now: object = NOON) -> int:
            return windows.take(connection, HERE, MODEL, owner, wanted, now, soon)

        one, two = this_process("one"), this_process("two")
        assert take(one, 3) == 3
        assert take(two, 3) == 1
        assert take(two, 3) == 1, "its own place does not stand in its way"
        windows.give_back(connection, HERE, MODEL, one)
        assert take(two, 9) == 4
        assert take(one, 1) == 0
        assert take(one, 1, soon) == 1, "what is over is free"
        windows.give_back(connection, HERE, MODEL, one)
        gone = two.replace(two.rpartition("/")[2], "1.1")
        connection.execute("UPDATE model_slot SET owner = ?", [gone])
        assert take(one, 2) == 2


def test_the_last_questions_of_a_task_to_a_model_are_what_counts(tmp_path: Path) -> None:
    store = open_store(tmp_path)

    def question(number: int, **changes: object) -> Question:
        values = {"seconds": 2.0, "load_s": 0.5, "model": MODEL, "task": "enrichment/title"}
        asked = NOON + timedelta(seconds=number)
        return Question(str(number), "a", MediaKey("m"), asked=asked, **values | changes)

    with store.write() as connection:
        analyses.ask(connection, [question(number) for number in range(30)])
        analyses.ask(connection, [question(31, seconds=9.5, reason=Reason.TIMEOUT)])
        analyses.ask(connection, [question(40, seconds=99.0, reason=Reason.MODEL_BUSY)])
        analyses.ask(connection, [question(41, seconds=99.0, model="other")])
        analyses.ask(connection, [question(42, seconds=99.0, task="enrichment/embed")])
        found = windows.lately(connection, MODEL, "enrichment/title")
    assert found.seconds == (9.0, *(1.5,) * 24)
    assert found.last == NOON + timedelta(seconds=31)
