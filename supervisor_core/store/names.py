"""Where files lay when they came in: restricted, because file names may name patients."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_to_bytes

from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, given, keys

_SHAPE = {"fingerprint": "VARCHAR", "relative_path": "VARCHAR"}
_ESCAPED = re.compile("[%\x00\udc80-\udcff]")


def remember(connection: Connection, paths: Mapping[str, str]) -> None:
    """Keeps the relative path of each fingerprint; knowing it already changes nothing."""
    rows = [{"fingerprint": key, "relative_path": escape(path)} for key, path in paths.items()]
    if rows:
        connection.execute(
            f"MERGE INTO arrival_name USING {ROWS} AS given USING (fingerprint)"
            " WHEN NOT MATCHED THEN INSERT BY NAME",
            given(_SHAPE, rows),
        )


def recall(connection: Connection, fingerprints: Iterable[str]) -> dict[str, str]:
    """The relative paths of these fingerprints, where they are known."""
    sql = f"SELECT fingerprint, relative_path FROM arrival_name JOIN {ROWS} USING (fingerprint)"  # noqa: S608
    found = connection.execute(sql, keys("fingerprint", fingerprints)).fetchall()
    return {fingerprint: unescape(path) for fingerprint, path in found}


def escape(path: str) -> str:
    """Text that any database takes: bytes that are no text become `%XX`, and so does `%`."""
    return _ESCAPED.sub(lambda match: f"%{ord(match[0]) & 0xFF:02X}", path)


def unescape(text: str) -> str:
    """What `escape` was given."""
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")
