"""Who has looked at which file, how often and when: nobody lets out what nobody has seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from supervisor_core.keys import MediaKey
from supervisor_core.store import decisions, gate
from supervisor_core.store import media as media_table
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, given

_KEY = {"media": "VARCHAR", "output": "VARCHAR", "who": "VARCHAR"}
_SHAPE = _KEY | {
    "reviewing": "BOOLEAN",
    "times": "BIGINT",
    "first": "TIMESTAMPTZ",
    "last": "TIMESTAMPTZ",
}
_ADD = f"""
    MERGE INTO look USING {ROWS} AS given USING ({", ".join(_KEY)})
    WHEN MATCHED THEN UPDATE SET times = look.times + given.times, last = given.last,
        reviewing = look.reviewing OR given.reviewing
    WHEN NOT MATCHED THEN INSERT BY NAME
"""


@dataclass(frozen=True)
class Glance:
    """Somebody has the page of an item open and sees the file with this hash.

    `reviewing`: this person might let it out.
    """

    media: MediaKey
    output: str
    who: str
    when: datetime
    reviewing: bool = False


@dataclass(frozen=True)
class Look:
    """How often somebody had the page of an item open while this file stood for it.

    `reviewing`: at one of these times that person might have let it out.
    """

    who: str
    output: str
    reviewing: bool
    times: int
    first: datetime
    last: datetime


def add(connection: Connection, glances: Sequence[Glance]) -> int:
    """Writes all of them at once; returns how many count: those at files that still stand."""
    known = media_table.load(connection, {one.media for one in glances})
    stand = {(one.media, one.sha256) for one in gate.readable(connection, list(known.values()))}
    count = [one for one in glances if (one.media, one.output) in stand]
    if count:
        rows = _by_person(count)
        decisions.seen(connection, _unseen(connection, rows))
        connection.execute(_ADD, given(_SHAPE, rows))
    return len(count)


def of(connection: Connection, media: MediaKey, output: str) -> list[Look]:
    """Who has looked at the file with this hash, in the order of the first time."""
    sql = (
        "SELECT who, output, reviewing, times, first, last FROM look"
        " WHERE media = ? AND output = ? ORDER BY first, who"
    )
    return [Look(**row) for row in fetch(connection, sql, [media, output])]  # type: ignore[arg-type]


def _by_person(glances: Sequence[Glance]) -> list[dict[str, Any]]:
    """One row for each person and file."""
    grouped: dict[tuple[str, ...], list[Glance]] = {}
    for one in glances:
        grouped.setdefault((one.media, one.output, one.who), []).append(one)
    return [
        dict(zip(_KEY, key, strict=True))
        | {
            "reviewing": any(one.reviewing for one in several),
            "times": len(several),
            "first": min(one.when for one in several),
            "last": max(one.when for one in several),
        }
        for key, several in grouped.items()
    ]


def _unseen(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that are a person's first look at a file."""
    sql = f"SELECT media, output, who FROM look JOIN {ROWS} USING (media, output, who)"  # noqa: S608
    known = {tuple(row.values()) for row in fetch(connection, sql, given(_KEY, rows))}
    return [row for row in rows if tuple(row[name] for name in _KEY) not in known]
