"""How an intake's released files lie outside, read again there from the first byte to the last."""

import time
from dataclasses import dataclass

from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.places import failed_from
from supervisor_core.pipeline.release_names import start_of
from supervisor_core.pipeline.release_places import Place, place_of
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store import exports, reviews
from supervisor_core.store.exports import Export


@dataclass(frozen=True)
class Standing:
    """How many of an intake's released files lie where they should, and what should not.

    `unreleased` lie there under names of this intake though nobody has let them out. `unread` are
    those that could not be read, because of `reason` or because time was up.
    """

    released: int = 0
    right: int = 0
    missing: int = 0
    different: int = 0
    unread: int = 0
    unreleased: int = 0
    reason: Reason | None = None


def exported(context: Context, intake: IntakeKey) -> Standing:
    """Reads the intake's files in the place of now, for as long as one fetch may take.

    Raises `Failed(BAD_CONFIGURATION)` as `place_of`.
    """
    place = place_of(context)
    look = _Looking(context, place)
    with context.store.read() as connection:
        members = exports.members(connection, intake)
        released = len(reviews.released_of(connection, intake))
        mine = [one for one in exports.lying(connection, intake) if one.place == place.text]
        gone = {one.name for one in exports.unreleased(connection, mine)}
    allowed = {one.name: one for one in mine if one.name not in gone}
    lying = look.names(sorted({start_of(one.source, one.intake) for one in members}))
    for row in allowed.values():
        look.read(row)
    strangers = [name for name in lying if name not in allowed and not _begun(name, allowed)]
    return look.standing(released, len(strangers))


def _begun(name: str, allowed: dict[str, Export]) -> bool:
    """True for the unfinished file of one that is being put there."""
    return name.endswith(".part") and name.removesuffix(".part") in allowed


class _Looking:
    def __init__(self, context: Context, place: Place) -> None:
        self._place = place
        self._until_s = time.monotonic() + context.settings.fetch_base_s
        self._right = self._missing = self._different = 0
        self._reason: Reason | None = None

    def names(self, starts: list[tuple[str, str]]) -> list[str]:
        found: list[str] = []
        try:
            for folder, start in starts:
                found += self._place.names(self._place.named(folder), start)
        except (Failed, OSError) as error:
            self._give_up(error)
        return found

    def read(self, row: Export) -> None:
        if self._reason is not None or time.monotonic() > self._until_s:
            return
        try:
            right = self._place.is_right(row)
        except (Failed, OSError) as error:
            self._give_up(error)
            return
        if right is None:
            self._missing += 1
        elif right:
            self._right += 1
        else:
            self._different += 1

    def standing(self, released: int, unreleased: int) -> Standing:
        unread = max(0, released - self._right - self._missing - self._different)
        return Standing(
            released, self._right, self._missing, self._different, unread, unreleased, self._reason
        )

    def _give_up(self, error: Failed | OSError) -> None:
        self._reason = error.reason if isinstance(error, Failed) else failed_from(error).reason
