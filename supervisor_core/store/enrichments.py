"""What the modes of enrichment have made of media, each result bound to all that it rests on."""

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from supervisor_core.enrichment.modes import PREFIX
from supervisor_core.keys import MediaKey
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch_about, given, insert, keys, reason_of

_SHAPE = {
    "key": "VARCHAR",
    "basis": "VARCHAR",
    "media": "VARCHAR",
    "mode": "VARCHAR",
    "output": "VARCHAR",
    "state": "VARCHAR",
    "reason": "VARCHAR",
    "result": "VARCHAR",
    "raw": "VARCHAR",
    "flaws": "VARCHAR",
    "inputs": "VARCHAR",
    "frames": "VARCHAR",
    "recipe": "VARCHAR",
    "prompt_hash": "VARCHAR",
    "model": "VARCHAR",
    "model_digest": "VARCHAR",
    "options": "VARCHAR",
    "prompt_tokens": "BIGINT",
    "answer_tokens": "BIGINT",
    "model_seconds": "DOUBLE",
    "seconds": "DOUBLE",
    "attempt": "VARCHAR",
    "created": "TIMESTAMPTZ",
    "checked": "TIMESTAMPTZ",
    "current": "BOOLEAN",
}
_EMBEDDING = {
    "media": "VARCHAR",
    "key": "VARCHAR",
    "model": "VARCHAR",
    "model_digest": "VARCHAR",
    "dimensions": "INTEGER",
    "vector": "VARCHAR",
    "created": "TIMESTAMPTZ",
}
_STANDS = (Work.DONE, Work.DEGRADED, Work.ABSTAINED)
_VECTOR = "media, model, model_digest, dimensions, vector"


@dataclass(frozen=True)
class Enrichment:
    """One result; `output` is the hash of the file it was made from.

    `basis` is the same for results on the same content and inputs, whoever made them and how;
    `checked` is when it was last seen to rest on what it should.
    """

    key: str
    basis: str
    media: MediaKey
    mode: str
    output: str
    state: Work
    recipe: str
    prompt_hash: str
    attempt: str
    created: datetime
    checked: datetime
    result: Mapping[str, Any]
    reason: Reason | None = None
    raw: str = ""
    flaws: tuple[str, ...] = ()
    inputs: Mapping[str, str] | None = None
    frames: tuple[Mapping[str, Any], ...] = ()
    model: str = ""
    model_digest: str = ""
    options: Mapping[str, Any] | None = None
    prompt_tokens: int = 0
    answer_tokens: int = 0
    model_seconds: float = 0.0
    seconds: float = 0.0
    current: bool = True


@dataclass(frozen=True)
class Vector:
    """The vector of one media: little-endian float32 each, of length 1."""

    media: MediaKey
    model: str
    model_digest: str
    dimensions: int
    content: bytes


def save(connection: Connection, results: Sequence[Enrichment]) -> list[Enrichment]:
    """Writes results; returns those that count now.

    One that is degraded takes the place of none that is done and rests on the same basis; what has
    no result at all is kept for people to look at.
    """
    known = current(connection, {one.media for one in results})
    placed = [_placed(one, known.get((one.media, one.mode))) for one in results]
    counting = [one for one in placed if one.current]
    pairs = [{"media": one.media, "mode": one.mode} for one in counting]
    if counting:
        connection.execute(
            f"UPDATE enrichment SET current = false FROM {ROWS} AS given WHERE current"  # noqa: S608
            " AND enrichment.media = given.media AND enrichment.mode = given.mode",
            given({"media": "VARCHAR", "mode": "VARCHAR"}, pairs),
        )
    insert(connection, "enrichment", _SHAPE, [_row(one) for one in placed])
    return counting


def _placed(new: Enrichment, old: Enrichment | None) -> Enrichment:
    worse = new.state is Work.DEGRADED and old is not None and old.state is Work.DONE
    stays = worse and old is not None and old.basis == new.basis
    return _without_place(new) if stays or new.state not in _STANDS else new


def _without_place(one: Enrichment) -> Enrichment:
    return Enrichment(**{**vars(one), "current": False})


def current(
    connection: Connection, media: Iterable[str], modes: Iterable[str] = ()
) -> dict[tuple[MediaKey, str], Enrichment]:
    """The results that count of these media, by media and mode; of all modes when none is named."""
    wanted = set(modes)
    found = map(_enrichment, fetch_about(connection, "enrichment", media, "AND current"))
    return {(one.media, one.mode): one for one in found if not wanted or one.mode in wanted}


def touch(connection: Connection, mode: str, media: Iterable[str], now: datetime) -> None:
    """Writes that these results were looked at and rest on what they should."""
    connection.execute(
        "UPDATE enrichment SET checked = ? WHERE current AND mode = ?"  # noqa: S608
        f" AND media IN (SELECT media FROM {ROWS})",
        [now, mode, *keys("media", media)],
    )


