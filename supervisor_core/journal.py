"""What happened, as lines of JSON for people and log collectors: `logs/supervisor.jsonl`.

Attempts that ended, deeds of the audit and gaps of recordings, in the order in which they were
written to the store, and only once they are there. What failed stands in `errors.jsonl` as well.
Lines hold keys of ours, words and numbers: no name from outside and nothing that was read.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from supervisor_core.rotated import RotatedFile

ALL = "supervisor.jsonl"
ERRORS = "errors.jsonl"
_KEPT = 5

Event = Mapping[str, object]

_transaction = threading.local()


def note(event: Event) -> None:
    """Tells of something that this thread's transaction writes; outside of one nothing is told.

    An event with a reason under "error" counts as failed. Empty values are left out.
    """
    if (events := getattr(_transaction, "events", None)) is not None:
        events.append({name: value for name, value in event.items() if value not in (None, "")})


@contextmanager
def noting() -> Iterator[list[Event]]:
    """Collects what is noted in the block: for whoever writes it down if the block ends well."""
    events: list[Event] = []
    _transaction.events = events
    try:
        yield events
    finally:
        _transaction.events = None


@dataclass(frozen=True)
class Journal:
    """The two files in a folder."""

    folder: Path

    def write(self, events: list[Event]) -> None:
        """Writes events at their end; a disk that takes none keeps no work from going on."""
        lines = [(event, json.dumps(event, default=_text).encode() + b"\n") for event in events]
        failed = b"".join(line for event, line in lines if "error" in event)
        with suppress(OSError):
            for name, text in ((ALL, b"".join(line for _, line in lines)), (ERRORS, failed)):
                if text:
                    RotatedFile(self.folder / name, kept=_KEPT).append(text)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
