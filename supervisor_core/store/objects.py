"""Which object of a storage an arrival is, and how far a bucket was read: restricted, as keys are.

A key may name a patient. It goes to the encrypted file before its arrival goes to the other one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from supervisor_core.keys import Fingerprint
from supervisor_core.media.ref import S3Object
from supervisor_core.store.database import Connection
from supervisor_core.store.names import escape, unescape
from supervisor_core.store.rows import ROWS, fetch, given, keys

_SHAPE = {"fingerprint": "VARCHAR", "bucket": "VARCHAR", "key": "VARCHAR", "etag": "VARCHAR"}


@dataclass(frozen=True)
class Position:
    """How far a bucket was read.

    `newest` is the key behind which new ones are looked for. `at` is where a look through all keys
    stands, None while none is under way; `passed_s` is when the last one ended.
    """

    newest: str = ""
    at: str | None = None
    passed_s: float = 0.0


def remember(connection: Connection, objects: Mapping[Fingerprint, S3Object]) -> None:
    """Keeps which object each fingerprint is; knowing it already changes nothing."""
    rows = [
        {"fingerprint": name, "bucket": one.bucket, "key": escape(one.key), "etag": one.etag}
        for name, one in objects.items()
    ]
    if rows:
        connection.execute(
            f"MERGE INTO arrival_object USING {ROWS} AS given USING (fingerprint)"
            " WHEN NOT MATCHED THEN INSERT BY NAME",
            given(_SHAPE, rows),
        )


def recall(connection: Connection, fingerprints: Iterable[str]) -> dict[Fingerprint, S3Object]:
    """The objects of those of these fingerprints that are in a storage."""
    columns = "fingerprint, bucket, key, etag"
    sql = f"SELECT {columns} FROM arrival_object JOIN {ROWS} USING (fingerprint)"  # noqa: S608
    found = connection.execute(sql, keys("fingerprint", fingerprints)).fetchall()
    return {
        Fingerprint(name): S3Object(bucket, unescape(key), etag)
        for name, bucket, key, etag in found
    }


def position_of(connection: Connection, source: str) -> Position:
    """How far this source was read."""
    sql = "SELECT newest, reached, passed_s FROM bucket_position WHERE source = ?"
    found = fetch(connection, sql, [escape(source)])
    if not found:
        return Position()
    newest, at, passed_s = found[0]["newest"], found[0]["reached"], found[0]["passed_s"]
    return Position(
        unescape(str(newest)), None if at is None else unescape(str(at)), float(str(passed_s))
    )


def keep_position(connection: Connection, source: str, position: Position) -> None:
    """Writes how far this source was read."""
    at = None if position.at is None else escape(position.at)
    row = [escape(source), escape(position.newest), at, position.passed_s]
    connection.execute("DELETE FROM bucket_position WHERE source = ?", [escape(source)])
    connection.execute("INSERT INTO bucket_position VALUES (?, ?, ?, ?)", row)
