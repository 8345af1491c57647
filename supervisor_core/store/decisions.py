"""What persons decided about items, each decision with the hash of the file it is about.

Rows are only added: whoever wants to know how an item came to stand as it does reads them all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from supervisor_core.journal import note
from supervisor_core.keys import MediaKey
from supervisor_core.states import Cleaning, Review, Verification
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, given, keys

PROGRAM = "supervisor"  # who, where no person has done it


class Verdict(StrEnum):
    """What became of an item by a person's word; `LOST`: the file it was about counts no more."""

    SEEN = "seen"
    HELD = "held"
    RELEASED = "released"
    REJECTED = "rejected"
    REOPENED = "reopened"
    WITHDRAWN = "withdrawn"
    LOST = "lost"


@dataclass(frozen=True)
class Decision:
    """One decision; no output where no file of the item could be read yet."""

    verdict: Verdict
    who: str
    happened: datetime
    output: str | None


@dataclass(frozen=True)
class Way:
    """A step that a person may take with items: where it ends, and where it may begin."""

    ends: Review
    begins: tuple[Review, ...]


# As `gate.pass_gate`, for many at once: the hash of the file that stands for a media.
READABLE_HASH = f"""
    CASE WHEN media.cleaning = '{Cleaning.NOT_REQUIRED}' THEN media.media
        WHEN media.cleaning IN ('{Cleaning.FRAME_LEVEL}', '{Cleaning.ROI_MASK}')
            AND media.verification = '{Verification.VERIFIED}'
            AND output.verified_at IS NOT NULL AND output.path IS NOT NULL
            AND output.level = media.cleaning THEN output.sha256 END
"""
# The last word on each media; that somebody has looked is none.
LAST = f"""
    SELECT decision.* FROM decision JOIN (
        SELECT max(id) AS id FROM decision WHERE verdict <> '{Verdict.SEEN}' GROUP BY media
    ) USING (id)
"""  # noqa: S608
_NEXT = "(SELECT coalesce(max(id), 0) FROM decision) + row_number() OVER ()"
_ADD = f"""
    INSERT INTO decision BY NAME
    SELECT {_NEXT} AS id,
        media.media, {{output}} AS output, ? AS verdict, ? AS who, ? AS happened
    FROM media SEMI JOIN {ROWS} AS given USING (media)
    {{joined}} WHERE {{wanted}}
"""  # noqa: S608


def decide(
    connection: Connection,
    media: Iterable[str],
    verdict: Verdict,
    way: Way,
    who: str,
    now: datetime,
) -> int:
    """Takes every media along a way on which it may go; returns how many went.

    One statement writes the decisions and one the states, however many there are.
    """
    wanted = list(dict.fromkeys(media))
    begins = ", ".join(f"'{state}'" for state in way.begins)
    sql = _ADD.format(
        output=READABLE_HASH,
        joined="LEFT JOIN output ON output.media = media.media AND output.current",
        wanted=f"media.review IN ({begins})",
    )
    row = connection.execute(sql, [verdict, who, now, *keys("media", wanted)]).fetchone()
    count = int(row[0]) if row else 0
    if count:
        connection.execute(
            f"MERGE INTO media USING {ROWS} AS given USING (media)"
            f" WHEN MATCHED AND media.review IN ({begins}) THEN UPDATE SET review = ?",
            [*keys("media", wanted), way.ends],
        )
        _tell(verdict, wanted, count, who, now)
    return count


def lose(connection: Connection, media: Iterable[str], now: datetime) -> None:
    """Writes that what was decided about the former files of media counts no more."""
    wanted = list(media)
    sql = _ADD.format(
        output="verdict.output",
        joined=f"LEFT JOIN ({LAST}) AS verdict ON verdict.media = media.media",
        wanted="true",
    )
    connection.execute(sql, [Verdict.LOST, PROGRAM, now, *keys("media", wanted)])
    _tell(Verdict.LOST, wanted, len(wanted), PROGRAM, now)


def seen(connection: Connection, looks: Sequence[Mapping[str, Any]]) -> None:
    """Writes that persons look at files for the first time: who, at which, and since when."""
    sql = f"""
        INSERT INTO decision BY NAME
        SELECT {_NEXT} AS id, media, output, '{Verdict.SEEN}' AS verdict, who, first AS happened
        FROM {ROWS} AS given
    """  # noqa: S608
    shape = {"media": "VARCHAR", "output": "VARCHAR", "who": "VARCHAR", "first": "TIMESTAMPTZ"}
    connection.execute(sql, given(shape, looks))
    for one in looks:
        _tell(Verdict.SEEN, [one["media"]], 1, one["who"], one["first"])


def standing(connection: Connection, outputs: Mapping[MediaKey, str]) -> set[MediaKey]:
    """The media (to the hashes of their new files) whose hold or rejection still stands.

    It stands for the very bytes it was made about, or for whatever comes where there were none.
    """
    rows = [{"media": media, "sha256": sha256} for media, sha256 in outputs.items()]
    sql = f"""
        SELECT media FROM ({LAST}) AS verdict JOIN {ROWS} AS given USING (media)
        WHERE verdict IN ('{Verdict.HELD}', '{Verdict.WITHDRAWN}', '{Verdict.REJECTED}')
            AND (output IS NULL OR output = given.sha256)
    """  # noqa: S608
    found = fetch(connection, sql, given({"media": "VARCHAR", "sha256": "VARCHAR"}, rows))
    return {MediaKey(str(row["media"])) for row in found}


def of_media(connection: Connection, media: str) -> list[Decision]:
    """All that was decided about a media, oldest first."""
    sql = "SELECT verdict, who, happened, output FROM decision WHERE media = ? ORDER BY id"
    return [
        Decision(Verdict(verdict), who, happened, output)
        for verdict, who, happened, output in connection.execute(sql, [media]).fetchall()
    ]


def _tell(verdict: Verdict, media: list[str], count: int, who: str, now: datetime) -> None:
    subject = media[0] if len(media) == 1 else None
    note({"time": now, "event": verdict, "subject": subject, "items": count, "who": who})
