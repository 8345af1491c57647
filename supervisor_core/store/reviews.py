"""What persons may do with items: hold back, reject, let out, take back.

Each call is one short transaction's work. A release is bound to the hash of the file that somebody
looked at; only a person on the pages makes one, and whatever changes the file undoes it
(`Media.step`, `media.save`). A hold or a rejection stays until a file with other bytes is made.
"""

from collections.abc import Sequence
from datetime import datetime

from supervisor_core.keys import MediaKey
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Review
from supervisor_core.store import decisions, gate, looks
from supervisor_core.store import media as media_table
from supervisor_core.store.database import Connection
from supervisor_core.store.decisions import LAST, Decision, Verdict, Way
from supervisor_core.store.gate import Readable
from supervisor_core.store.rows import ROWS, fetch, keys

__all__ = ["WAYS", "Decision", "Verdict"]

# Each is one step of `states.STEPS`, or two by way of HELD.
WAYS = {
    Verdict.HELD: Way(Review.HELD, (Review.NONE, Review.RELEASED, Review.REJECTED)),
    Verdict.REJECTED: Way(Review.REJECTED, (Review.NONE, Review.HELD, Review.RELEASED)),
    Verdict.REOPENED: Way(Review.NONE, (Review.HELD, Review.REJECTED)),
    Verdict.RELEASED: Way(Review.RELEASED, (Review.NONE, Review.HELD)),
    Verdict.WITHDRAWN: Way(Review.HELD, (Review.RELEASED,)),
}


def hold(connection: Connection, media: Sequence[str], who: str, now: datetime) -> int:
    """Holds items back, released ones too; returns how many were not held before."""
    return _decide(connection, media, Verdict.HELD, who, now)


def reject(connection: Connection, media: Sequence[str], who: str, now: datetime) -> int:
    """Rejects items, released ones too; returns how many were not rejected before."""
    return _decide(connection, media, Verdict.REJECTED, who, now)


def reopen(connection: Connection, media: Sequence[str], who: str, now: datetime) -> int:
    """Has held and rejected items wait for a review again; returns how many. Others stay."""
    return _decide(connection, media, Verdict.REOPENED, who, now)


def release(connection: Connection, media: MediaKey, output: str, who: str, now: datetime) -> bool:
    """Lets the file with this hash out; False when it was let out before.

    Raises `Failed`: NOT_VERIFIED when nothing stands for the media, OUTPUT_CHANGED when another
    file does, ITEM_REJECTED until it is reopened, NOT_SEEN when neither this person nor one who
    might let it out has looked at it.
    """
    _require(connection, media, output)
    state = media_table.load(connection, [media])[media].review
    if state is Review.REJECTED:
        raise Failed(Reason.ITEM_REJECTED)
    if not any(one.who == who or one.reviewing for one in looks.of(connection, media, output)):
        raise Failed(Reason.NOT_SEEN)
    return _decide(connection, [media], Verdict.RELEASED, who, now) == 1


def withdraw(connection: Connection, media: MediaKey, who: str, now: datetime) -> bool:
    """Takes a release back, after which the item is held; False when it was not let out."""
    return _decide(connection, [media], Verdict.WITHDRAWN, who, now) == 1


def history(connection: Connection, media: str) -> list[Decision]:
    """Who has decided what about a media and when, oldest first; `LOST` is the program's."""
    return decisions.of_media(connection, media)


def released(connection: Connection, media: Sequence[str]) -> list[Readable]:
    """The files of media that are let out now: the states and the decision's hash both say so."""
    known = media_table.load(connection, media)
    wanted = [key for key, one in known.items() if one.review is Review.RELEASED]
    sql = (
        f"SELECT media, output FROM ({LAST}) AS verdict JOIN {ROWS} AS given USING (media)"  # noqa: S608
        f" WHERE verdict = '{Verdict.RELEASED}'"
    )
    hashes = {row["media"]: row["output"] for row in fetch(connection, sql, keys("media", wanted))}
    files = gate.readable(connection, [known[key] for key in wanted])
    return [one for one in files if hashes.get(one.media) == one.sha256]


def released_of(connection: Connection, intake: str) -> list[Readable]:
    """Those of an intake, in the order of their first arrival."""
    members = media_table.of_intake(connection, intake)
    return released(connection, [one.media for one in members])


def require_released(connection: Connection, media: MediaKey, output: str) -> Readable:
    """The file of a media that is let out; raises `Failed(NOT_RELEASED)` when it is not this."""
    for one in released(connection, [media]):
        if one.sha256 == output:
            return one
    raise Failed(Reason.NOT_RELEASED)


def _decide(
    connection: Connection, media: Sequence[str], verdict: Verdict, who: str, now: datetime
) -> int:
    return decisions.decide(connection, media, verdict, WAYS[verdict], who, now)


def _require(connection: Connection, media: MediaKey, output: str) -> None:
    if gate.require_verified(connection, media).sha256 != output:
        raise Failed(Reason.OUTPUT_CHANGED)
