"""What scans of libraries have seen, by path keys: the paths themselves are in the other store."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from supervisor_core.keys import Fingerprint, IntakeKey, MediaKey
from supervisor_core.libraries.marker import Mark
from supervisor_core.libraries.rescan import Known
from supervisor_core.reasons import Reason
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, given, insert, keys, reason_of

_FILE = {
    "source": "VARCHAR",
    "path_key": "VARCHAR",
    "fingerprint": "VARCHAR",
    "size_bytes": "BIGINT",
    "mtime_ns": "BIGINT",
    "media": "VARCHAR",
    "state": "VARCHAR",
    "missing_since": "TIMESTAMPTZ",
    "first_seen": "TIMESTAMPTZ",
    "last_seen": "TIMESTAMPTZ",
}
_LOG = {
    "scan": "VARCHAR",
    "source": "VARCHAR",
    "fingerprint": "VARCHAR",
    "event": "VARCHAR",
    "intake": "VARCHAR",
    "ordinal": "INTEGER",
    "media": "VARCHAR",
    "reason": "VARCHAR",
    "happened": "TIMESTAMPTZ",
}
_PRESENT, _MISSING = "present", "missing"


class Event(StrEnum):
    """What a scan or an import has found out of one file."""

    NEW = "new"
    CHANGED = "changed"
    MISSING = "missing"
    BACK = "back"
    IMPORTED = "imported"
    DUPLICATE = "duplicate"
    MOVED = "moved"
    REFUSED = "refused"


@dataclass(frozen=True)
class KnownRoot:
    """A root that was scanned before; `place` is the SHA-256 of its path."""

    source: str
    mark: Mark
    place: str


@dataclass(frozen=True)
class Logged:
    """One event of one file; `scan` is None for what an import has found out."""

    source: str
    fingerprint: Fingerprint
    event: Event
    scan: str | None = None
    intake: IntakeKey | None = None
    ordinal: int | None = None
    media: MediaKey | None = None
    reason: Reason | None = None


@dataclass(frozen=True)
class Scan:
    """One scan with its counts; `refused_reason` says why it has changed nothing."""

    source: str
    started: datetime
    ended: datetime
    listed: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    missing: int = 0
    back: int = 0
    unchanged: int = 0
    refused_reason: Reason | None = None
    id: str = ""


@dataclass(frozen=True)
class Seen:
    """A file of a root as a scan has seen it."""

    path_key: str
    fingerprint: Fingerprint
    size_bytes: int
    mtime_ns: int
    media: MediaKey | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of an arrival of a root."""

    fingerprint: Fingerprint
    intake: IntakeKey
    ordinal: int
    event: Event
    media: MediaKey | None = None
    reason: Reason | None = None


def find_root(connection: Connection, source: str) -> KnownRoot | None:
    """The root of this name, if it was ever scanned."""
    rows = fetch(connection, "SELECT * FROM library_root WHERE source = ?", [source])
    if not rows:
        return None
    row = {name: str(value) for name, value in rows[0].items()}
    return KnownRoot(source, Mark(row["marker"], row["device"], row["inode"]), row["place"])


def save_root(connection: Connection, root: KnownRoot, now: datetime) -> None:
    """Writes what a root is known by."""
    connection.execute("DELETE FROM library_root WHERE source = ?", [root.source])
    connection.execute(
        "INSERT INTO library_root BY NAME (SELECT ? AS source, ? AS marker, ? AS device,"
        " ? AS inode, ? AS place, ?::TIMESTAMPTZ AS first_seen)",
        [root.source, root.mark.marker, root.mark.device, root.mark.inode, root.place, now],
    )


def known_files(connection: Connection, source: str) -> dict[str, Known]:
    """Every file of a root that is known, by path key; 100,000 of them take about 0.3 s."""
    sql = (
        "SELECT path_key, fingerprint, size_bytes, mtime_ns, media, state = 'present'"
        " FROM library_file WHERE source = ?"
    )
    return {row[0]: Known._make(row) for row in connection.execute(sql, [source]).fetchall()}


def present_files(connection: Connection, source: str) -> dict[MediaKey, Fingerprint]:
    """One file of a root for each media that is there, by its fingerprint."""
    sql = (
        "SELECT media, min(fingerprint) FROM library_file"
        " WHERE source = ? AND state = 'present' AND media IS NOT NULL GROUP BY media"
    )
    found = connection.execute(sql, [source]).fetchall()
    return {MediaKey(media): Fingerprint(name) for media, name in found}


def holders(connection: Connection, media: Iterable[str]) -> dict[MediaKey, tuple[str, str]]:
    """For each of these media a file that is there: (source, fingerprint)."""
    sql = f"""
        SELECT media, min({{'source': source, 'name': fingerprint}}) FROM library_file
        JOIN {ROWS} USING (media) WHERE state = 'present' GROUP BY media
    """  # noqa: S608
    found = connection.execute(sql, keys("media", media)).fetchall()
    return {MediaKey(one): (file["source"], file["name"]) for one, file in found}


