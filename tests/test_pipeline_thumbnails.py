"""Small pictures: drawn of what is verified, and drawn later when nobody came to it."""

from pathlib import Path

import pytest
from all_steps import LEVELS
from pipeline_parts import House

from supervisor_core.keys import IntakeKey
from supervisor_core.repair import Cause
from supervisor_core.store.open_work import open_intakes


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def left(house: House) -> list[Cause]:
    with house.store.read() as connection:
        return [one.cause for one in open_intakes(connection, house.clock().timestamp())]


def verified(house: House, *texts: str) -> IntakeKey:
    """An intake whose run died after it had verified everything."""
    key = house.arrive(*texts)
    house.pipeline.mask(key, LEVELS[0])
    house.pipeline.verify(key, LEVELS[0])
    return key


def test_a_verified_item_without_its_picture_is_unfinished(house: House) -> None:
    key = verified(house, "one")
    assert left(house) == [Cause.UNFINISHED]
    house.pipeline.thumbnails(key)
    assert left(house) == []


def test_a_picture_that_could_not_be_drawn_is_not_tried_for_ever(house: House) -> None:
    key = verified(house, "one\nthumbnail = DECODE_FAILED")
    assert sum(house.pipeline.thumbnails(key).failed.values()) == 1
    assert left(house) == []


def test_a_picture_drawn_before_for_the_same_content_counts_once_it_is_asked_for(
    house: House,
) -> None:
    key = house.arrive("one")
    house.clean(key)
    house.clock.turn(60)
    house.pipeline.send_back(key, everything=True)
    house.pipeline.mask(key, LEVELS[0])
    house.pipeline.verify(key, LEVELS[0])
    assert left(house) == [Cause.UNFINISHED]
    assert house.pipeline.thumbnails(key).done == 1
    assert left(house) == []
    assert house.pipeline.thumbnails(key).done == 0
