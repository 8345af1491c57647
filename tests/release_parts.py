"""A house whose items a person looks at and releases, and ways to look at what lies outside."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline_parts import House

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.pipeline.exported import Standing, exported
from supervisor_core.pipeline.releasing import ReleaseReport, put_out
from supervisor_core.pipeline.unreleased import waiting_releases
from supervisor_core.states import Review
from supervisor_core.store import exports, gate, looks, reviews
from supervisor_core.store import media as media_table
from supervisor_core.store.exports import Export
from supervisor_core.store.looks import Glance

ANNA = "gallery:anna"


def media_of(house: House, key: IntakeKey) -> list[MediaKey]:
    """The media of an intake in its order."""
    items = house.pipeline.summary(key).items
    return [one.media.media for one in items if one.media]


def review_of(house: House, media: MediaKey) -> Review:
    with house.store.read() as connection:
        return media_table.load(connection, [media])[media].review


def readable(house: House, media: MediaKey) -> gate.Readable:
    with house.store.read() as connection:
        return gate.require_verified(connection, media)


def release(house: House, *media: MediaKey) -> None:
    """Somebody opens the page of each item, and lets it out."""
    for one in media:
        sha256 = readable(house, one).sha256
        with house.store.write() as connection:
            looks.add(connection, [Glance(one, sha256, ANNA, house.clock())])
        with house.store.write() as connection:
            reviews.release(connection, one, sha256, ANNA, house.clock())


def withdraw(house: House, media: MediaKey) -> None:
    with house.store.write() as connection:
        reviews.withdraw(connection, media, ANNA, house.clock())


def decide(house: House, act: Callable[..., int], *media: MediaKey) -> int:
    with house.store.write() as connection:
        return act(connection, list(media), ANNA, house.clock())


def put(house: House, key: IntakeKey) -> ReleaseReport:
    return house.pipeline.do(put_out, key)


def standing(house: House, key: IntakeKey) -> Standing:
    return house.pipeline.do(exported, key)


def waiting(house: House) -> list[IntakeKey]:
    return [one.intake for one in house.pipeline.do(waiting_releases)]


def rows(house: House, key: IntakeKey) -> Sequence[Export]:
    with house.store.read() as connection:
        return exports.lying(connection, key)


def outside(folder: Path) -> dict[str, bytes]:
    """What lies in a folder of releases, unfinished files too, by its name there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def cleaned_bytes(house: House, *media: MediaKey) -> list[bytes]:
    return sorted(house.home.absolute(readable(house, one).path).read_bytes() for one in media)
