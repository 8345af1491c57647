"""Sessions that follow one another: the next goes on where the last one ended."""

import pytest
from hls_server import GROUP, Live, counting
from session_parts import Studio, configure, left_of, whole
from session_parts import studio as studio

from supervisor_core.keys import IntakeKey
from supervisor_core.sessions.account import account_of
from supervisor_core.states import Recording as State


def roll_over(studio: Studio, key: IntakeKey) -> list[int]:
    """Records, joins, proves and hands over one session; returns the numbers of its frames."""
    work = studio.pipeline()
    assert work.record(key).state is State.RECORDED
    numbers = studio.numbers(key)
    for step in (work.join_recording, work.validate_recording):
        step(key)
    assert work.hand_over_recording(key).session.state is State.HANDED_OVER
    return numbers


@pytest.mark.campaign
def test_the_next_session_goes_on_where_the_last_one_ended(studio: Studio) -> None:
    """Meanwhile the playlist goes on by more than a player would reach back."""
    with Live(counting(30 * GROUP), step=0, published=3).open() as live:
        configure(studio.home.root, live, session_s=4.0)
        first = studio.begin()
        live.step = 1
        numbers = roll_over(studio, first)
        (tail,) = left_of(studio, first)
        live.published, live.step = live.published + 12, 8
        configure(studio.home.root, live)
        second = studio.begin()
        numbers += roll_over(studio, second)
    whole(numbers, 30)
    assert not tail.exists()
    assert len(left_of(studio, second)) == 1
    with studio.store.read() as connection:
        assert account_of(connection, second).missing_s == 0


@pytest.mark.campaign
def test_a_session_that_failed_in_between_leaves_no_tail_behind(studio: Studio) -> None:
    with Live(counting(4 * GROUP), published=4).open() as live:
        configure(studio.home.root, live)
        first = studio.begin()
        roll_over(studio, first)
        live.status = 404
        assert studio.pipeline().record(studio.begin()).state is State.FAILED
        assert left_of(studio, first)
        live.status = 200
        roll_over(studio, studio.begin())
    assert not left_of(studio, first)
