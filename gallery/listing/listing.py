"""One list as it is wanted: how many items, which of them on a page, how many of what.

What fits is looked for once and put into a small table beside the items; whatever else is asked of
the list reads that one. The whole list needs none, and its counts are kept as long as the copy.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gallery.listing.filters import FACETS, ORDERS, PAGE_SIZE, Facet, Wanted
from gallery.listing.reading import ITEM, ROW, Row
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import fetch

_WIDE, _HIT = "wide", "hit"
Counts = list[tuple[str, int]]
_BY_VALUE = ("month", "stars")  # the largest first; others by how many there are
_COLUMNS = "rowid AS number, id, media, seconds, size_bytes, looks, " + ", ".join(
    dict.fromkeys(["stars", *(facet.sql for facet in FACETS)])
)


@dataclass(frozen=True)
class Choice:
    """One value to narrow by, with how many items would be left; `on` while it is set."""

    value: str
    word: str
    count: int
    on: bool


@dataclass(frozen=True)
class Shelf:
    """A filter with its choices."""

    facet: Facet
    choices: Sequence[Choice]


class Listing:
    """A list in one copy, for one connection; `memo` keeps what is counted of the whole list."""

    def __init__(
        self, connection: Connection, wanted: Wanted, memo: dict[str, Any] | None = None
    ) -> None:
        self._connection, self._wanted = connection, wanted
        self._memo: dict[str, Any] = {} if memo is None else memo
        self._table, self._number = (_HIT, "number") if wanted.narrowed else (ITEM, "rowid")
        if wanted.narrowed:
            self._look(wanted)

    def _look(self, wanted: Wanted) -> None:
        """Finds what fits, and with it what would fit if one filter were not set."""
        (where, given), flags = wanted.wide(), wanted.flags()
        fits = "".join(f", {sql} AS fits_{name}" for name, (sql, _) in flags.items())
        found = f"SELECT {_COLUMNS}{fits} FROM {ITEM} WHERE {where}"  # noqa: S608
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_WIDE} AS {found}",
            [*(values for _, values in flags.values()), *given],
        )
        all_fit = _all_fit(flags)
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_HIT} AS FROM {_WIDE} WHERE {all_fit}"
        )

    @cached_property
    def total(self) -> int:
        """How many items there are."""
        row = self._connection.execute(f"SELECT count(*) FROM {self._table}").fetchone()  # noqa: S608
        return int(row[0]) if row else 0

    def page(self, number: int) -> list[Row]:
        """The items of a page; the first is 1."""
        sql = f"SELECT {self._number} FROM {self._table} {self._order} LIMIT ? OFFSET ?"  # noqa: S608
        given = [PAGE_SIZE, (number - 1) * PAGE_SIZE]
        places = [row[0] for row in self._connection.execute(sql, given).fetchall()]
        rows = ", ".join(map(str, places)) or "NULL"
        found = fetch(self._connection, f"{ROW} WHERE rowid IN ({rows})")
        return sorted(found, key=lambda row: places.index(row["number"]))

    def media(self, most: int) -> list[str]:
        """The media of all items that are media, in the order of the list."""
        sql = f"SELECT media FROM {self._table} WHERE media IS NOT NULL {self._order} LIMIT ?"  # noqa: S608
        return [row[0] for row in self._connection.execute(sql, [most]).fetchall()]

    def shelves(self) -> list[Shelf]:
        """Every filter with counts: how many items each value would leave, others as they are."""
        if self._wanted.narrowed:
            return self._shelves()
        if "shelves" not in self._memo:
            self._memo["shelves"] = self._shelves()
        return list(self._memo["shelves"])

    @property
    def _order(self) -> str:
        """As they stand in the table when that is the order: DuckDB stops when it has enough."""
        order = ORDERS[self._wanted.sort]
        if self._wanted.sort == "newest":
            return ""
        by = order.sql.replace("rowid", self._number)
        return f"ORDER BY {by} {'DESC' if order.descending else 'ASC'}, {self._number}"

    def _shelves(self) -> list[Shelf]:
        chosen = self._wanted.chosen
        counts = self._together([one for one in FACETS if not one.many and not chosen(one.name)])
        for facet in FACETS:
            if facet.name not in counts:
                counts[facet.name] = self._alone(facet)
        return [Shelf(facet, _choices(self._wanted, facet, counts[facet.name])) for facet in FACETS]

    def _together(self, facets: Sequence[Facet]) -> dict[str, Counts]:
        """The counts of filters that are not set, in one look."""
        names = ", ".join(facet.sql for facet in facets)
        sets = ", ".join(f"({facet.sql})" for facet in facets)
        sql = f"""SELECT grouping_id({names}), coalesce({names}), count(*)
            FROM {self._table} GROUP BY GROUPING SETS ({sets})"""  # noqa: S608
        # Of each row all columns but one are left out: a bit each, the last column the lowest.
        everything = 2 ** len(facets) - 1
        bits = {everything - 2**place: facet for place, facet in enumerate(reversed(facets))}
        found: dict[str, Counts] = {facet.name: [] for facet in facets}
        for missing, value, items in self._connection.execute(sql).fetchall():
            found[bits[missing].name].append((str(value), items))
        return found

    def _alone(self, facet: Facet) -> Counts:
        """The counts of a filter that is set, or of which items have many values."""
        value, table = f"unnest({facet.sql})", self._table
        if not facet.many:
            others = [name for name in self._wanted.flags() if name != facet.name]
            value, table = facet.sql, f"{_WIDE} WHERE {_all_fit(others)}"
        sql = f"SELECT value, count(*) FROM (SELECT {value} AS value FROM {table}) GROUP BY 1"  # noqa: S608
        found = self._connection.execute(sql).fetchall()
        return [(str(name), items) for name, items in found]


def _all_fit(filters: Iterable[str]) -> str:
    return " AND ".join(["true", *(f"fits_{name}" for name in filters)])


def _choices(wanted: Wanted, facet: Facet, counts: Counts) -> list[Choice]:
    chosen = set(wanted.chosen(facet.name))
    missing = [(value, 0) for value in chosen - {value for value, _ in counts}]
    by_value = facet.name in _BY_VALUE
    ordered = sorted([*counts, *missing], key=lambda one: one if by_value else (-one[1], one[0]))
    if by_value:
        ordered.reverse()
    ordered.sort(key=lambda one: one[0] not in chosen)
    return [
        Choice(value, facet.words.get(value, value), items, value in chosen)
        for value, items in ordered[: facet.shown]
    ]
