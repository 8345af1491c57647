"""One segment on the disk: whole packets under a `.part` name, and a final name once it is closed.

Whatever kills the recorder, the `.part` file holds every packet that was written; `salvage` gives
it the final name later.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum, auto
from pathlib import Path

from supervisor_core.media.files import PART_SUFFIX, open_regular, publish, sync
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.packets import PACKET_BYTES, SYNC

SUFFIX = ".ts"


class Ending(StrEnum):
    """Why a segment, or a whole recording, came to its end."""

    AGE = auto()
    SIZE = auto()
    ASKED = auto()
    DISCONTINUITY = auto()
    DIED = auto()
    STALLED = auto()
    ENDED = auto()
    DURATION = auto()
    NOT_FOUND = auto()
    CANCELLED = auto()
    FORBIDDEN = auto()
    SALVAGED = auto()


@dataclass(frozen=True)
class Closed:
    """A segment that is complete under its final name."""

    path: Path
    size_bytes: int
    ending: Ending


class Folder:
    """Where the segments of one recording go: `<name>_<number>.ts`, in name order.

    Numbers go on after the highest there. Without a name of its own a recording is named by its
    start.
    """

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.path = path
        self.number = 0  # of the last file
        self._name = name or f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
        self._pattern = re.compile(re.escape(f"{self._name}_") + r"(\d+)\.ts(\.part)?")

    def next_file(self) -> "SegmentFile":
        """Opens the next segment."""
        self.number = (self.number or self._highest()) + 1
        return SegmentFile(self.path / f"{self._name}_{self.number:06d}{SUFFIX}")

    def _highest(self) -> int:
        found = (self._pattern.fullmatch(path.name) for path in self.path.iterdir())
        return max((int(name[1]) for name in found if name), default=0)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps every other recorder out; raises `Failed(ITEM_BUSY)` when one is in it."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Failed(Reason.ITEM_BUSY) from None
            yield
        finally:
            os.close(descriptor)


class SegmentFile:
    """A segment that is being written, without any buffer of ours in between."""

    def __init__(self, final: Path) -> None:
        self.final = final
        self.part = final.with_name(final.name + PART_SUFFIX)
        self.size_bytes = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        self._descriptor = os.open(self.part, flags, 0o600)
        self._waiting: list[bytes] = []

    def add(self, packet: bytes) -> None:
        """Takes a packet, which is on the disk after the next `write`."""
        self._waiting.append(packet)
        self.size_bytes += len(packet)

    def write(self) -> int:
        """Writes what was added, so many bytes; raises OSError when the disk is full or broken."""
        rest = memoryview(b"".join(self._waiting))
        size_bytes = len(rest)
        self._waiting.clear()
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        return size_bytes

    def sync(self) -> None:
        """Makes what was written survive a power cut."""
        os.fdatasync(self._descriptor)

    def close(self, ending: Ending) -> Closed:
        """Writes the rest, syncs and gives the file its final name."""
        self.write()
        self.abandon()
        return Closed(publish(self.part, self.final), self.size_bytes, ending)

    def abandon(self) -> None:
        """Closes the file and leaves it as it is, for `salvage`."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def salvage(folder: Path) -> list[Closed]:
    """Closes every `.part` segment that a killed recorder left in a folder, in name order.

    Half a packet, and zeros that a power cut left, are cut off at the end; a file without any
    packet is removed. Only whoever is alone in the folder may call this.
    """
    parts = sorted(folder.glob(f"*{SUFFIX}{PART_SUFFIX}"))
    return [closed for part in parts if (closed := _salvage(part))]


def _salvage(part: Path) -> Closed | None:
    with suppress(Failed):  # a link or a device by that name is not ours
        size_bytes = _whole_bytes(part)
        if not size_bytes:
            part.unlink()
            sync(part.parent)
            return None
        os.truncate(part, size_bytes)
        return Closed(publish(part, part.with_suffix("")), size_bytes, Ending.SALVAGED)
    return None


def _whole_bytes(part: Path) -> int:
    """How long a file is up to its last whole packet."""
    with os.fdopen(open_regular(part), "rb") as file:
        count = os.fstat(file.fileno()).st_size // PACKET_BYTES
        while count:
            file.seek((count - 1) * PACKET_BYTES)
            if file.read(1)[0] == SYNC:
                break
            count -= 1
    return count * PACKET_BYTES
