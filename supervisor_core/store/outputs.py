"""The files that cleaning made: one for each media, policy, code version and level."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.keys import MediaKey
from supervisor_core.reasons import Reason
from supervisor_core.states import Cleaning
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, fetch_about, given, keys, reason_of

_SHAPE = {
    "media": "VARCHAR",
    "policy": "VARCHAR",
    "code_version": "VARCHAR",
    "level": "VARCHAR",
    "sha256": "VARCHAR",
    "path": "VARCHAR",
    "kind": "VARCHAR",
    "size_bytes": "BIGINT",
    "width": "INTEGER",
    "height": "INTEGER",
    "frames": "BIGINT",
    "frames_inspected": "BIGINT",
    "regions": "BIGINT",
    "coverage": "DOUBLE",
    "seconds": "DOUBLE",
    "report": "VARCHAR",
    "attempt": "VARCHAR",
    "created": "TIMESTAMPTZ",
    "verified_frames": "BIGINT",
    "residual_regions": "BIGINT",
    "frames_match": "BOOLEAN",
    "stray_metadata": "BOOLEAN",
    "verify_seconds": "DOUBLE",
    "verify_reason": "VARCHAR",
    "verified_at": "TIMESTAMPTZ",
    "current": "BOOLEAN",
}
_KEY = ("media", "policy", "code_version", "level", "sha256")


@dataclass(frozen=True)
class Output:
    """One cleaned file; `path` is relative to the home and None once the file was thrown away.

    `coverage` is the masked share (0-1) of all pixels of all frames, `report` the cleaning report
    as JSON without anything that was read. The last fields are filled by verification.
    """

    media: MediaKey
    policy: str
    code_version: str
    level: Cleaning
    sha256: str
    path: str | None
    kind: str
    size_bytes: int
    width: int
    height: int
    frames: int
    frames_inspected: int
    regions: int
    coverage: float
    seconds: float
    report: str
    attempt: str
    created: datetime
    verified_frames: int | None = None
    residual_regions: int | None = None
    frames_match: bool | None = None
    stray_metadata: bool | None = None
    verify_seconds: float | None = None
    verify_reason: Reason | None = None
    verified_at: datetime | None = None
    current: bool = True


def save(connection: Connection, outputs: Sequence[Output]) -> None:
    """Writes outputs; a current one makes every other output of its media a former one."""
    if not outputs:
        return
    retire(connection, [output.media for output in outputs if output.current])
    assignments = ", ".join(f"{name} = given.{name}" for name in _SHAPE if name not in _KEY)
    connection.execute(
        f"MERGE INTO output USING {ROWS} AS given USING ({', '.join(_KEY)})"
        f" WHEN MATCHED THEN UPDATE SET {assignments} WHEN NOT MATCHED THEN INSERT BY NAME",
        given(_SHAPE, [vars(output) for output in outputs]),
    )


def retire(connection: Connection, media: Iterable[str]) -> None:
    """Makes no output of these media the current one."""
    connection.execute(
        f"UPDATE output SET current = false WHERE current AND media IN (SELECT media FROM {ROWS})",  # noqa: S608
        keys("media", media),
    )


def current(connection: Connection, media: Iterable[str]) -> dict[MediaKey, Output]:
    """The current output of each media that has one."""
    found = map(_output, fetch_about(connection, "output", media, "AND current"))
    return {output.media: output for output in found}


def former(connection: Connection, media: Sequence[str] | None = None) -> list[Output]:
    """Outputs (of these media, or all) that are not the current one but still have a file."""
    sql = "SELECT output.* FROM output"
    members = "" if media is None else f" JOIN {ROWS} USING (media)"
    parameters = [] if media is None else keys("media", media)
    rows = fetch(connection, f"{sql}{members} WHERE NOT current AND path IS NOT NULL", parameters)
    return [_output(row) for row in rows]


def current_hashes(connection: Connection, hashes: Iterable[str]) -> set[str]:
    """Which of these contents a current output has."""
    sql = f"SELECT DISTINCT sha256 FROM output JOIN {ROWS} USING (sha256) WHERE current"  # noqa: S608
    return {row[0] for row in connection.execute(sql, keys("sha256", hashes)).fetchall()}


def staged(connection: Connection) -> set[str]:
    """The paths of outputs that are finished and not published."""
    found = connection.execute("SELECT path FROM output WHERE path LIKE 'work/%'").fetchall()
    return {row[0] for row in found}


def _output(row: dict[str, object]) -> Output:
    typed = {
        "level": Cleaning(str(row["level"])),
        "verify_reason": reason_of(row["verify_reason"]),
    }
    return Output(**row | typed)  # type: ignore[arg-type]
