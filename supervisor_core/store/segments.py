"""What a recording session consists of: its segments, its gaps, the files it is handed over as."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.journal import note
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Reason
from supervisor_core.recording.progress import State as Picture
from supervisor_core.recording.segment_file import Ending
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, given, insert, reason_of

_SEGMENT = {
    "intake": "VARCHAR",
    "number": "INTEGER",
    "path": "VARCHAR",
    "frames": "BIGINT",
    "first_s": "DOUBLE",
    "last_s": "DOUBLE",
    "size_bytes": "BIGINT",
    "ending": "VARCHAR",
    "picture": "VARCHAR",
    "reason": "VARCHAR",
    "signature": "VARCHAR",
    "closed": "TIMESTAMPTZ",
}
_GAP = {
    "intake": "VARCHAR",
    "started": "TIMESTAMPTZ",
    "ended": "TIMESTAMPTZ",
    "reason": "VARCHAR",
    "missing_s": "DOUBLE",
}
_FILE = {
    "intake": "VARCHAR",
    "ordinal": "INTEGER",
    "path": "VARCHAR",
    "numbers": "VARCHAR",
    "frames": "BIGINT",
    "seconds": "DOUBLE",
    "size_bytes": "BIGINT",
    "started": "TIMESTAMPTZ",
    "joined": "VARCHAR",
    "proven": "BOOLEAN",
    "exported": "VARCHAR",
    "episode": "VARCHAR",
}


@dataclass(frozen=True)
class SegmentRow:
    """One closed segment; `closed` is when its last media came, `reason` why it breaks off."""

    intake: IntakeKey
    number: int
    path: str
    frames: int
    first_s: float | None
    last_s: float | None
    size_bytes: int
    ending: Ending
    picture: Picture
    reason: Reason | None
    signature: str
    closed: datetime

    @property
    def seconds(self) -> float:
        """From its first picture to its last, by the stream's clock."""
        return (self.last_s or 0.0) - (self.first_s or 0.0)


@dataclass(frozen=True)
class GapRow:
    """Where media are missing; see `recording.gaps.Gap`."""

    intake: IntakeKey
    started: datetime
    ended: datetime
    reason: Reason
    missing_s: float | None


@dataclass(frozen=True)
class RecordedFile:
    """The segments with these numbers as one file.

    `joined` says how they were joined (JSON), None stands for one segment as it is. `proven` is
    said after every frame was compared, `exported` is the SHA-256 of what
    was put into the library, `episode` where it lies there.
    """

    intake: IntakeKey
    ordinal: int
    path: str
    numbers: tuple[int, ...]
    frames: int
    seconds: float
    size_bytes: int
    started: datetime
    joined: str | None = None
    proven: bool = True
    exported: str | None = None
    episode: str | None = None


def add_segment(connection: Connection, segment: SegmentRow) -> None:
    """Writes a segment; one of this number that was written before is replaced."""
    assignments = ", ".join(f"{name} = given.{name}" for name in _SEGMENT)
    connection.execute(
        f"MERGE INTO segment USING {ROWS} AS given USING (intake, number)"
        f" WHEN MATCHED THEN UPDATE SET {assignments} WHEN NOT MATCHED THEN INSERT BY NAME",
        given(_SEGMENT, [vars(segment)]),
    )


def add_gap(connection: Connection, gap: GapRow) -> None:
    """Writes a gap, once."""
    connection.execute(
        f"MERGE INTO gap USING {ROWS} AS given USING (intake, started, reason)"
        " WHEN MATCHED THEN UPDATE SET ended = given.ended, missing_s = given.missing_s"
        " WHEN NOT MATCHED THEN INSERT BY NAME",
        given(_GAP, [vars(gap)]),
    )
    said = {"time": gap.ended, "event": "gap", "error": gap.reason, "since": gap.started}
    note(said | {"intake": gap.intake, "missing_s": gap.missing_s})


def keep_files(connection: Connection, intake: str, files: Sequence[RecordedFile]) -> None:
    """Writes what a session is handed over as, in place of what was written before."""
    connection.execute("DELETE FROM recorded_file WHERE intake = ?", [intake])
    rows = [vars(file) | {"numbers": json.dumps(file.numbers)} for file in files]
    insert(connection, "recorded_file", _FILE, rows)


def mark_exported(connection: Connection, file: RecordedFile) -> None:
    """Writes what of a file was put into the library, and where it lies there."""
    connection.execute(
        "UPDATE recorded_file SET exported = ?, episode = ? WHERE intake = ? AND ordinal = ?",
        [file.exported, file.episode, file.intake, file.ordinal],
    )


_UNEXPORTED = """
    WITH wanted AS (
        SELECT intake, exported, media.updated,
            CASE
                WHEN media.review IN ('held', 'rejected') THEN NULL
                WHEN media.cleaning = 'not_required' THEN media.media
                WHEN media.verification = 'verified' THEN output.sha256
            END AS sha256
        FROM recorded_file JOIN arrival USING (intake, ordinal) JOIN media USING (media)
            LEFT JOIN output ON output.media = media.media AND output.current
        WHERE arrival.state IN ('imported', 'duplicate')
    )
    SELECT intake, max(updated) FROM wanted WHERE exported IS DISTINCT FROM sha256
    GROUP BY intake ORDER BY intake
"""


def unexported(connection: Connection) -> list[tuple[str, datetime]]:
    """The sessions of which the library does not hold what it should, and since when.

    It should hold what passes the gate and nobody holds back, and nothing else.
    """
    return connection.execute(_UNEXPORTED).fetchall()


def segments_of(connection: Connection, intake: str) -> list[SegmentRow]:
    """The segments of a session in their order."""
    rows = fetch(connection, "SELECT * FROM segment WHERE intake = ? ORDER BY number", [intake])
    return [_segment(row) for row in rows]


def gaps_of(connection: Connection, intake: str) -> list[GapRow]:
    """The gaps of a session in their order."""
    rows = fetch(connection, "SELECT * FROM gap WHERE intake = ? ORDER BY started", [intake])
    return [GapRow(**row | {"reason": reason_of(row["reason"])}) for row in rows]  # type: ignore[arg-type]


def files_of(connection: Connection, intake: str) -> list[RecordedFile]:
    """What a session is handed over as."""
    sql = "SELECT * FROM recorded_file WHERE intake = ? ORDER BY ordinal"
    rows = fetch(connection, sql, [intake])
    return [
        RecordedFile(**row | {"numbers": tuple(json.loads(str(row["numbers"])))})  # type: ignore[arg-type]
        for row in rows
    ]


def _segment(row: dict[str, object]) -> SegmentRow:
    typed = {
        "ending": Ending(str(row["ending"])),
        "picture": Picture(str(row["picture"])),
        "reason": reason_of(row["reason"]),
    }
    return SegmentRow(**row | typed)  # type: ignore[arg-type]
