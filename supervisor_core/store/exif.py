"""What cameras wrote into pictures that need no cleaning."""

from collections.abc import Iterable, Mapping

from supervisor_core.keys import MediaKey
from supervisor_core.libraries.visit import Exif
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch_about, given, keys

_SHAPE = {
    "media": "VARCHAR",
    "taken": "VARCHAR",
    "camera": "VARCHAR",
    "orientation": "INTEGER",
    "gps": "BOOLEAN",
}


def put(connection: Connection, found: Mapping[MediaKey, Exif]) -> None:
    """Writes what pictures say, in place of what was known; who says nothing has none."""
    forget(connection, found)
    rows = [{"media": media, **vars(one)} for media, one in found.items() if not one.empty]
    if rows:
        connection.execute(
            f"INSERT INTO exif BY NAME {ROWS}",
            given(_SHAPE, rows),
        )


def of(connection: Connection, media: Iterable[str]) -> dict[MediaKey, Exif]:
    """What these pictures say, where they say something."""
    rows = fetch_about(connection, "exif", media)
    return {MediaKey(str(row.pop("media"))): Exif(**row) for row in rows}  # type: ignore[arg-type]


def forget(connection: Connection, media: Iterable[str]) -> None:
    """Removes what is known of these pictures."""
    connection.execute(
        f"DELETE FROM exif WHERE media IN (SELECT media FROM {ROWS})",  # noqa: S608
        keys("media", media),
    )
