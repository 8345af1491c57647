"""Releases whose files can't be seen outside any more, after a store was restored.

The restored store does not know what persons have decided since its backup. A file that is gone was
taken back by somebody, as far as anybody can tell: it is not put out again before a person says so.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import PurePosixPath

from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.release_places import place_named
from supervisor_core.reasons import Failed
from supervisor_core.states import Review
from supervisor_core.store import exports
from supervisor_core.store import media as media_table
from supervisor_core.store.exports import Export


def lose_vanished(context: Context) -> int:
    """Takes back every release whose file is not seen where its row says; returns how many."""
    with context.store.read() as connection:
        lying = exports.all_lying(connection)
    gone = _unseen(context, lying)
    if not gone:
        return 0
    now = context.now()
    with context.store.write() as connection:
        known = media_table.load(connection, {row.media for row in gone}).values()
        lost = [one for one in known if one.review is Review.RELEASED]
        media_table.save(connection, [one.step(review=Review.NONE) for one in lost], now)
    return len(lost)


def _unseen(context: Context, lying: Sequence[Export]) -> list[Export]:
    """Those that are not there, and those of places that nobody can look into now."""

    @cache
    def names(place: str, folder: str, intake: str) -> frozenset[str]:
        try:
            return frozenset(place_named(context, place).names(folder, f"{intake}-"))
        except (Failed, OSError):
            return frozenset()

    return [
        row
        for row in lying
        if row.name not in names(row.place, PurePosixPath(row.name).parent.as_posix(), row.intake)
    ]
