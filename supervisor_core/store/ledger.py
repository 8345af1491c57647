"""Counts transactions inside and outside of a database, so that a loss is noticed.

DuckDB opens a file whose log was cut as if nothing had ever been in it. So each transaction raises
a number in the database, and the last number that counts stands in a small file beside it. That
file may be behind (a crash right after a commit), never ahead: then the database has lost some.
"""

from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from supervisor_core.reasons import Failed, Reason


@dataclass(frozen=True)
class Ledger:
    """The number of transactions of one database, in the file at `path`."""

    path: Path

    def begin(self, connection: DuckDBPyConnection) -> int:
        """Raises the number in the present transaction and returns it.

        Raises `Failed(STORE_DAMAGED)` when the database holds fewer than were counted.
        """
        row = connection.execute("UPDATE ledger SET transactions = transactions + 1 RETURNING *")
        (number,) = row.fetchone() or (0,)
        if number <= self.counted():
            raise Failed(Reason.STORE_DAMAGED, transactions=number - 1, counted=self.counted())
        return int(number)

    def counted(self) -> int:
        """The last number that was written down, 0 before the first."""
        try:
            return int(self.path.read_text("ascii"))
        except FileNotFoundError:
            return 0
        except ValueError:
            raise Failed(Reason.STORE_DAMAGED, file=self.path.name) from None

    def count(self, number: int) -> None:
        """Writes down that this transaction counts."""
        unfinished = self.path.with_suffix(".part")
        unfinished.write_text(f"{number}\n", "ascii")
        unfinished.replace(self.path)
