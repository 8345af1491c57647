"""Attempts and questions of long ago, of which nothing depends any more."""

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
