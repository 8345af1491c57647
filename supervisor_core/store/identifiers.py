"""What was read from pictures and headers: kept in the restricted store, and nowhere else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch_about, insert, keys

_IDENTIFIER = {
    "media": "VARCHAR",
    "kind": "VARCHAR",
    "text": "VARCHAR",
    "first_s": "DOUBLE",
    "last_s": "DOUBLE",
    "x": "INTEGER",
    "y": "INTEGER",
    "width": "INTEGER",
    "height": "INTEGER",
}
_TAG = {"media": "VARCHAR", "tag": "VARCHAR", "value": "VARCHAR"}


@dataclass(frozen=True)
class Identifier:
    """One text that was read, what kind of identifier it is, when (s) and where (pixels)."""

    media: str
    kind: str
    text: str
    first_s: float
    last_s: float
    x: int
    y: int
    width: int
    height: int


def replace_all(connection: Connection, found: Sequence[Identifier], media: Iterable[str]) -> None:
    """Keeps what was found, in place of all that was known of these media before."""
    _forget(connection, "identifier", media)
    insert(connection, "identifier", _IDENTIFIER, [vars(one) for one in found])


def replace_tags(connection: Connection, tags: Mapping[str, Mapping[str, str]]) -> None:
    """Keeps the DICOM tags of each media, in place of those known before."""
    _forget(connection, "dicom_tag", tags)
    rows = [
        {"media": media, "tag": tag, "value": value}
        for media, values in tags.items()
        for tag, value in values.items()
    ]
    insert(connection, "dicom_tag", _TAG, rows)


def of_media(connection: Connection, media: Iterable[str]) -> list[Identifier]:
    """What was read from these media, by time."""
    rows = fetch_about(connection, "identifier", media, "ORDER BY media, first_s, y, x")
    return [Identifier(**row) for row in rows]  # type: ignore[arg-type]


def tags_of(connection: Connection, media: str) -> dict[str, str]:
    """The DICOM tags of a media."""
    sql = "SELECT tag, value FROM dicom_tag WHERE media = ? ORDER BY tag"
    return dict(connection.execute(sql, [media]).fetchall())


def _forget(connection: Connection, table: str, media: Iterable[str]) -> None:
    connection.execute(
        f"DELETE FROM {table} WHERE media IN (SELECT media FROM {ROWS})",  # noqa: S608
        keys("media", media),
    )
