"""Which media a key stands for that a person has typed: an intake's, or a media's."""

import re
from collections.abc import Iterable

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, keys

_MEDIA = re.compile(r"[0-9a-f]{16,64}")
_MEMBERS = """
    SELECT DISTINCT arrival.media FROM intake LEFT JOIN arrival
    ON arrival.intake = intake.intake AND arrival.state IN ('imported', 'duplicate')
    WHERE intake.intake = ?
"""
_FIRST = f"""
    SELECT media, min(intake) FROM arrival JOIN {ROWS} USING (media)
    WHERE state IN ('imported', 'duplicate') GROUP BY media
"""  # noqa: S608


def media_under(connection: Connection, key: str) -> set[MediaKey] | None:
    """The media of an intake, or those whose SHA-256 begins so (16 hex at least).

    None when the store knows nothing of the kind.
    """
    hexadecimal = _MEDIA.fullmatch(key) is not None
    sql = "SELECT media FROM media WHERE starts_with(media, ?)" if hexadecimal else _MEMBERS
    rows = connection.execute(sql, [key]).fetchall()
    return {MediaKey(row[0]) for row in rows if row[0] is not None} if rows else None


def first_intakes(connection: Connection, media: Iterable[str]) -> dict[MediaKey, IntakeKey]:
    """The intake that works on each of these media: the first that it came in with."""
    return dict(connection.execute(_FIRST, keys("media", media)).fetchall())
