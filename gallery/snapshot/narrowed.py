"""All rows about one media as small views of their own, found without reading the large tables.

The store has no indexes. So each copy gets one table more, of where the rows of each media stand;
the rows themselves are then read by their numbers. Whatever is asked afterwards, by the same
functions that everybody uses, reads a few rows of each table.
"""

from collections.abc import Collection, Sequence

from supervisor_core.store.database import Connection

# Of each table the media that its rows are about. What happened to an item is not among them: it
# stands in the largest tables, and is asked for apart.
_KEYS = (
    ("media", "media"),
    ("output", "media"),
    ("arrival", "media"),
    ("work", "media"),
    ("analysis", "media"),
    ("enrichment", "media"),
    ("field", "media"),
    ("tag", "media"),
    ("rating", "media"),
    ("prompt", "media"),
    ("prompt_history", "media"),
    ("exif", "media"),
    ("integrity", "media"),
    ("variant", "parent"),
    ("near_pair", "media"),
    ("near_pair", "other"),
    ("decision", "media"),
    ("export", "media"),
)
_TABLES = tuple(dict.fromkeys(table for table, _ in _KEYS))
_ALL = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'store'"


def prepare(root: Connection) -> None:
    """Makes, in memory, the table of places and a schema in which the large tables are empty."""
    parts = (
        f"SELECT hash({key}) AS key, {_TABLES.index(table)}::UTINYINT AS of, rowid AS number"  # noqa: S608
        f" FROM store.main.{table}"
        for table, key in _KEYS
    )
    # In the order of the keys, so that a question reads a small part of it.
    root.execute(f"CREATE TABLE memory.main.place AS {' UNION ALL '.join(parts)} ORDER BY key")
    root.execute("CREATE SCHEMA memory.one")
    for (table,) in root.execute(_ALL).fetchall():
        kind, rows = ("TABLE", "LIMIT 0") if table in _TABLES else ("VIEW", "")
        root.execute(f"CREATE {kind} memory.one.{table} AS FROM store.main.{table} {rows}")


def narrow(connection: Connection, media: str) -> Collection[str]:
    """Has this connection see nothing but the rows about a media in the tables above.

    Returns those of them that have any.
    Two media of the same hash would both be seen: who reads asks for its own all the same.
    """
    found: dict[str, set[int]] = {}
    rows = connection.execute(
        "SELECT of, number FROM memory.main.place WHERE key = hash(?)", [media]
    )
    for of, number in rows.fetchall():
        found.setdefault(_TABLES[of], set()).add(number)
    views = (
        f"CREATE TEMP VIEW {table} AS FROM store.main.{table} WHERE {_are(sorted(numbers))}"
        for table, numbers in found.items()
    )
    # One transaction for all that follows, instead of one for each question.
    connection.execute("; ".join(["USE memory.one", "BEGIN", *views]))
    return found.keys()


def _are(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"rowid = {numbers[0]}"
    # A list of literals would be compared with every row.
    listed = ", ".join(f"({number})" for number in numbers)
    return f"rowid IN (SELECT given.n FROM (VALUES {listed}) AS given(n))"  # noqa: S608
