"""Files of libraries that are missing for long, and all that is known of what was in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.keys import Fingerprint, MediaKey
from supervisor_core.reasons import Reason
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, given, keys

_MISSING = """
    SELECT source, path_key, fingerprint, media, missing_since, size_bytes FROM library_file
    WHERE state = 'missing' AND missing_since < ? ORDER BY missing_since, path_key
"""
# What happened stays told: those rows go by their age, see `pruning`. What persons decided never
# goes, nor where released files lie: they are taken away by those rows.
_HISTORY = {"attempt", "question", "arrival", "import_log", "library_file"}
_HISTORY |= {"decision", "look", "export"}
_TABLES = """
    SELECT table_name FROM duckdb_columns() JOIN duckdb_tables() USING (table_name)
    WHERE column_name = ? ORDER BY table_name
"""
_HELD = f"""
    SELECT DISTINCT media FROM (
        SELECT media, source, path_key FROM library_file
    ) ANTI JOIN {ROWS} USING (source, path_key) WHERE media IS NOT NULL
    UNION
    SELECT DISTINCT media FROM arrival JOIN intake USING (intake)
    WHERE media IS NOT NULL AND state IN ('imported', 'duplicate')
        AND source NOT IN (SELECT source FROM library_root)
"""  # noqa: S608
_WORTH = ("media", "prompt", "prompt_history", "tag", "collection_member", "rating", "exif")
_MADE = ("field", "enrichment", "variant")


@dataclass(frozen=True)
class Missing:
    """A file of a library that no scan finds any more; no media where it was never imported."""

    source: str
    path_key: str
    fingerprint: Fingerprint
    media: MediaKey | None
    missing_since: datetime
    size_bytes: int


def missing_before(connection: Connection, before: datetime) -> list[Missing]:
    """The files that are missing since then or longer, longest first."""
    return [Missing(**row) for row in fetch(connection, _MISSING, [before])]  # type: ignore[arg-type]


def files_by_source(connection: Connection) -> Mapping[str, int]:
    """How many files of each library the store knows, missing ones too."""
    sql = "SELECT source, count(*) FROM library_file GROUP BY source"
    return dict(connection.execute(sql).fetchall())


def only_there(connection: Connection, gone: Sequence[Missing]) -> list[MediaKey]:
    """The media of these files that came in nowhere else."""
    places = [{"source": one.source, "path_key": one.path_key} for one in gone]
    shape = {"source": "VARCHAR", "path_key": "VARCHAR"}
    held = {row[0] for row in connection.execute(_HELD, given(shape, places)).fetchall()}
    return sorted({one.media for one in gone if one.media and one.media not in held})


def told_of(
    connection: Connection, media: Sequence[MediaKey]
) -> dict[str, list[dict[str, object]]]:
    """What people and models have said of these media, by table; not what can be made again."""
    return {
        table: fetch(
            connection,
            f"SELECT * FROM {table} WHERE {_column(table)} IN (SELECT media FROM {ROWS})",  # noqa: S608
            keys("media", media),
        )
        for table in (*_WORTH, *_MADE)
    }


def forget(connection: Connection, gone: Sequence[Missing], media: Sequence[MediaKey]) -> None:
    """Removes these files and media; that they came in stays told, as refused since not found."""
    values = keys("media", media)
    for name in ("media", "parent"):
        for (table,) in connection.execute(_TABLES, [name]).fetchall():
            if table not in _HISTORY:
                connection.execute(
                    f"DELETE FROM {table} WHERE {name} IN (SELECT media FROM {ROWS})",  # noqa: S608
                    values,
                )
    connection.execute(f"DELETE FROM near_pair WHERE other IN (SELECT media FROM {ROWS})", values)  # noqa: S608
    connection.execute(
        "UPDATE arrival SET state = 'refused', media = NULL, reason = ?"  # noqa: S608
        f" WHERE media IN (SELECT media FROM {ROWS})",
        [Reason.FILE_NOT_FOUND, *values],
    )
    connection.execute(
        f"DELETE FROM library_file WHERE path_key IN (SELECT path_key FROM {ROWS})",  # noqa: S608
        keys("path_key", [one.path_key for one in gone]),
    )


def _column(table: str) -> str:
    return "parent" if table == "variant" else "media"
