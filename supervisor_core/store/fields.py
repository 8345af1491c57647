"""The values of a media, each with who gives it: a person's word is locked against machines."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from supervisor_core.keys import MediaKey
from supervisor_core.store import audit
from supervisor_core.store.audit import Deed
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch_about, given, keys

HUMAN = "human"
_AUDITED_CHARS = 2000
_SHAPE = {
    "media": "VARCHAR",
    "name": "VARCHAR",
    "value": "VARCHAR",
    "source": "VARCHAR",
    "locked": "BOOLEAN",
    "who": "VARCHAR",
    "updated": "TIMESTAMPTZ",
}


@dataclass(frozen=True)
class Field:
    """One value; `source` is human, model:<mode> or computed:<mode>."""

    media: MediaKey
    name: str
    value: Any
    source: str
    locked: bool = False
    who: str = ""
    updated: datetime | None = None


def of(connection: Connection, media: Iterable[str]) -> dict[MediaKey, dict[str, Field]]:
    """The fields of these media by name; media without any are left out."""
    found: dict[MediaKey, dict[str, Field]] = {}
    for row in fetch_about(connection, "field", media, "ORDER BY media, name"):
        one = Field(**{**row, "value": json.loads(str(row["value"]))})
        found.setdefault(one.media, {})[one.name] = one
    return found


def propose(connection: Connection, values: Sequence[Field], now: datetime) -> list[Field]:
    """Writes what machines say, except over what is locked; returns what was written."""
    known = of(connection, {one.media for one in values})
    free = [one for one in values if not _locked(known, one)]
    _write(connection, free, now)
    return free


def withdraw(connection: Connection, media: Iterable[str], sources: Iterable[str]) -> None:
    """Removes what these sources have said of media and nobody has locked."""
    for source in sources:
        connection.execute(
            "DELETE FROM field WHERE source = ? AND NOT locked"  # noqa: S608
            f" AND media IN (SELECT media FROM {ROWS})",
            [source, *keys("media", media)],
        )


def edit(
    connection: Connection, media: MediaKey, name: str, value: Any, who: str, now: datetime
) -> Field:
    """Writes a person's word, which machines leave alone from now on; kept in the audit."""
    return edit_all(connection, name, {media: value}, who, now)[0]


def edit_all(
    connection: Connection, name: str, values: Mapping[MediaKey, Any], who: str, now: datetime
) -> list[Field]:
    """The same for many media at once."""
    before = of(connection, values)
    after = [
        Field(media, name, value, HUMAN, locked=True, who=who) for media, value in values.items()
    ]
    _write(connection, after, now)
    deeds = [
        _deed("edit", one.media, name, before.get(one.media, {}).get(name), one) for one in after
    ]
    audit.write(connection, who, deeds, now)
    return after


def unlock(
    connection: Connection, media: MediaKey, name: str, who: str, now: datetime
) -> Field | None:
    """Lets machines write a field again; its value stays until one does. None if there is none."""
    before = of(connection, [media]).get(media, {}).get(name)
    if before is None or not before.locked:
        return None
    after = Field(media, name, before.value, before.source, locked=False, who=who)
    _write(connection, [after], now)
    audit.write(connection, who, [_deed("unlock", media, name, before, after)], now)
    return after


def _locked(known: Mapping[MediaKey, Mapping[str, Field]], one: Field) -> bool:
    found = known.get(one.media, {}).get(one.name)
    return found is not None and found.locked


def _write(connection: Connection, values: Sequence[Field], now: datetime) -> None:
    if not values:
        return
    rows = [
        {**vars(one), "value": json.dumps(one.value, ensure_ascii=False), "updated": now}
        for one in values
    ]
    connection.execute(
        f"MERGE INTO field USING {ROWS} AS given USING (media, name) WHEN MATCHED THEN UPDATE SET"
        " value = given.value, source = given.source, locked = given.locked, who = given.who,"
        " updated = given.updated WHEN NOT MATCHED THEN INSERT BY NAME",
        given(_SHAPE, rows),
    )


def _deed(verb: str, media: str, name: str, before: Field | None, after: Field) -> Deed:
    """What was there and what is there now, capped."""
    detail = {"field": name, "before": _told(before), "after": _told(after)}
    return Deed(f"{verb}_field", media, detail)


def _told(one: Field | None) -> str:
    if one is None:
        return ""
    value = json.dumps(one.value, ensure_ascii=False)[:_AUDITED_CHARS]
    return json.dumps({"value": value, "source": one.source, "locked": one.locked})
