"""One thread works ahead: same items, same errors, and it ends when nobody listens any more."""

import threading
from collections.abc import Iterator

import pytest

from supervisor_core.ahead import ahead


def counted(limit: int, made: list[int]) -> Iterator[int]:
    for number in range(limit):
        made.append(number)
        yield number


def test_all_items_come_in_their_order() -> None:
    assert list(ahead(range(1000))) == list(range(1000))
    assert list(ahead([])) == []


def test_an_error_comes_after_the_items_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("third")

    taken = []
    with pytest.raises(ValueError, match="third"):
        taken.extend(ahead(broken()))
    items = ahead(broken())
    assert [next(items), next(items)] == [1, 2]


def test_no_more_than_a_few_are_made_in_advance() -> None:
    made: list[int] = []
    items = ahead(counted(1000, made), depth=3)
    assert next(items) == 0
    items.close()
    assert len(made) <= 5


def test_the_thread_ends_with_the_one_who_stops_early() -> None:
    before = threading.active_count()
    for _ in ahead(counted(1000, []), depth=2):
        break
    items = ahead(iter(range(100)))
    next(items)
    items.close()
    assert threading.active_count() == before
