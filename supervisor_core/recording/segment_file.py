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
from typing import Self

from supervisor_core.media.files import PART_SUFFIX, open_regular, publish, sync
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.packets import PACKET_BYTES, SYNC

SUFFIX = ".ts"
_NAME = re.compile(r"(.+)_(\d+)\.ts(?:\.part)?")
_STARTED = re.compile(r"\d{8}T\d{12}Z")
_NEW = os.O_RDWR | os.O_NOFOLLOW


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
    DISK_FULL = auto()
    SALVAGED = auto()


BREAKS = frozenset({Ending.DIED, Ending.STALLED, Ending.NOT_FOUND})  # another source goes on


@dataclass(frozen=True)
class Closed:
    """A segment that is complete under its final name."""

    path: Path
    size_bytes: int
    ending: Ending


class Folder:
    """Where the segments of one recording go: `<name>_<number>.ts`, in name order.

    Numbers go on after the highest there. Without a name of its own a recording is named by its
    start, or as the last one there, should this machine's clock have been set back since.
    """

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.path = path
        self.number = 0  # of the last file
        self._name = name

    def next_file(self) -> "SegmentFile":
        """Opens the next segment."""
        self.number = (self.number or self._highest()) + 1
        return SegmentFile.create(self._path(self.number))

    def _highest(self) -> int:
        found = sorted(
            (name[1], int(name[2]))
            for path in self.path.iterdir()
            if (name := _NAME.fullmatch(path.name))
        )
        if self._name is None:
            now = f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
            self._name = max(now, *(name for name, _ in found if _STARTED.fullmatch(name)), now)
        return max((number for name, number in found if name == self._name), default=0)

    def drop(self, file: "SegmentFile") -> None:
        """Removes a segment that has nothing of its own; its number is given again."""
        file.remove()
        if file.final == self._path(self.number):
            self.number -= 1

    def _path(self, number: int) -> Path:
        return self.path / f"{self._name}_{number:06d}{SUFFIX}"

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

    def __init__(self, final: Path, descriptor: int, size_bytes: int) -> None:
        self.final, self.part = final, _part_of(final)
        self.size_bytes = size_bytes
        self._descriptor = descriptor
        self._waiting: list[bytes] = []

    @classmethod
    def create(cls, final: Path) -> Self:
        """A new file."""
        return cls(final, os.open(_part_of(final), _NEW | os.O_CREAT | os.O_EXCL, 0o600), 0)

    @classmethod
    def reopen(cls, part: Path) -> Self | None:
        """What a killed recorder left, up to its last whole packet; none when there is nothing."""
        with suppress(Failed):  # a link or a device by that name is not ours
            if not (size_bytes := _whole_bytes(part)):
                part.unlink()
                sync(part.parent)
                return None
            descriptor = os.open(part, _NEW)
            os.truncate(descriptor, size_bytes)
            os.lseek(descriptor, 0, os.SEEK_END)
            return cls(part.with_suffix(""), descriptor, size_bytes)
        return None

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

    def trim(self, offset: int) -> bytes:
        """Takes back what was written from a byte on, and returns it."""
        rest = os.pread(self._descriptor, self.size_bytes - offset, offset)
        os.ftruncate(self._descriptor, offset)
        self.size_bytes = os.lseek(self._descriptor, 0, os.SEEK_END)
        return rest

    def remove(self) -> None:
        """Takes all of it back."""
        self.abandon()
        self.part.unlink()

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


def parts_in(folder: Path) -> list[Path]:
    """The segments that a killed recorder left, in name order."""
    return sorted(folder.glob(f"*{SUFFIX}{PART_SUFFIX}"))


def salvage(folder: Path) -> list[Closed]:
    """Closes every `.part` segment that a killed recorder left in a folder, in name order.

    Half a packet, and zeros that a power cut left, are cut off at the end; a file without any
    packet is removed. Only whoever is alone in the folder may call this.
    """
    files = map(SegmentFile.reopen, parts_in(folder))
    return [file.close(Ending.SALVAGED) for file in files if file]


def _part_of(final: Path) -> Path:
    return final.with_name(final.name + PART_SUFFIX)


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
