"""What an earlier recorder has left: where its stream stood, so that another one goes on there.

Only the ends of the last segments are read, which reach back further than most playlists do.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from supervisor_core.media.files import open_regular
from supervisor_core.reasons import Failed
from supervisor_core.recording.clock import Clock
from supervisor_core.recording.known import KnownKeys
from supervisor_core.recording.packets import (
    PACKET_BYTES,
    SYNC,
    Tables,
    is_key,
    payload_of,
    pid_of,
    starts_unit,
    time_of,
)
from supervisor_core.recording.pieces import Broken, Group, Place
from supervisor_core.recording.segment_file import (
    SUFFIX,
    Closed,
    Ending,
    SegmentFile,
    parts_in,
)

_READ_BYTES_MAX = 64 * 2**20
_HEAD_BYTES = 64 * PACKET_BYTES  # the tables stand at the beginning of every segment


@dataclass
class Recalled:
    """Where a stream stood: its clock, the key frames that are known, and a file that broke off.

    `closed` are segments that were left open before that one, `length_s` what was read of all.
    """

    clock: Clock = field(default_factory=Clock)
    keys: KnownKeys = field(default_factory=KnownKeys)
    broken: Broken | None = None
    closed: list[Closed] = field(default_factory=list)
    length_s: float = 0.0


def recall(folder: Path, after: Path | None = None) -> Recalled:
    """Reads the last segments of a folder, and before them one that lies elsewhere.

    Only whoever is alone in the folder may call this: what was left open in it is closed, but for
    the last, which the stream may go on with. What can't be read any more is left out.
    """
    recalled = Recalled()
    files = [file for part in parts_in(folder) if (file := SegmentFile.reopen(part))]
    recalled.closed = [file.close(Ending.SALVAGED) for file in files[:-1]]
    paths = [after] if after and after.is_file() else []
    paths += sorted(folder.glob(f"*{SUFFIX}"))
    group: Group | None = None
    for path, skipped_bytes in _ends([*paths, *(file.part for file in files[-1:])]):
        group = None
        with suppress(Failed):
            group = _Reader(recalled, path).read(skipped_bytes)
    if files:
        recalled.broken = Broken(files[-1], Ending.SALVAGED, group)
    recalled.keys.forget_open()
    recalled.length_s, recalled.clock.elapsed_s = recalled.clock.elapsed_s, 0.0
    return recalled


def _ends(paths: Sequence[Path]) -> list[tuple[Path, int]]:
    """The last files, and how many bytes are to be skipped of each."""
    left, ends = _READ_BYTES_MAX, list[tuple[Path, int]]()
    for path in reversed(paths):
        if left <= 0:
            break
        size_bytes = path.lstat().st_size
        skipped = max(0, size_bytes - left) // PACKET_BYTES * PACKET_BYTES
        ends.append((path, skipped))
        left -= size_bytes
    return ends[::-1]


class _Reader:
    """Follows one segment as the segmenter followed it when it was written."""

    def __init__(self, recalled: Recalled, path: Path) -> None:
        self._clock, self._keys, self._path = recalled.clock, recalled.keys, path
        self._tables = Tables()
        self._head_bytes = 0
        self._key: tuple[int, int | None] | None = None  # offset and stamp of the last key frame

    def read(self, skipped_bytes: int) -> Group | None:
        """Reads to the end, and says what the last group is."""
        with os.fdopen(open_regular(self._path), "rb") as file:
            for _, packet in _packets(file.read(_HEAD_BYTES), 0):
                self._tables.take(packet, pid_of(packet))
            self._head_bytes = len(self._tables.head)
            file.seek(skipped_bytes)
            for at, packet in _packets(file.read(), skipped_bytes):
                self._take(packet, at)
        if self._key is None:
            return None
        place = Place(self._path.with_suffix(""), self._key[0], self._head_bytes)
        return Group(place, self._key[1], self._keys.last, self._tables.leading)

    def _take(self, packet: bytes, at: int) -> None:
        pid = pid_of(packet)
        self._tables.take(packet, pid)
        if pid != self._tables.leading:
            return
        payload = payload_of(packet)
        if not starts_unit(packet):
            self._keys.go_on(payload)
            return
        self._keys.end()
        stamp, key = time_of(payload), is_key(packet, payload, self._tables.types[pid])
        if stamp is not None:
            self._clock.take(stamp)
        if key:
            self._key = (at, stamp)
        self._keys.begin(payload, key=key)


def _packets(content: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    for at in range(0, len(content) - PACKET_BYTES + 1, PACKET_BYTES):
        if content[at] == SYNC:
            yield offset + at, content[at : at + PACKET_BYTES]
