"""Looks the store over against the files, and the files against their hashes. Changes nothing.

Every file that changes while this looks is looked at again before it counts; see `flaws`.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.care.flaws import Finding, Flaw, misfits
from supervisor_core.care.trees import Lying, look_at, sha256_through
from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Failed
from supervisor_core.store.database import Connection
from supervisor_core.store.expectations import Expected, expected
from supervisor_core.store.rows import insert

_NIGHTS = 32
_LOG = {"look": "VARCHAR", "flaw": "VARCHAR", "subject": "VARCHAR", "detail": "VARCHAR"}

Chosen = Callable[[str], bool]


@dataclass(frozen=True)
class Look:
    """What one look has found; `unread` files could not be hashed in their time."""

    started: datetime
    seconds: float
    rows: int
    files: int
    hashed: int
    unread: int
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> Mapping[Flaw, int]:
        """How many of which."""
        return Counter(one.flaw for one in self.findings)


def everything(_: str) -> bool:
    """Chooses every file to be hashed."""
    return True


def nothing(_: str) -> bool:
    """Chooses none."""
    return False


def tonight(now: datetime) -> Chosen:
    """Chooses the files of this night: each file's turn comes once in 32 nights."""
    night = now.toordinal() % _NIGHTS
    return lambda sha256: int(sha256[:4], 16) % _NIGHTS == night


def look_over(context: Context, hashed: Chosen = nothing) -> Look:
    """Looks at everything once and writes down what was found.

    Raises `Failed`: STORE_BUSY, STORE_DAMAGED, IO_ERROR, and TIMEOUT where a disk hangs.
    """
    started, begun_s = context.now(), time.monotonic()
    with context.store.read() as connection:
        wanted = expected(connection)
    lying = look_at(context, wanted.count)
    suspects = list(misfits(wanted, lying, started.timestamp()))
    findings = _confirmed(context, suspects) if suspects else []
    reader = _Reader(context, hashed)
    findings += reader.read(wanted, lying)
    seconds = time.monotonic() - begun_s
    look = Look(
        started, seconds, wanted.count, len(lying), reader.hashed, reader.unread, tuple(findings)
    )
    with context.store.write() as connection:
        _write(connection, look)
    return look


def _confirmed(context: Context, suspects: Sequence[Finding]) -> list[Finding]:
    """Those that a second look finds again.

    The first asked the store and then the disk, this one the disk and then the store: so neither a
    file that was just published nor one that was just thrown away is in both.
    """
    lying = look_at(context, len(suspects))
    with context.store.read() as connection:
        wanted = expected(connection)
    again = set(misfits(wanted, lying, context.now().timestamp()))
    return [one for one in suspects if one in again]


class _Reader:
    """Reads chosen files from their first byte to the last."""

    def __init__(self, context: Context, chosen: Chosen) -> None:
        self.hashed = self.unread = 0
        self._context, self._chosen = context, chosen

    def read(self, wanted: Expected, lying: Mapping[str, Lying]) -> list[Finding]:
        """The files whose bytes are others than their hash says."""
        rows = [(one.media, one.path, one.media, Flaw.RAW_CHANGED) for one in wanted.raw]
        rows += [(one.sha256, one.path, one.media, Flaw.FILE_CHANGED) for one in wanted.made]
        rows += [(one.sha256, one.path, one.media, Flaw.FILE_CHANGED) for one in wanted.released]
        due = [row for row in rows if row[1] in lying and self._chosen(row[0])]
        found = []
        for number, (sha256, path, media, flaw) in enumerate(due, 1):
            if self._differs(sha256, lying[path]):
                found.append(Finding(flaw, media, path))
            if self._context.on_progress:
                self._context.on_progress(number, len(due))
        return found

    def _differs(self, sha256: str, lying: Lying) -> bool:
        settings, path = self._context.settings, self._context.home.absolute(lying.path)
        gigabytes = (lying.size_bytes or 0) / 1e9
        limit_s = settings.import_base_s + settings.import_s_per_gb * gigabytes
        try:
            actual = self._context.worker.call(sha256_through, path, limit_s=limit_s)
        except Failed:
            self.unread += 1
            return False
        self.hashed += 1
        return actual != sha256


def _write(connection: Connection, look: Look) -> None:
    key = uuid.uuid4().hex
    connection.execute(
        "INSERT INTO consistency_look VALUES (?, ?, ?, ?, ?, ?, ?)",
        [key, look.started, look.seconds, look.rows, look.files, look.hashed, len(look.findings)],
    )
    insert(
        connection, "consistency_log", _LOG, [vars(one) | {"look": key} for one in look.findings]
    )
