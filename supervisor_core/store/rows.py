"""Many rows in one statement: they travel as one JSON parameter, which DuckDB reads fast.

`ROWS` stands in SQL where a table would; `given` makes its two parameters. (A list parameter of
100,000 texts takes 11 s to bind, the same as JSON 0.3 s.)
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from supervisor_core.reasons import Reason
from supervisor_core.store.database import Connection

ROWS = "(SELECT unnest(from_json(?, ?), recursive := true))"


def given(shape: Mapping[str, str], rows: Iterable[Mapping[str, object]]) -> list[str]:
    """The parameters of `ROWS`: the rows, each with the columns of the shape (name to SQL type)."""
    values = [{name: row[name] for name in shape} for row in rows]
    return [json.dumps(values, default=_text), json.dumps([dict(shape)])]


def keys(name: str, values: Iterable[str]) -> list[str]:
    """The parameters of `ROWS` for one column of texts."""
    return given({name: "VARCHAR"}, [{name: value} for value in values])


def insert(
    connection: Connection,
    table: str,
    shape: Mapping[str, str],
    rows: Sequence[Mapping[str, object]],
) -> None:
    """Adds rows to a table of ours."""
    if rows:
        connection.execute(f"INSERT INTO {table} BY NAME {ROWS}", given(shape, rows))


def fetch(
    connection: Connection, sql: str, parameters: Sequence[object] = ()
) -> list[dict[str, object]]:
    """The rows of a query as dictionaries."""
    cursor = connection.execute(sql, list(parameters))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def fetch_about(
    connection: Connection,
    table: str,
    media: Iterable[str],
    more: str = "",
    parameters: Sequence[object] = (),
) -> list[dict[str, object]]:
    """The rows of a table about some media, `more` being said of them after `WHERE ... AND`.

    One media alone is asked for in two thirds of the time that many are.
    """
    wanted = set(media)
    one = len(wanted) == 1
    about = "media = ?" if one else f"media IN (SELECT media FROM {ROWS})"  # noqa: S608
    values = [*wanted] if one else keys("media", wanted)
    return fetch(connection, f"SELECT * FROM {table} WHERE {about} {more}", [*values, *parameters])  # noqa: S608


def reason_of(code: object) -> Reason | None:
    """The reason that a column holds."""
    return _REASONS[str(code)] if code is not None else None


_REASONS = {reason.value: reason for reason in Reason}


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