def remove(connection: Connection, media: Iterable[str], modes: Iterable[str]) -> int:
    """Removes all results of these media and modes, vectors too; returns how many counted."""
    rows = keys("media", media)
    names = list(modes)
    counted = 0
    for mode in names:
        where = f"mode = ? AND media IN (SELECT media FROM {ROWS})"  # noqa: S608
        found = connection.execute(
            f"SELECT count(*) FROM enrichment WHERE current AND {where}",  # noqa: S608
            [mode, *rows],
        ).fetchone()
        counted += int(found[0]) if found else 0
        connection.execute(f"DELETE FROM enrichment WHERE {where}", [mode, *rows])  # noqa: S608
    if "embed" in names:
        connection.execute(f"DELETE FROM embedding WHERE media IN (SELECT media FROM {ROWS})", rows)  # noqa: S608
    return counted


def forget(connection: Connection, media: Iterable[str]) -> None:
    """Removes all that was found of these media, and that anything was: they are cleaned now.

    What the modes found in the file as it came may hold what is to be masked.
    """
    values = keys("media", media)
    among = f"media IN (SELECT media FROM {ROWS})"  # noqa: S608
    connection.execute(f"DELETE FROM enrichment WHERE {among}", values)  # noqa: S608
    connection.execute(f"DELETE FROM embedding WHERE {among}", values)  # noqa: S608
    connection.execute(f"DELETE FROM field WHERE NOT locked AND {among}", values)  # noqa: S608
    connection.execute(
        f"DELETE FROM work WHERE starts_with(task, '{PREFIX}') AND {among}",  # noqa: S608
        values,
    )


def keep_vectors(
    connection: Connection,
    results: Sequence[Enrichment],
    vectors: Mapping[MediaKey, Sequence[float]],
) -> None:
    """Writes the vectors of results of `embed`, by media, in place of the former ones."""
    rows = [
        {
            "media": one.media,
            "key": one.key,
            "model": one.model,
            "model_digest": one.model_digest,
            "dimensions": len(vectors[one.media]),
            "vector": struct.pack(f"<{len(vectors[one.media])}f", *vectors[one.media]).hex(),
            "created": one.created,
        }
        for one in results
    ]
    connection.execute(
        f"DELETE FROM embedding WHERE media IN (SELECT media FROM {ROWS})",  # noqa: S608
        keys("media", [one.media for one in results]),
    )
    if rows:
        connection.execute(
            f"INSERT INTO embedding BY NAME SELECT * REPLACE (unhex(vector) AS vector) FROM {ROWS}",  # noqa: S608
            given(_EMBEDDING, rows),
        )


def vectors_of(connection: Connection, media: Iterable[str]) -> list[Vector]:
    """The vectors of these media, where they have one."""
    sql = f"SELECT {_VECTOR} FROM embedding JOIN {ROWS} USING (media) ORDER BY media"  # noqa: S608
    return [Vector(*row) for row in connection.execute(sql, keys("media", media)).fetchall()]


def vectors_after(connection: Connection, media: str, like: Vector, at_most: int) -> list[Vector]:
    """The next vectors in the order of their media, of the same model and length as another one."""
    sql = (
        f"SELECT {_VECTOR} FROM embedding WHERE media > ? AND model = ? AND model_digest = ?"  # noqa: S608
        " AND dimensions = ? ORDER BY media LIMIT ?"
    )
    given_ = [media, like.model, like.model_digest, like.dimensions, at_most]
    return [Vector(*row) for row in connection.execute(sql, given_).fetchall()]


def embedded(connection: Connection, media: Iterable[str]) -> set[MediaKey]:
    """Which of these media have a vector."""
    sql = f"SELECT DISTINCT media FROM embedding JOIN {ROWS} USING (media)"  # noqa: S608
    return {MediaKey(row[0]) for row in connection.execute(sql, keys("media", media)).fetchall()}


def tasks_of(modes: Iterable[str]) -> list[str]:
    """The names of the tasks of modes."""
    return [f"{PREFIX}{mode}" for mode in modes]


def _row(one: Enrichment) -> dict[str, object]:
    packed = {
        "result": json.dumps(one.result, ensure_ascii=False),
        "flaws": json.dumps(one.flaws),
        "inputs": json.dumps(one.inputs or {}, sort_keys=True),
        "frames": json.dumps(one.frames),
        "options": json.dumps(one.options or {}, sort_keys=True),
    }
    return {**vars(one), **packed}


def _enrichment(row: dict[str, object]) -> Enrichment:
    packed = ("result", "flaws", "inputs", "frames", "options")
    values = {name: json.loads(str(row[name])) for name in packed}
    typed = {
        "state": Work(str(row["state"])),
        "reason": reason_of(row["reason"]),
        "flaws": tuple(values["flaws"]),
        "frames": tuple(values["frames"]),
    }
    return Enrichment(**{**row, **values, **typed})
