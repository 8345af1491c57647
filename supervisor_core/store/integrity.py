"""Whether each file still holds what it should and decodes to its end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.keys import MediaKey
from supervisor_core.reasons import Reason
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, fetch_about, given, keys, reason_of

VERSION = "1"
_SHAPE = {
    "media": "VARCHAR",
    "output": "VARCHAR",
    "ok": "BOOLEAN",
    "code": "VARCHAR",
    "frames": "BIGINT",
    "seconds": "DOUBLE",
    "version": "VARCHAR",
    "checked": "TIMESTAMPTZ",
}


@dataclass(frozen=True)
class Integrity:
    """What reading a whole file has shown; `code` says why it is not right.

    `output` is the SHA-256 that the file should have: that of the cleaned file, or the media's own
    key for a raw one. `frames` is how many were decoded, `seconds` how long it took.
    """

    media: MediaKey
    output: str
    checked: datetime
    code: Reason | None = None
    frames: int | None = None
    seconds: float = 0.0
    version: str = VERSION

    @property
    def ok(self) -> bool:
        """True when nothing is wrong with it."""
        return self.code is None


def put(connection: Connection, rows: Iterable[Integrity]) -> None:
    """Writes what was found, in the place of what was found of the same media before."""
    assignments = ", ".join(f"{name} = given.{name}" for name in _SHAPE if name != "media")
    found = {one.media: vars(one) | {"ok": one.ok} for one in rows}
    if found:
        connection.execute(
            f"MERGE INTO integrity USING {ROWS} AS given USING (media)"
            f" WHEN MATCHED THEN UPDATE SET {assignments} WHEN NOT MATCHED THEN INSERT BY NAME",
            given(_SHAPE, found.values()),
        )


def of(connection: Connection, media: Iterable[str]) -> dict[MediaKey, Integrity]:
    """What was last found of each of these media."""
    found = map(_integrity, fetch_about(connection, "integrity", media))
    return {one.media: one for one in found}


def outdate(connection: Connection, media: Iterable[str]) -> None:
    """Has these count as read by another version, so that they are read again."""
    connection.execute(
        f"UPDATE integrity SET version = '' WHERE media IN (SELECT media FROM {ROWS})",  # noqa: S608
        keys("media", media),
    )


def broken(connection: Connection) -> Sequence[Integrity]:
    """Every media whose file was not right when it was last read, longest known first."""
    rows = fetch(connection, "SELECT * FROM integrity WHERE NOT ok ORDER BY checked, media")
    return list(map(_integrity, rows))


def _integrity(row: dict[str, object]) -> Integrity:
    values = {name: value for name, value in row.items() if name != "ok"}
    return Integrity(**values | {"code": reason_of(row["code"])})  # type: ignore[arg-type]
