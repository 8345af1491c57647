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
# As in `enrichment.pdq`, which needs NumPy: below it a picture is too plain to be told by.
QUALITY_MIN = 50

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


_PAIR = {
    "media": "VARCHAR",
    "output": "VARCHAR",
    "other": "VARCHAR",
    "other_output": "VARCHAR",
    "kind": "VARCHAR",
    "distance": "DOUBLE",
    "mirrored": "BOOLEAN",
    "offset_s": "DOUBLE",
    "matched": "DOUBLE",
    "certain": "BOOLEAN",
    "found": "TIMESTAMPTZ",
}


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


class Likeness(StrEnum):
    """How two media look alike: two pictures, or a video that lies in another one."""

    STILL = "still"
    CLIP = "clip"


@dataclass(frozen=True)
class Pair:
    """Two media that look alike, by the files `output` and `other_output` (SHA-256).

    `distance` counts bits of 256; of a clip it is the mean over its samples. A clip `media` begins
    in the film `other` at `offset_s`, and `matched` (0-1) is the part of it that looks alike;
    `certain` is False where it fits elsewhere as well.
    """

    media: MediaKey
    output: str
    other: MediaKey
    other_output: str
    kind: Likeness
    distance: float
    found: datetime
    mirrored: bool = False
    offset_s: float | None = None
    matched: float | None = None
    certain: bool = True


@dataclass(frozen=True)
class Listed:
    """A fingerprint in a list: which media's, of which file, and how many samples it has."""

    media: MediaKey
    output: str
    number: int
    samples: int


def put(connection: Connection, rows: Iterable[StoredFingerprint]) -> None:
    """Enters fingerprints, each in the place of an older one of its media.

    One that is there already, of the same file and version, is left as it is.
    """
    wanted = {one.media: one for one in rows}
    known = _versions(connection, wanted)
    new = [one for one in wanted.values() if known.get(one.media) != (one.output, one.version)]
    if not new:
        return
    forget(connection, [one.media for one in new])
    found = connection.execute("SELECT coalesce(max(number), 0) FROM fingerprint").fetchone()
    first = (int(found[0]) if found else 0) + 1
    connection.execute(
        f"INSERT INTO fingerprint BY NAME SELECT {_PLAIN}, {_UNPACKED} FROM {ROWS}",  # noqa: S608
        given(_SHAPE, [_row(one, number) for number, one in enumerate(new, first)]),
    )


def outdate(connection: Connection, media: Iterable[str]) -> None:
    """Has these count as made by another version, so that they are taken again."""
    connection.execute(
        f"UPDATE fingerprint SET version = '' WHERE media IN (SELECT media FROM {ROWS})",  # noqa: S608
        keys("media", media),
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


def uncompared(connection: Connection, media: Iterable[str]) -> list[StoredFingerprint]:
    """The fingerprints of these media that were not compared yet, in the order of their numbers."""
    sql = f"""
        SELECT * EXCLUDE (compared) FROM fingerprint JOIN {ROWS} USING (media)
        WHERE compared IS NULL ORDER BY number
    """  # noqa: S608
    return list(map(_fingerprint, fetch(connection, sql, keys("media", media))))


def stills_below(connection: Connection, number: int) -> tuple[list[Listed], bytes]:
    """All stills of lower numbers that can be told apart, in order, and their hashes in one."""
    sql = """
        SELECT media, output, number, hashes FROM fingerprint
        WHERE kind = 'still' AND version = ? AND number < ? AND qualities >= ? ORDER BY number
    """
    rows = connection.execute(sql, [VERSION, number, bytes([QUALITY_MIN])]).fetchall()
    return [Listed(row[0], row[1], row[2], 1) for row in rows], b"".join(row[3] for row in rows)


def videos_below(connection: Connection, number: int) -> list[Listed]:
    """All videos of lower numbers, in order, without what they look like."""
    sql = """
        SELECT media, output, number, octet_length(qualities) FROM fingerprint
        WHERE kind = 'video' AND version = ? AND number < ? ORDER BY number
    """
    return [Listed(*row) for row in connection.execute(sql, [VERSION, number]).fetchall()]


def put_pairs(
    connection: Connection,
    compared: Iterable[StoredFingerprint],
    pairs: Iterable[Pair],
    now: datetime,
) -> int:
    """Writes what comparing these has found, and returns how many pairs stand.

    Whatever has another fingerprint by now is compared again under its new number: pairs with what
    it was are left out.
    """
    shape = {"media": "VARCHAR", "number": "BIGINT", "compared": "TIMESTAMPTZ"}
    rows = [{"media": one.media, "number": one.number, "compared": now} for one in compared]
    connection.execute(
        f"MERGE INTO fingerprint USING {ROWS} AS given USING (media, number)"
        " WHEN MATCHED THEN UPDATE SET compared = given.compared",
        given(shape, rows),
    )
    known = [vars(pair) for pair in pairs]
    if not known:
        return 0
    added = connection.execute(
        f"INSERT INTO near_pair BY NAME SELECT given.* FROM {ROWS} AS given"  # noqa: S608
        " JOIN fingerprint AS one ON one.media = given.media AND one.output = given.output"
        " JOIN fingerprint AS two ON two.media = given.other AND two.output = given.other_output"
        " WHERE NOT EXISTS (SELECT 1 FROM near_pair AS there"
        " WHERE there.media = given.media AND there.other = given.other)",
        given(_PAIR, known),
    ).fetchone()
    return int(added[0]) if added else 0


def near_to(connection: Connection, media: str) -> list[Pair]:
    """What was found to look like a media, nearest first; it is one of the two of each pair."""
    sql = "SELECT * FROM near_pair WHERE media = $1 OR other = $1 ORDER BY distance, media, other"
    return list(map(_pair, fetch(connection, sql, [media])))


def all_pairs(connection: Connection) -> list[Pair]:
    """Every two media that were found to look alike, nearest first."""
    sql = "SELECT * FROM near_pair ORDER BY distance, media, other"
    return list(map(_pair, fetch(connection, sql)))


def forget(connection: Connection, media: Sequence[str]) -> None:
    """Removes what these looked like, and what was found by that."""
    for table, column in (("fingerprint", "media"), ("near_pair", "media"), ("near_pair", "other")):
        connection.execute(
            f"DELETE FROM {table} WHERE {column} IN (SELECT media FROM {ROWS})",  # noqa: S608
            keys("media", media),
        )


def _versions(connection: Connection, media: Iterable[str]) -> dict[MediaKey, tuple[str, str]]:
    sql = f"SELECT media, output, version FROM fingerprint JOIN {ROWS} USING (media)"  # noqa: S608
    rows = connection.execute(sql, keys("media", media)).fetchall()
    return {MediaKey(row[0]): (row[1], row[2]) for row in rows}


def _row(one: StoredFingerprint, number: int) -> dict[str, object]:
    packed = {name: _hex(getattr(one, name)) for name in _BYTES}
    return vars(one) | packed | {"number": number}


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _fingerprint(row: dict[str, object]) -> StoredFingerprint:
    return StoredFingerprint(**row | {"kind": Kind(str(row["kind"]))})  # type: ignore[arg-type]


def _pair(row: dict[str, object]) -> Pair:
    return Pair(**row | {"kind": Likeness(str(row["kind"]))})  # type: ignore[arg-type]
