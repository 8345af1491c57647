"""What media look like, in 256 bits a picture, and which of them look alike.

Every fingerprint gets the next number when it is entered, under the store's one lock for writing.
Each is compared with those of lower numbers alone, so every pair is looked at once, whoever comes
first and however many work at the same time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from supervisor_core.keys import MediaKey
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, given, keys

VERSION = "pdq-1"

_SHAPE = {
    "media": "VARCHAR",
    "output": "VARCHAR",
    "kind": "VARCHAR",
    "version": "VARCHAR",
    "number": "BIGINT",
    "hashes": "VARCHAR",
    "mirrors": "VARCHAR",
    "qualities": "VARCHAR",
    "times_s": "VARCHAR",
    "created": "TIMESTAMPTZ",
}
_BYTES = ("hashes", "mirrors", "qualities", "times_s")
_PLAIN = ", ".join(name for name in _SHAPE if name not in _BYTES)
_UNPACKED = ", ".join(f"unhex({name}) AS {name}" for name in _BYTES)


class Kind(StrEnum):
    """What a fingerprint is of."""

    STILL = "still"
    VIDEO = "video"


@dataclass(frozen=True)
class StoredFingerprint:
    """What one file looks like.

    `output` is the SHA-256 of the file it was made of. A still has one hash (32 bytes), one of its
    mirror image and one quality (a byte, 0-100); a video has as many hashes and qualities as
    samples, with their times (`times_s`: little-endian float32, seconds) and no mirrors.
    """

    media: MediaKey
    output: str
    hashes: bytes
    qualities: bytes
    created: datetime
    kind: Kind = Kind.STILL
    mirrors: bytes | None = None
    times_s: bytes | None = None
    version: str = VERSION
    number: int = 0


def put(connection: Connection, rows: Iterable[StoredFingerprint]) -> None:
    """Enters fingerprints, each in the place of an older one of its media.

    One that is there already, of the same file and version, is left as it is.
    """
    wanted = {one.media: one for one in rows}
    known = _versions(connection, wanted)
    new = [one for one in wanted.values() if known.get(one.media) != (one.output, one.version)]
    if not new:
        return
    _drop(connection, [one.media for one in new])
    found = connection.execute("SELECT coalesce(max(number), 0) FROM fingerprint").fetchone()
    first = (int(found[0]) if found else 0) + 1
    connection.execute(
        f"INSERT INTO fingerprint BY NAME SELECT {_PLAIN}, {_UNPACKED} FROM {ROWS}",  # noqa: S608
        given(_SHAPE, [_row(one, number) for number, one in enumerate(new, first)]),
    )


def made_of(connection: Connection, media: Iterable[str]) -> dict[MediaKey, str]:
    """Of which file (its SHA-256) each of these media has a fingerprint of the present version."""
    known = _versions(connection, media)
    return {one: output for one, (output, version) in known.items() if version == VERSION}


def of(connection: Connection, media: Iterable[str]) -> dict[MediaKey, StoredFingerprint]:
    """The fingerprints of these media."""
    sql = f"SELECT * EXCLUDE (compared) FROM fingerprint JOIN {ROWS} USING (media)"  # noqa: S608
    found = map(_fingerprint, fetch(connection, sql, keys("media", media)))
    return {one.media: one for one in found}


def _versions(connection: Connection, media: Iterable[str]) -> dict[MediaKey, tuple[str, str]]:
    sql = f"SELECT media, output, version FROM fingerprint JOIN {ROWS} USING (media)"  # noqa: S608
    rows = connection.execute(sql, keys("media", media)).fetchall()
    return {MediaKey(row[0]): (row[1], row[2]) for row in rows}


def _drop(connection: Connection, media: Sequence[str]) -> None:
    """Forgets what these looked like, and what was found by that."""
    for table, column in (("fingerprint", "media"), ("near_pair", "media"), ("near_pair", "other")):
        connection.execute(
            f"DELETE FROM {table} WHERE {column} IN (SELECT media FROM {ROWS})",  # noqa: S608
            keys("media", media),
        )


def _row(one: StoredFingerprint, number: int) -> dict[str, object]:
    packed = {name: _hex(getattr(one, name)) for name in _BYTES}
    return vars(one) | packed | {"number": number}


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _fingerprint(row: dict[str, object]) -> StoredFingerprint:
    return StoredFingerprint(**row | {"kind": Kind(str(row["kind"]))})  # type: ignore[arg-type]
