"""Attempts, questions and records of long ago, of which nothing depends any more."""

from datetime import datetime

from supervisor_core.store.database import Connection

# The newest of each kind stays: it says how the item came to be as it is. So does what a result
# was made by.
_OLD = """
    SELECT id FROM (
        SELECT id, ended, row_number() OVER (
            PARTITION BY media, intake, ordinal, step, level, outcome ORDER BY started DESC, id
        ) AS place FROM attempt
    ) WHERE place > 1 AND ended < ?
        AND id NOT IN (SELECT attempt FROM output) AND id NOT IN (SELECT attempt FROM analysis)
"""
_ASKED = "SELECT id FROM question WHERE asked < ? AND attempt NOT IN (SELECT attempt FROM analysis)"


def old(connection: Connection, before: datetime) -> tuple[int, int]:
    """How many attempts and questions could go."""
    counts = [
        connection.execute(f"SELECT count(*) FROM ({sql})", [before]).fetchone()  # noqa: S608
        for sql in (_OLD, _ASKED)
    ]
    attempts, questions = (count[0] if count else 0 for count in counts)
    return attempts, questions


def prune(connection: Connection, before: datetime) -> tuple[int, int]:
    """Removes them and returns how many there were."""
    counts = old(connection, before)
    connection.execute(f"DELETE FROM attempt WHERE id IN ({_OLD})", [before])  # noqa: S608
    connection.execute(f"DELETE FROM question WHERE id IN ({_ASKED})", [before])  # noqa: S608
    return counts


# Of each, what stays because nothing younger says it.
_RECORDS = {
    "request": "state IN ('done', 'failed') AND updated < ?",
    "scan_results": "ended < ? AND (source, ended) NOT IN"
    " (SELECT (source, max(ended)) FROM scan_results GROUP BY source, refused_reason IS NULL)",
    "import_log": "happened < ? AND (source, fingerprint, happened) NOT IN"
    " (SELECT (source, fingerprint, max(happened)) FROM import_log GROUP BY source, fingerprint)",
    "consistency_look": "started < ? AND started < (SELECT max(started) FROM consistency_look)",
}


def old_records(connection: Connection, before: datetime) -> tuple[int, int, int, int]:
    """How many requests, scans, findings of scans and looks at the store could go."""
    counts = []
    for table, old_ones in _RECORDS.items():
        sql = f"SELECT count(*) FROM {table} WHERE {old_ones}"  # noqa: S608
        row = connection.execute(sql, [before]).fetchone()
        counts.append(int(row[0]) if row else 0)
    requests, scans, events, looks = counts
    return requests, scans, events, looks


def forget_records(connection: Connection, before: datetime) -> tuple[int, int, int, int]:
    """Removes them, with all that a look had found, and returns how many there were."""
    counts = old_records(connection, before)
    for table, old_ones in _RECORDS.items():
        connection.execute(f"DELETE FROM {table} WHERE {old_ones}", [before])  # noqa: S608
    connection.execute(
        "DELETE FROM consistency_log WHERE look NOT IN (SELECT id FROM consistency_look)"
    )
    return counts
