"""Looks for planted words in every file below a folder, also where they are packed or in tables."""

import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb

_PACKED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_UNPACKED_BYTES = 1 << 20


def find(root: Path, words: Iterable[str], *, leave_out: Iterable[str] = ()) -> set[tuple]:
    """Pairs of a word and the path, relative to the root, of a file whose content or name has it.

    `leave_out` are folders of the root in which words may stand in contents.
    """
    sought = {word: _forms(word) for word in words}
    skipped = set(leave_out)
    found = set()
    for path in root.rglob("*"):
        inside = path.relative_to(root)
        views = [str(inside).lower().encode()] if inside.parts[0] != "inbox" else []
        if path.is_file() and not path.is_symlink() and inside.parts[0] not in skipped:
            views += _views(path)
        for word, forms in sought.items():
            if any(form in view for view in views for form in forms):
                found.add((word, str(inside)))
    return found


def holds(data: bytes, words: Iterable[str]) -> set[str]:
    """The words that stand in these bytes."""
    view = data.lower()
    return {word for word in words if any(form in view for form in _forms(word))}


def _forms(word: str) -> list[bytes]:
    small = word.lower()
    escaped = small.encode("ascii", "backslashreplace")
    return [small.encode(), small.encode("utf-16-le"), small.encode("utf-16-be"), escaped]


def _views(path: Path) -> list[bytes]:
    """What a reader could make of a file, in small letters."""
    data = path.read_bytes()
    views = [data, *_unpacked(data)]
    if data.startswith(b"SQLite format 3\0"):
        views.append(_sqlite_rows(path))
    elif data[8:12] == b"DUCK" and b"restricted" not in path.name.encode():
        views.append(_duckdb_rows(path))
    return [view.lower() for view in views]


def _unpacked(data: bytes) -> Iterator[bytes]:
    for start in _PACKED.finditer(data):
        unpacker = zlib.decompressobj(wbits=47)
        try:
            yield unpacker.decompress(data[start.start() :], _UNPACKED_BYTES)
        except zlib.error:
            continue


def _sqlite_rows(path: Path) -> bytes:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        rows = [connection.execute(f'SELECT * FROM "{name.decode()}"') for (name,) in names]
        return b"\n".join(_bytes(cell) for row in rows for values in row for cell in values)


def _duckdb_rows(path: Path) -> bytes:
    with duckdb.connect(str(path), read_only=True) as connection:
        names = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        rows = [connection.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in names]
    return b"\n".join(_bytes(cell) for row in rows for values in row for cell in values)


def _bytes(cell: object) -> bytes:
    return cell if isinstance(cell, bytes) else str(cell).encode("utf-8", "surrogateescape")
