"""What is known of each media: its facts, how far it was cleaned, and who works on it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from fractions import Fraction
from typing import Any

from supervisor_core.keys import MediaKey
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Cleaning, Review, Verification, check_step
from supervisor_core.store import decisions
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, fetch_about, given, insert, keys, reason_of

_STATE = {
    "media": "VARCHAR",
    "raw_path": "VARCHAR",
    "cleaning": "VARCHAR",
    "next_level": "VARCHAR",
    "verification": "VARCHAR",
    "review": "VARCHAR",
    "reason": "VARCHAR",
    "rounds": "INTEGER",
    "tried": "VARCHAR",
    "not_before": "TIMESTAMPTZ",
    "lease_owner": "VARCHAR",
    "lease_epoch": "BIGINT",
    "lease_until": "TIMESTAMPTZ",
    "updated": "TIMESTAMPTZ",
}
_FACTS = {
    "kind": "VARCHAR",
    "container": "VARCHAR",
    "codec": "VARCHAR",
    "width": "INTEGER",
    "height": "INTEGER",
    "frames": "BIGINT",
    "seconds": "DOUBLE",
    "size_bytes": "BIGINT",
    "info": "VARCHAR",
    "first_seen": "TIMESTAMPTZ",
}
_CONTAINERS = {container.value: container for container in Container}


@dataclass(frozen=True)
class Media:
    """One content, however often it came in.

    `next_level` is what a waiting media tries next (RAW_ASIDE: nothing is left to try). `tried` is
    the policy and code version of the last round that ended aside, `rounds` how many there were.
    """

    media: MediaKey
    info: MediaInfo
    raw_path: str
    cleaning: Cleaning = Cleaning.WAITING
    next_level: Cleaning | None = Cleaning.FRAME_LEVEL
    verification: Verification = Verification.NONE
    review: Review = Review.NONE
    reason: Reason | None = None
    rounds: int = 0
    tried: str | None = None
    not_before: datetime | None = None
    lease_owner: str | None = None
    lease_epoch: int = 0
    lease_until: datetime | None = None
    # The review as it was read: `save` writes down that one was lost.
    stood: Review = field(default=Review.NONE, compare=False, repr=False)

    @property
    def may_be_read(self) -> bool:
        """True while the states claim a file that is proven clean, or that needs no cleaning."""
        if self.cleaning is Cleaning.NOT_REQUIRED:
            return True
        made = self.cleaning in (Cleaning.FRAME_LEVEL, Cleaning.ROI_MASK)
        return made and self.verification is Verification.VERIFIED

    def step(self, **changes: Any) -> "Media":
        """The media after a step; raises `Failed(INTERNAL_ERROR)` when the table forbids it.

        A release is lost with the file that it is about. Raises `Failed(NOT_VERIFIED)` when what
        has none would be released.
        """
        following = replace(self, **changes)
        if following.review is Review.RELEASED and not following.may_be_read:
            if self.review is not Review.RELEASED:
                raise Failed(Reason.NOT_VERIFIED)
            following = replace(following, review=Review.NONE)
        check_step(self.cleaning, following.cleaning)
        check_step(self.verification, following.verification)
        check_step(self.review, following.review)
        return following

    def sent_back(self) -> "Media":
        """The media as it waits for the first level again; its last reason stays to be seen."""
        return self.step(
            cleaning=Cleaning.WAITING,
            next_level=Cleaning.FRAME_LEVEL,
            verification=Verification.NONE,
            not_before=None,
        )

    def release(self) -> "Media":
        """The media with nobody working on it."""
        return replace(self, lease_owner=None, lease_until=None)


def add(connection: Connection, new: Sequence[Media], now: datetime) -> None:
    """Enters media that are not known yet."""
    rows = [_state_row(media, now) | _fact_row(media.info, now) for media in new]
    insert(connection, "media", _STATE | _FACTS, rows)


def load(connection: Connection, media: Iterable[str]) -> dict[MediaKey, Media]:
    """The media with these keys, where they are known."""
    return {found.media: found for found in map(_media, fetch_about(connection, "media", media))}


def of_intake(connection: Connection, intake: str) -> list[Media]:
    """The media of an intake in the order of their first arrival, each once."""
    sql = """
        SELECT media.* FROM media
        JOIN (SELECT media, min(ordinal) AS place FROM arrival WHERE intake = ? AND state IN
              ('imported', 'duplicate') GROUP BY media) AS member USING (media)
        ORDER BY place
    """
    return [_media(row) for row in fetch(connection, sql, [intake])]


def save(connection: Connection, media: Sequence[Media], now: datetime) -> None:
    """Writes the states of media; what they were before was read in the same transaction.

    Where what a person had decided counts no more, that is written too.
    """
    if not media:
        return
    lost = [one for one in media if one.stood is not Review.NONE and one.review is Review.NONE]
    if lost:
        decisions.lose(connection, [one.media for one in lost], now)
    assignments = ", ".join(f"{name} = given.{name}" for name in _STATE if name != "media")
    connection.execute(
        f"MERGE INTO media USING {ROWS} AS given USING (media)"
        f" WHEN MATCHED THEN UPDATE SET {assignments}",
        given(_STATE, [_state_row(one, now) for one in media]),
    )


def profiles_of(
    connection: Connection, media: Iterable[str]
) -> dict[MediaKey, set[tuple[str, str]]]:
    """Under which (profile, device) each media came in, over all its arrivals; no device is ''."""
    sql = f"""
        SELECT DISTINCT media, profile, coalesce(device, '') FROM arrival
        JOIN {ROWS} USING (media) JOIN intake USING (intake)
        WHERE state IN ('imported', 'duplicate')
    """  # noqa: S608
    found: dict[MediaKey, set[tuple[str, str]]] = {}
    for key, profile, device in connection.execute(sql, keys("media", media)).fetchall():
        found.setdefault(key, set()).add((profile, device))
    return found


def _state_row(media: Media, now: datetime) -> dict[str, object]:
    return {name: getattr(media, name) for name in _STATE if name != "updated"} | {"updated": now}


def _fact_row(info: MediaInfo, now: datetime) -> dict[str, object]:
    plain = {"kind": info.kind, "info": _dump(info), "first_seen": now}
    return plain | {name: getattr(info, name) for name in _FACTS if name not in plain}


def _dump(info: MediaInfo) -> str:
    values = {one.name: getattr(info, one.name) for one in fields(info)}
    return json.dumps(values | {"sample_aspect": str(info.sample_aspect)})


def _parse(text: str) -> MediaInfo:
    values = json.loads(text)
    typed = {
        "container": _CONTAINERS[values["container"]],
        "sample_aspect": Fraction(values["sample_aspect"]),
    }
    return MediaInfo(**values | typed)


def _media(row: dict[str, Any]) -> Media:
    values = {one.name: row[one.name] for one in fields(Media) if one.name != "stood"}
    level = row["next_level"]
    values["info"] = _parse(row["info"])
    values["cleaning"] = Cleaning(row["cleaning"])
    values["next_level"] = Cleaning(level) if level else None
    values["verification"] = Verification(row["verification"])
    values["review"] = values["stood"] = Review(row["review"])
    values["reason"] = reason_of(row["reason"])
    return Media(**values)