def enter(connection: Connection, source: str, files: Sequence[Seen], now: datetime) -> None:
    """Writes files as present: new ones, and known ones as they are now."""
    rows = [
        vars(one)
        | {"source": source, "state": _PRESENT, "missing_since": None}
        | {"first_seen": now, "last_seen": now}
        for one in files
    ]
    changing = [name for name in _FILE if name not in ("source", "path_key", "first_seen")]
    if rows:
        connection.execute(
            f"MERGE INTO library_file USING {ROWS} AS given USING (source, path_key)"
            f" WHEN MATCHED THEN UPDATE SET {', '.join(f'{n} = given.{n}' for n in changing)}"
            " WHEN NOT MATCHED THEN INSERT BY NAME",
            given(_FILE, rows),
        )


def miss(connection: Connection, source: str, path_keys: Iterable[str], now: datetime) -> None:
    """Marks files as missing from now on; the last scan that changed something saw them."""
    sql = "SELECT max(ended) FROM scan_results WHERE source = ? AND refused_reason IS NULL"
    last = connection.execute(sql, [source]).fetchone()
    connection.execute(
        f"""UPDATE library_file SET state = ?, missing_since = ?,
            last_seen = coalesce(?::TIMESTAMPTZ, last_seen)
            WHERE source = ? AND path_key IN (SELECT path_key FROM {ROWS})""",  # noqa: S608
        [_MISSING, now, last[0] if last else None, source, *keys("path_key", path_keys)],
    )


def write_scan(connection: Connection, scan: Scan) -> str:
    """Writes the row of a scan and returns its id."""
    shape = {field.name: "BIGINT" for field in fields(Scan)} | {
        "id": "VARCHAR",
        "source": "VARCHAR",
        "started": "TIMESTAMPTZ",
        "ended": "TIMESTAMPTZ",
        "refused_reason": "VARCHAR",
    }
    name = scan.id or uuid.uuid4().hex
    insert(connection, "scan_results", shape, [vars(scan) | {"id": name}])
    return name


def log(connection: Connection, events: Iterable[Logged], now: datetime) -> None:
    """Adds events to the import log."""
    insert(connection, "import_log", _LOG, [vars(one) | {"happened": now} for one in events])


def settle(connection: Connection, source: str, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Writes what an import has found out of files of a root.

    A content that is missing at another path has moved: that path is forgotten, no media is.
    """
    ended = [one for one in outcomes if one.media is not None]
    if ended:
        shape = {"fingerprint": "VARCHAR", "media": "VARCHAR"}
        connection.execute(
            f"MERGE INTO library_file USING {ROWS} AS given ON"
            " library_file.fingerprint = given.fingerprint AND library_file.source = ?"
            " WHEN MATCHED THEN UPDATE SET media = given.media",
            [*given(shape, [vars(one) for one in ended]), source],
        )
    moved = _forget_moved(connection, source, ended)
    log(
        connection,
        (
            Logged(
                source,
                one.fingerprint,
                Event.MOVED if one.fingerprint in moved else one.event,
                intake=one.intake,
                ordinal=one.ordinal,
                media=one.media,
                reason=one.reason,
            )
            for one in outcomes
        ),
        now,
    )


def _forget_moved(
    connection: Connection, source: str, outcomes: Sequence[Outcome]
) -> set[Fingerprint]:
    """Forgets a missing path for each file of the same content, and says which files those are."""
    if not outcomes:
        return set()
    sql = f"""SELECT DISTINCT media, path_key FROM library_file JOIN {ROWS} USING (media)
        WHERE source = ? AND state = 'missing' ORDER BY path_key"""  # noqa: S608
    media = [one.media for one in outcomes if one.media]
    gone: dict[str, list[str]] = {}
    for key, path in connection.execute(sql, [*keys("media", media), source]).fetchall():
        gone.setdefault(key, []).append(path)
    moved, forgotten = set(), []
    for one in outcomes:
        if paths := gone.get(str(one.media)):
            forgotten.append(paths.pop())
            moved.add(one.fingerprint)
    connection.execute(
        f"DELETE FROM library_file WHERE source = ? AND path_key IN (SELECT path_key FROM {ROWS})",  # noqa: S608
        [source, *keys("path_key", forgotten)],
    )
    return moved


def scans_of(connection: Connection, source: str) -> list[Scan]:
    """The scans of a root, oldest first."""
    found = fetch(
        connection, "SELECT * FROM scan_results WHERE source = ? ORDER BY started", [source]
    )
    reasons = [{"refused_reason": reason_of(row["refused_reason"])} for row in found]
    return [Scan(**row | more) for row, more in zip(found, reasons, strict=True)]  # type: ignore[arg-type]


def events_of(connection: Connection, source: str) -> list[tuple[str, Fingerprint]]:
    """The events of a root's files in their order: (event, fingerprint)."""
    sql = "SELECT event, fingerprint FROM import_log WHERE source = ? ORDER BY happened"
    return [(row[0], Fingerprint(row[1])) for row in connection.execute(sql, [source]).fetchall()]


def last_scans(connection: Connection) -> Mapping[str, datetime]:
    """When each root was looked at last, whether that changed something or not."""
    sql = "SELECT source, max(ended) FROM scan_results GROUP BY source"
    return dict(connection.execute(sql).fetchall())
