"""Reads single items, and who stands beside whom in a list."""

import re
from typing import Any

from gallery.listing.filters import ORDERS, Order, Wanted
from supervisor_core.keys import MediaKey
from supervisor_core.store.database import Connection
from supervisor_core.store.gate import Readable
from supervisor_core.store.rows import fetch

SHELF = 4
ITEM = "memory.main.item"
ROW = f"SELECT rowid AS number, * EXCLUDE (text) FROM {ITEM}"  # noqa: S608
Row = dict[str, Any]
_PLACE = re.compile(r"([0-9]{8}_[A-Z2-7]{10})-([0-9]{3,9})")
_MEDIA_AT = "SELECT media FROM arrival WHERE intake = ? AND ordinal = ?"


def readable(item: Row) -> Readable | None:
    """The file of an item that may be shown: what the gate has let through, in one copy."""
    if item["file"] is None:
        return None
    return Readable(MediaKey(item["media"]), item["file"], item["file_path"], item["file_bytes"])


def find(connection: Connection, item: str) -> Row | None:
    """The item with this id, or what became of the file that was called so before it came in."""
    rows = fetch(connection, f"{ROW} WHERE key = hash(?) AND id = ?", [item, item])
    if rows:
        return rows[0]
    place = _PLACE.fullmatch(item)
    media = place and connection.execute(_MEDIA_AT, [place[1], int(place[2])]).fetchone()
    return find(connection, media[0][:16]) if media and media[0] else None


def of_file(connection: Connection, sha256: str) -> Row | None:
    """The item whose readable file has this hash."""
    rows = fetch(connection, f"{ROW} WHERE file_key = hash(?) AND file = ?", [sha256, sha256])
    return rows[0] if rows else None


def unseen(connection: Connection, memo: dict[str, Any]) -> list[Row]:
    """The four undecided items that were looked at least, the newest first."""
    if "unseen" not in memo:
        wanted = "file IS NOT NULL AND review = 'none'"
        sql = f"{ROW} WHERE {wanted} ORDER BY looks, rowid LIMIT {SHELF}"
        memo["unseen"] = fetch(connection, sql)
    return list(memo["unseen"])


def beside(connection: Connection, wanted: Wanted, item: Row) -> tuple[str | None, str | None]:
    """The ids before and after an item in a list, also when it has just left that list."""
    order = ORDERS[wanted.sort]
    value = item["number"]
    if order.sql != "rowid":
        mark = f"SELECT {order.sql} FROM {ITEM} WHERE rowid = ?"  # noqa: S608
        value = connection.execute(mark, [item["number"]]).fetchall()[0][0]
    where, given = wanted.where()
    found = []
    for forward in (False, True):
        what, later, rest = _further(order, item["number"], value, forward=forward)
        sql = f"SELECT {what} FROM {ITEM} WHERE {where} AND {later} LIMIT 1"  # noqa: S608
        one = connection.execute(sql, [*given, *rest]).fetchone()
        found.append(one[0] if one else None)
    return found[0], found[1]


def _further(
    order: Order, number: int, value: object, *, forward: bool
) -> tuple[str, str, list[object]]:
    """The id of what stands next in an order, and where that is looked for."""
    rising = forward != order.descending
    sign, way = (">", "ASC") if rising else ("<", "DESC")
    if order.sql == "rowid":
        # Rows come as they stand: the first one that is found is the nearest. The last one before
        # is found three times as fast without sorting.
        return "id" if rising else "arg_max(id, rowid)", f"rowid {sign} ?", [number]
    tie, tied = (">", "ASC") if forward else ("<", "DESC")
    later = f"({order.sql} {sign} ? OR {order.sql} = ? AND rowid {tie} ?)"
    return "id", f"{later} ORDER BY {order.sql} {way}, rowid {tied}", [value, value, number]
