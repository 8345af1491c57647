"""Larger pictures that were made of readable ones: which parent, which file, which is shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.keys import MediaKey
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, given, insert, keys

_SHAPE = {
    "parent": "VARCHAR",
    "output": "VARCHAR",
    "child": "VARCHAR",
    "path": "VARCHAR",
    "kind": "VARCHAR",
    "method": "VARCHAR",
    "scale": "DOUBLE",
    "width": "INTEGER",
    "height": "INTEGER",
    "size_bytes": "BIGINT",
    "preferred": "BOOLEAN",
    "attempt": "VARCHAR",
    "created": "TIMESTAMPTZ",
}
UPSCALE = "upscale"


@dataclass(frozen=True)
class Variant:
    """A file that was made of a media's readable file `output`; both hashes are SHA-256.

    `path` is relative to the home and None once the file was thrown away; `preferred` is shown in
    the parent's place.
    """

    parent: MediaKey
    output: str
    child: str
    path: str | None
    method: str
    scale: float
    width: int
    height: int
    size_bytes: int
    attempt: str
    created: datetime
    preferred: bool = False
    kind: str = UPSCALE


def put(connection: Connection, new: Variant) -> None:
    """Enters a variant in the place of one made the same way; the largest one is preferred."""
    connection.execute(
        "DELETE FROM variant WHERE parent = ? AND kind = ? AND method = ? AND scale = ?",
        [new.parent, new.kind, new.method, new.scale],
    )
    insert(connection, "variant", _SHAPE, [vars(new)])
    _choose(connection, new.parent)


def of(connection: Connection, parents: Iterable[str]) -> list[Variant]:
    """The variants of these media whose files have not been thrown away, the preferred first."""
    sql = f"""
        SELECT variant.* FROM variant JOIN (SELECT media AS parent FROM {ROWS}) USING (parent)
        WHERE path IS NOT NULL ORDER BY parent, preferred DESC, created DESC
    """  # noqa: S608
    return [_variant(row) for row in fetch(connection, sql, keys("media", parents))]


_STALE = """
    SELECT variant.* FROM variant LEFT JOIN media ON media.media = variant.parent
    LEFT JOIN output ON output.media = variant.parent AND output.current
        AND output.level = media.cleaning AND output.verified_at IS NOT NULL
        AND output.path IS NOT NULL
    WHERE variant.path IS NOT NULL AND NOT coalesce(
        media.cleaning = 'not_required' AND variant.output = media.media
        OR media.cleaning IN ('frame_level', 'roi_mask') AND media.verification = 'verified'
        AND variant.output = output.sha256, false)
"""


def stale(connection: Connection) -> list[Variant]:
    """Variants of what may no longer be read, or is another file by now (see `store.gate`)."""
    return [_variant(row) for row in fetch(connection, _STALE)]


def forget(connection: Connection, gone: Sequence[Variant]) -> list[str]:
    """Enters that these were thrown away; returns the paths that no other variant needs."""
    shape = {name: _SHAPE[name] for name in ("parent", "child", "method", "scale")}
    connection.execute(
        f"MERGE INTO variant USING {ROWS} AS given USING (parent, child, method, scale)"
        " WHEN MATCHED THEN UPDATE SET path = NULL, preferred = false",
        given(shape, [vars(one) for one in gone]),
    )
    needed = connection.execute("SELECT DISTINCT path FROM variant WHERE path IS NOT NULL")
    left = {row[0] for row in needed.fetchall()}
    return sorted({one.path for one in gone if one.path} - left)


def _choose(connection: Connection, parent: MediaKey) -> None:
    """Prefers the largest variant of a media, of equal ones the last."""
    found = fetch(
        connection,
        "SELECT child, method, scale FROM variant WHERE parent = ? AND path IS NOT NULL"
        " ORDER BY CAST(width AS BIGINT) * height DESC, created DESC LIMIT 1",
        [parent],
    )
    for row in found:
        connection.execute(
            "UPDATE variant SET preferred = child = ? AND method = ? AND scale = ?"
            " WHERE parent = ?",
            [row["child"], row["method"], row["scale"], parent],
        )


def _variant(row: dict[str, object]) -> Variant:
    return Variant(**row)  # type: ignore[arg-type]
